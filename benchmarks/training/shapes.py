"""The data that is timed: a split of a given shape, real or drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.catalogue import Catalogue
from training.data.read import read_dataset
from training.data.split import HeldOut, Protocol, Split, assemble_split, split_dataset
from training.data.split_file import load_split

GROUPS = 20
TARGET_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Shape:
    """users, items: of the training part; mean: items a user on average; heldout: validation users."""

    name: str
    users: int
    items: int
    mean: float
    heldout: int

    def told(self) -> str:
        return f"{self.users:,} users x {self.items:,} items"


ML_1M = Shape("ML-1M", 4_834, 3_497, 95.7, 600)
ML_20M = Shape("ML-20M", 116_677, 20_108, 73.0, 10_000)
MILLION = Shape("a million items", 20_000, 1_000_000, 60.0, 200)
TINY = Shape("tiny", 300, 200, 20.0, 100)


def drawn(shape: Shape, *, seed: int = 0) -> Split:
    """Made-up users: a few items are liked by many (Zipf), half of a user's items come from a taste shared by a group.

    Lengths are lognormal. A pair drawn twice counts once, so more are drawn. Seconds for ten million interactions.
    """
    rng = np.random.default_rng(seed)
    heldout = _rows(shape, shape.heldout, rng)
    is_target = rng.random(heldout.nnz) < TARGET_SHARE
    validation = HeldOut(
        tuple(f"v{n}" for n in range(shape.heldout)), _part(heldout, ~is_target), _part(heldout, is_target)
    )
    return assemble_split(
        item_ids=tuple(f"i{n}" for n in range(shape.items)),
        train_users=tuple(f"u{n}" for n in range(shape.users)),
        train=_rows(shape, shape.users, rng),
        heldout=(validation, validation),  # nothing here is tested
        protocol=Protocol(n_heldout=shape.heldout),
    )


def _rows(shape: Shape, n_users: int, rng: np.random.Generator) -> sparse.csr_matrix:
    lengths = np.clip(rng.lognormal(np.log(shape.mean / 1.5), 0.9, n_users), 5, shape.items // 4)
    lengths *= shape.mean / lengths.mean()
    some = lengths[: max(100, n_users // 50)]
    lengths *= some.sum() / len(_pairs(shape, some, rng))  # as many more as fall together
    user, item = np.divmod(_pairs(shape, lengths, rng), shape.items)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=n_users))])
    ones = np.ones(len(item), dtype=np.float32)
    return sparse.csr_matrix((ones, item.astype(np.int32), indptr.astype(np.int32)), shape=(n_users, shape.items))


def _pairs(shape: Shape, lengths: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Different pairs user * items + item, ascending."""
    user = np.repeat(np.arange(len(lengths)), np.maximum(lengths.round().astype(np.int64), 4))
    popularity = (np.arange(shape.items) + 20.0) ** -1.1
    rank = np.searchsorted(np.cumsum(popularity / popularity.sum()), rng.random(len(user), dtype=np.float32))
    shift = np.where(rng.random(len(user), dtype=np.float32) < 0.5, 0, (user % GROUPS) * (shape.items // GROUPS))
    found = np.sort(user * shape.items + (np.minimum(rank, shape.items - 1) + shift) % shape.items)
    return found[np.concatenate([[True], found[1:] != found[:-1]])]


def _part(rows: sparse.csr_matrix, taken: NDArray[np.bool_]) -> sparse.csr_matrix:
    found = rows.tocoo()
    part = sparse.csr_matrix((found.data[taken], (found.row[taken], found.col[taken])), shape=rows.shape)
    part.sort_indices()
    return part


def real_or_drawn(shape: Shape, data: Path | None) -> tuple[Split, str]:
    """The data set in `data` (a folder, or a split as .npz) and where it is from; one drawn if that is not there."""
    if data is None or not data.exists():
        return drawn(shape), f"drawn at {shape.name}'s shape"
    if data.suffix == ".npz":
        return load_split(data), "MovieLens-1M"
    return split_dataset(read_dataset(data), Protocol(threshold=4.0, n_heldout=shape.heldout)), "MovieLens-1M"


def bare_catalogue(split: Split) -> Catalogue:
    """The items of a split, of which nothing is known."""
    n = len(split.item_ids)
    return Catalogue(ids=split.item_ids, titles=(None,) * n, popularity=(1.0 / n,) * n, attributes=())
