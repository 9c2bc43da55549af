"""A world that a reader solves by eye: 240 items, a linear decoder whose latents are planted, users with those tastes.

z_0: Horror at the positive end, Comedy at the negative one.   z_1: new films / old films.
z_2: high / low rating.   z_3: random item weights, related to nothing.   z_4: dead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from bundle.catalogue import Attribute, Catalogue
from training.data.split import HeldOut, Protocol, Split
from training.decode.options import DecodeOptions
from training.models.base import LatentModel, ModelConfig, Posterior, SparseRows

N_ITEMS, N_USERS, N_LATENT = 240, 300, 5
GENRES, DECADES, RATINGS = (
    ("Comedy", "Drama", "Horror"),
    ("1970s", "1980s", "1990s", "2000s"),
    ("low", "middle", "high"),
)
QUICK = DecodeOptions(top_k=20, users=60, samples=16, permutations=199, bootstraps=200, map_users=50)


class LinearModel(LatentModel):
    """logits = loadings z; mu = the mean standardised loading of the history, 0 for dead dimensions."""

    kind = "linear"

    def __init__(self, loadings: np.ndarray, *, dead: tuple[int, ...] = (), posterior: bool = True, shift: float = 0.0):
        super().__init__()
        self.n_items, self.n_latent = loadings.shape
        self.n_conditions, self.config = (2 if shift else 0), ModelConfig()
        self.loadings = torch.tensor(loadings, dtype=torch.float32)
        self.alive = torch.ones(self.n_latent)
        self.alive[list(dead)] = 0.0
        self.posterior, self.shift = posterior, shift

    def encode(self, rows: SparseRows, condition: Tensor | None = None) -> Posterior:
        mean = embedding_bag(rows.indices, self.loadings, rows.offsets, mode="mean", include_last_offset=True)
        mu = mean * self.alive
        if condition is not None and self.shift:
            mu = mu + pad(condition * self.shift, (0, self.n_latent - condition.shape[1]))
        return Posterior(mu, (self.alive * -4.0).expand_as(mu) if self.posterior else None)

    def encode_padded(self, history: Tensor, mask: Tensor, condition: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        return (z * self.alive) @ self.loadings.T


@dataclass(frozen=True)
class World:
    model: LinearModel
    split: Split
    catalogue: Catalogue


def planted_world(seed: int = 0, *, planted: bool = True, posterior: bool = True, shift: float = 0.0) -> World:
    """planted=False gives random loadings everywhere: nothing to decode, the control."""
    rng = np.random.default_rng(seed)
    genre, decade, rating = (rng.integers(len(v), size=N_ITEMS) for v in (GENRES, DECADES, RATINGS))
    loadings = rng.normal(size=(N_ITEMS, N_LATENT))
    if planted:
        noise = 0.3 * loadings[:, :3]
        loadings[:, :3] = np.stack([genre - 1.0, (decade - 1.5) / 1.5, rating - 1.0], axis=1) + noise
    loadings *= 1.5
    histories = _histories(loadings, rng)
    ids = tuple(f"m{j}" for j in range(N_ITEMS))
    popularity = np.asarray(histories.sum(axis=0)).ravel()
    catalogue = Catalogue(
        ids=ids,
        titles=tuple(f"Film {j}" for j in range(N_ITEMS)),
        popularity=tuple((popularity / popularity.sum()).tolist()),
        attributes=(
            attribute("genre", GENRES, genre),
            attribute("year", DECADES, decade, numeric=True),
            attribute("rating", RATINGS, rating, numeric=True),
        ),
    )
    model = LinearModel(loadings, dead=(4,), posterior=posterior, shift=shift)
    return World(model, _split(ids, histories), catalogue)


def attribute(name: str, values: tuple[str, ...], value_of: np.ndarray, *, numeric: bool = False) -> Attribute:
    """value_of [n_items]: the value index of each item, -1 = missing."""
    rows = tuple((int(v),) if v >= 0 else () for v in value_of)
    if not numeric:
        return Attribute(name=name, field=name, kind="categorical", values=values, rows=rows)
    numbers = tuple(float(v) if v >= 0 else None for v in value_of)
    return Attribute(name=name, field=name, kind="numeric", values=values, rows=rows, numbers=numbers)


def with_attributes(world: World, *attributes: Attribute) -> World:
    c = world.catalogue
    return World(
        world.model,
        world.split,
        Catalogue(ids=c.ids, titles=c.titles, popularity=c.popularity, attributes=attributes),
    )


def _histories(loadings: np.ndarray, rng: np.random.Generator) -> sparse.csr_matrix:
    logits = rng.normal(size=(N_USERS, loadings.shape[1])) @ loadings.T
    noisy = logits + rng.gumbel(size=logits.shape)
    chosen = np.argsort(-noisy, axis=1)[:, :20]
    rows = np.repeat(np.arange(N_USERS), chosen.shape[1])
    ones = np.ones(chosen.size, np.float32)
    return sparse.csr_matrix((ones, (rows, chosen.ravel())), shape=(N_USERS, len(loadings)))


def _split(ids: tuple[str, ...], histories: sparse.csr_matrix) -> Split:
    held = HeldOut(tuple(f"v{i}" for i in range(50)), histories[:50], histories[:50])
    train = histories[50:]
    users = tuple(f"u{i}" for i in range(train.shape[0]))
    return Split(ids, users, train, held, held, Protocol(), "fingerprint")
