"""The best single axis for each factor, and how far ahead of the runner-up it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SHUFFLES = 5


@dataclass(frozen=True, slots=True)
class BestDimension:
    """For each of g factors: the dimension with the largest R2, that R2, and the next dimension's; all [g]."""

    dimension: NDArray[np.int64]
    r2: NDArray[np.float64]
    runner_up: NDArray[np.float64]

    @property
    def gap(self) -> NDArray[np.float64]:
        return self.r2 - self.runner_up


def standardised(values: ArrayLike) -> NDArray[np.float64]:
    """[n, k] float64, each column with mean 0 and standard deviation 1; a column that does not vary is all 0."""
    table = np.asarray(values, dtype=np.float64)
    centred = table - table.mean(axis=0)
    spread = centred.std(axis=0)
    alive = spread > 1e-9 * (1.0 + np.abs(table).max(axis=0, initial=0.0))
    return np.asarray(np.where(alive, centred / np.where(alive, spread, 1.0), 0.0))


def squared_correlations(codes: ArrayLike, factors: ArrayLike) -> NDArray[np.float64]:
    """[d, g]: Pearson correlation squared = R2 of the best line through one dimension. O(n * d * g)."""
    left, right = standardised(codes), standardised(factors)
    return np.asarray((left.T @ right / max(len(left), 1)) ** 2)


def best_dimension(codes: ArrayLike, factors: ArrayLike) -> BestDimension:
    """The R2 of the best dimension and of the runner-up (0 where there is but one dimension). O(n * d * g).

    By chance the best of d dimensions has an R2 of about 2 ln(d) / n: see `chance`.
    """
    r2 = squared_correlations(codes, factors)
    ranked = np.sort(np.vstack([r2, np.zeros((2, r2.shape[1]))]), axis=0)[::-1]
    return BestDimension(r2.argmax(axis=0), ranked[0], ranked[1])


def chance(codes: ArrayLike, factors: ArrayLike, rng: np.random.Generator) -> float:
    """The mean R2 of the best dimension when the users' factors are shuffled. Costs `best_dimension` five times."""
    known = np.asarray(factors, dtype=np.float64)
    found = [best_dimension(codes, known[rng.permutation(len(known))]).r2.mean() for _ in range(_SHUFFLES)]
    return float(np.mean(found))
