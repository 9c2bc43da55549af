"""Mutual information gap: Chen et al. 2018, Isolating Sources of Disentanglement in VAEs (arXiv 1802.04942)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 20
_SHUFFLES = 8
_LEAST = 0.05
"""Nats that a factor must have to give beyond chance; below that (few users for so many bins) nothing is measured."""


def mutual_information_gap(
    codes: ArrayLike, factors: ArrayLike, rng: np.random.Generator, *, bins: int = BINS
) -> NDArray[np.float64]:
    """[g]: adjusted information of the best dimension about the factor, less that of the runner-up. MIG is the mean.

    The paper divides I(z_i; v) by H(v). Here both are estimated on binned values (see `binned`), and on n users that
    estimate is above 0 for independent variables, by about (bins - 1)^2 / 2n nats. So the mean E over shuffled users is
    taken off both: (I - E) / (H - E), 1 for a copy and 0 in the mean for noise, as in the adjusted mutual information
    of Vinh, Epps and Bailey 2010. The best of d noisy dimensions still stays a little above 0.
    Costs 9 products of [d * bins, n] and [n, g * bins].
    """
    adjusted = adjusted_information(codes, factors, rng, bins=bins)
    ranked = np.sort(np.vstack([adjusted, np.zeros((2, adjusted.shape[1]))]), axis=0)[::-1]
    return np.asarray(ranked[0] - ranked[1])


def adjusted_information(
    codes: ArrayLike, factors: ArrayLike, rng: np.random.Generator, *, bins: int = BINS
) -> NDArray[np.float64]:
    """[d, g]: (I - E) / (H - E); 0 where the factor's entropy H is hardly above the chance level E."""
    left, right = _one_hot(binned(codes, bins), bins), _one_hot(binned(factors, bins), bins)
    found = _information(left, right, bins)
    shuffled = [_information(left, right[rng.permutation(len(right))], bins) for _ in range(_SHUFFLES)]
    expected = np.mean(shuffled, axis=0)
    room = _entropy(right.mean(axis=0).reshape(-1, bins)) - expected
    return np.asarray(np.where(room > _LEAST, (found - expected) / np.maximum(room, _LEAST), 0.0))


def binned(values: ArrayLike, bins: int = BINS) -> NDArray[np.int64]:
    """[n, k] numbers from 0: by value with at most `bins` distinct ones, else equally many users in each bin.

    Users with one value share a bin, so that a column with many ties has fewer and unequal bins.
    """
    table = np.asarray(values, dtype=np.float64)
    columns = [_bins_of(table[:, k], bins) for k in range(table.shape[1])]
    return np.column_stack(columns) if columns else np.zeros((len(table), 0), dtype=np.int64)


def _bins_of(column: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    distinct = np.unique(column)
    if len(distinct) <= bins:
        return np.searchsorted(distinct, column)
    edges = np.quantile(column, np.linspace(0.0, 1.0, bins + 1)[1:-1])
    return np.searchsorted(np.unique(edges), column, side="left")


def _one_hot(numbers: NDArray[np.int64], bins: int) -> NDArray[np.float32]:
    """[n, k * bins]: float32, in which counts up to 16 million are exact."""
    n, k = numbers.shape
    table = np.zeros((n, k * bins), dtype=np.float32)
    table[np.arange(n)[:, None], numbers + bins * np.arange(k)] = 1.0
    return table


def _information(left: NDArray[np.float32], right: NDArray[np.float32], bins: int) -> NDArray[np.float64]:
    """[d, g] nats, from one-hot tables: H(left) + H(right) - H(both)."""
    n, d, g = len(left), left.shape[1] // bins, right.shape[1] // bins
    both = (left.T @ right).reshape(d, bins, g, bins).transpose(0, 2, 1, 3).reshape(d, g, -1) / n
    alone = [_entropy(side.mean(axis=0, dtype=np.float64).reshape(-1, bins)) for side in (left, right)]
    return alone[0][:, None] + alone[1][None, :] - _entropy(both.astype(np.float64))


def _entropy(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """Over the last axis, nats."""
    p = shares.astype(np.float64)
    return np.asarray(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1))
