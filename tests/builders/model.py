"""The numpy twin of the builder's graphs: a small tanh VAE whose weights are set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.builders.catalogue import GENRES, item_genres, item_rating, item_year
from tests.builders.linear import BuilderLinear, builder_along, builder_linear

Array = NDArray[np.float64]
N_NODES = 32
"""Gauss-Legendre nodes of the history path, in the graph and here."""


@dataclass(frozen=True)
class Explained:
    """latent [K, d], latent_base [K], history [K, L], history_base [K], linear [K, L]: the explainer's outputs."""

    latent: Array
    latent_base: Array
    history: Array
    history_base: Array
    linear: Array


@dataclass(frozen=True)
class BuilderModel:
    """item_in [n, H], condition_in [C, H], bias_in [H], to_mu [H, d], mu_bias [d], hidden [d, G], hidden_bias [G],
    out [G, n], out_bias [n]; everything float64 holding float32 values, so the twin is the reference.
    linear: the term beside the decoder, or None; along [d, n]: what it gains as z is moved, None where nothing.

    A condition is the inputs that are switched on, each to `weight`.
    """

    item_in: Array
    condition_in: Array
    bias_in: Array
    to_mu: Array
    mu_bias: Array
    hidden: Array
    hidden_bias: Array
    out: Array
    out_bias: Array
    linear: BuilderLinear | None = None
    along: Array | None = None

    @property
    def n_items(self) -> int:
        return self.item_in.shape[0]

    @property
    def n_latent(self) -> int:
        return self.to_mu.shape[1]

    @property
    def n_conditions(self) -> int:
        return self.condition_in.shape[0]

    def encode(self, history: Sequence[int], condition: Sequence[int] = (), *, weight: float = 1.0) -> Array:
        """mu [d] of one history of item indices under the condition values asked for."""
        summed = self.item_in[list(history)].sum(0) / np.sqrt(max(len(history), 1))
        return np.tanh(summed + self._offset(condition, weight)) @ self.to_mu + self.mu_bias

    def logits(self, z: Array) -> Array:
        """z [..., d] -> logits [..., n_items], of the decoder alone."""
        return np.tanh(z @ self.hidden + self.hidden_bias) @ self.out + self.out_bias

    def scores(
        self,
        history: Sequence[int],
        condition: Sequence[int] = (),
        *,
        weight: float = 1.0,
        shift: Array | float = 0.0,
    ) -> Array:
        """[n_items]: what the model ranks by: the decoder at the encoder's point plus shift, and the linear term."""
        found = self.logits(self.encode(history, condition, weight=weight) + shift) + self.followed(shift)
        return found if self.linear is None else found + self.linear.scores(history, self._asked(condition, weight))

    def followed(self, shift: Array | float) -> Array:
        """shift [..., d] (a number: all of them) -> [..., n_items]: what the linear term gains by it."""
        shift = np.asarray(shift, dtype=float) if np.ndim(shift) else np.full(self.n_latent, shift)
        return np.zeros((*shift.shape[:-1], self.n_items)) if self.along is None else shift @ self.along

    def explain(
        self,
        history: Sequence[int],
        item_ix: Sequence[int],
        *,
        condition: Sequence[int] = (),
        weight: float = 1.0,
        shift: Array | None = None,
    ) -> Explained:
        """What explainer.onnx must answer; the definitions are those of the science notes, section 5."""
        shift = np.zeros(self.n_latent) if shift is None else shift
        rows = self.out.T[list(item_ix)]
        z = self.encode(history, condition, weight=weight) + shift
        a = z @ self.hidden
        safe = np.where(np.abs(a) < 1e-9, 1.0, a)
        limit = 1.0 - np.tanh(self.hidden_bias) ** 2
        slope = np.where(np.abs(a) < 1e-9, limit, (np.tanh(safe + self.hidden_bias) - np.tanh(self.hidden_bias)) / safe)
        per_item = self.item_in[list(history)] / np.sqrt(max(len(history), 1))
        gradient = self._mean_gradient(per_item.sum(0), rows, self._offset(condition, weight), shift)
        gains, direct = np.zeros(len(rows)), np.zeros((len(rows), len(history)))
        if self.linear is not None:
            asked = self._asked(condition, weight)
            gains, direct = self.linear.gains(asked)[list(item_ix)], self.linear.parts(history, item_ix, asked)
        followed = 0.0 if self.along is None else self.along[:, list(item_ix)].T * shift  # [K, d]
        return Explained(
            latent=(rows * slope) @ self.hidden.T * z + followed,
            latent_base=self.logits(np.zeros(self.n_latent))[list(item_ix)] + gains,
            history=gradient @ per_item.T + direct,
            history_base=(
                self.logits(self.encode((), condition, weight=weight) + shift)[list(item_ix)]
                + gains
                + self.followed(shift)[list(item_ix)]
            ),
            linear=direct,
        )

    def _asked(self, condition: Sequence[int], weight: float) -> Array:
        """[C]: the condition input."""
        asked = np.zeros(self.n_conditions)
        asked[list(condition)] = weight
        return asked

    def _offset(self, condition: Sequence[int], weight: float) -> Array:
        return self._asked(condition, weight) @ self.condition_in + self.bias_in

    def _mean_gradient(self, summed: Array, rows: Array, offset: Array, shift: Array) -> Array:
        """[K, H]: d logit / d (first layer's input), averaged along the straight path from no history to all of it."""
        nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
        mean = np.zeros((len(rows), self.item_in.shape[1]))
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            first = np.tanh(node * summed + offset)
            second = np.tanh((first @ self.to_mu + self.mu_bias + shift) @ self.hidden + self.hidden_bias)
            mean += weight * ((rows * (1 - second**2)) @ self.hidden.T @ self.to_mu.T * (1 - first**2))
        return mean


def builder_model(
    *,
    n_items: int = 50,
    n_latent: int = 4,
    n_conditions: int = 3,
    seed: int = 0,
    linear: bool = False,
    steering: bool = False,
) -> BuilderModel:
    """The planted weights, the same for the same arguments as `make_bundle`.

    linear: with a term beside the decoder; steering: with one that follows who steers.
    """
    if n_latent < 2 or not 0 <= n_conditions <= len(GENRES) or n_items < 3:
        raise ValueError("the builder plants n_items >= 3, n_latent >= 2 and at most 3 conditions")
    rng = np.random.default_rng(seed)
    tastes = _tastes(n_items, n_latent, rng)
    extra = 3
    width = n_latent + extra

    def noise(*shape: int, scale: float = 0.05) -> Array:
        return rng.normal(0.0, scale, shape)

    condition = noise(n_conditions, width)
    for value, (unit, push) in enumerate(((0, 1.0), (2, 1.0), (0, -1.0))[:n_conditions]):
        if unit < n_latent - 1:
            condition[value, unit] += push
    to_mu = np.vstack([3.0 * np.eye(n_latent), noise(extra, n_latent)])
    to_mu[:, -1] = 1e-3 * noise(width)
    hidden = np.hstack([np.eye(n_latent), noise(n_latent, extra, scale=0.3)])
    hidden[-1] = 1e-3 * noise(width)
    out = np.vstack([2.0 * tastes.T, noise(extra, n_items, scale=0.3)])
    weights = {
        "item_in": np.hstack([0.5 * tastes, noise(n_items, extra)]),
        "condition_in": condition,
        "bias_in": noise(width, scale=0.02),
        "to_mu": to_mu,
        "mu_bias": 0.01 * noise(n_latent),
        "hidden": hidden,
        "hidden_bias": noise(width, scale=0.1),
        "out": out,
        "out_bias": -0.3 * np.log(np.arange(2.0, n_items + 2.0)),
    }
    has_linear = linear or steering
    term = builder_linear(n_items=n_items, n_conditions=n_conditions, seed=seed) if has_linear else None
    along = builder_along(n_items=n_items, n_latent=n_latent, seed=seed) if steering else None
    stored = {name: value.astype(np.float32).astype(np.float64) for name, value in weights.items()}
    return BuilderModel(**stored, linear=term, along=along)


def _tastes(n_items: int, n_latent: int, rng: np.random.Generator) -> Array:
    """[n_items, n_latent] in [-1, 1]: what each latent's unit sees in an item."""
    tastes = rng.normal(0.0, 0.3, (n_items, n_latent))
    genres = [item_genres(j) for j in range(n_items)]
    tastes[:, 0] = [(0 in g) * 1.0 - (2 in g) * 1.0 for g in genres]
    if n_latent > 2:
        tastes[:, 1] = [(item_year(j) - 1994.5) / 25.0 for j in range(n_items)]
    if n_latent > 3:
        tastes[:, 2] = [(1 in g) * 1.0 + (item_rating(j) - 3.7) / 4 for j, g in enumerate(genres)]
    tastes[:, -1] = 0.0
    return tastes
