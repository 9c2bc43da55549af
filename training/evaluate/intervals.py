"""From figures per user to a mean with its standard error and 95 % bootstrap interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Metric

N_RESAMPLES = 1000
_CHUNK = 1 << 22


def metric_of(values: NDArray[np.float64], rng: np.random.Generator) -> Metric:
    """Mean of values [n], n > 0, with the percentile bootstrap over users; costs N_RESAMPLES * n draws."""
    n = len(values)
    rows = max(1, _CHUNK // n)
    means = [
        values[rng.integers(0, n, (min(rows, N_RESAMPLES - start), n))].mean(axis=1)
        for start in range(0, N_RESAMPLES, rows)
    ]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    se = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    return Metric(mean=float(values.mean()), se=se, low=float(low), high=float(high), n=n)


def list_metric(
    lists: NDArray[np.int64], figure: Callable[[NDArray[np.int64]], float], rng: np.random.Generator
) -> Metric:
    """A figure in [0, 1] of all lists together (coverage, gini) with an interval over users.

    A resample holds fewer distinct users, which biases such a figure: the interval is therefore centred on the figure
    itself, +- 1.96 standard deviations of the resampled ones.
    """
    n, value = len(lists), figure(lists)
    spread = float(np.std([figure(lists[rng.integers(0, n, n)]) for _ in range(N_RESAMPLES // 5)], ddof=1))
    low, high = max(0.0, value - 1.96 * spread), min(1.0, value + 1.96 * spread)
    return Metric(mean=value, se=spread, low=low, high=high, n=n)
