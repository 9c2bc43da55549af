"""Bootstrap intervals of means, all cells at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """mean, low, high, each of the shape of one observation."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class Bootstrap:
    """95 % percentile intervals of the mean over n observations, from resamples shared by everything measured on them.

    Sharing the resamples keeps cells comparable (a paired bootstrap) and costs one product per call.
    """

    def __init__(self, n: int, resamples: int, rng: np.random.Generator) -> None:
        self._weights = rng.multinomial(n, np.full(n, 1.0 / n), size=resamples) / n

    def mean(self, observations: NDArray[np.floating]) -> Interval:
        """Interval of observations [n, ...] over their first axis."""
        values = np.asarray(observations, dtype=np.float64)
        means = np.tensordot(self._weights, values, axes=1)
        low, high = np.quantile(means, [(1 - _COVERAGE) / 2, (1 + _COVERAGE) / 2], axis=0)
        return Interval(values.mean(axis=0), low, high)
