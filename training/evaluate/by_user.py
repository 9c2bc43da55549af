"""Means of figures of which a user has one or several, one for each question: what is drawn is users, not figures.

Figures of one user go together (who is easy to please in one genre is in the next), so that an interval that took them
for independent would be too narrow. The mean is over figures, as everywhere; a resample draws users, each with all of
theirs, and each model's seeds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Metric

N_RESAMPLES = 2000
_CHUNK = 1 << 22

PerFigure = NDArray[np.float64]
"""[n_seeds, n]: the figures of every seed; their users are the same in every row."""


def mean_by_user(figures: PerFigure, user: NDArray[np.int64], rng: np.random.Generator) -> Metric:
    """The mean of figures [S, n], n > 0, of `user` int64 [n]; Metric.n is n. Costs N_RESAMPLES * n_users draws."""
    sums = _sums(figures, user)
    return _metric(figures.mean(axis=0), user, _resampled([sums], _counts(user), rng)[0])


def difference_by_user(ours: PerFigure, theirs: PerFigure, user: NDArray[np.int64], rng: np.random.Generator) -> Metric:
    """ours [S, n] - theirs [T, n] in the mean, paired: a resample draws the same users for both, seeds for each."""
    drawn = _resampled([_sums(ours, user), _sums(theirs, user)], _counts(user), rng)
    return _metric(ours.mean(axis=0) - theirs.mean(axis=0), user, drawn[0] - drawn[1])


def _places(user: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(user, return_inverse=True)[1].astype(np.int64)


def _counts(user: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many figures each user has [n_users]."""
    return np.bincount(_places(user)).astype(np.float64)


def _sums(figures: PerFigure, user: NDArray[np.int64]) -> PerFigure:
    """[S, n_users]: the sum of each user's figures."""
    places = _places(user)
    return np.stack([np.bincount(places, weights=row) for row in figures])


def _resampled(
    models: list[PerFigure], counts: NDArray[np.float64], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """The mean of each model's figures in each of N_RESAMPLES resamples."""
    n = len(counts)
    means: list[list[NDArray[np.float64]]] = [[] for _ in models]
    step = max(1, _CHUNK // n)
    for start in range(0, N_RESAMPLES, step):
        size = min(step, N_RESAMPLES - start)
        users = _drawn(n, size, rng)
        n_figures = users @ counts
        for sums, found in zip(models, means, strict=True):
            seeds = _drawn(len(sums), size, rng) / len(sums)
            found.append(np.einsum("ru,ru->r", seeds @ sums, users) / n_figures)
    return [np.concatenate(found) for found in means]


def _drawn(n: int, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """How often each of n is among n drawn with replacement, `size` times over: [size, n]."""
    drawn = rng.integers(0, n, (size, n)) + n * np.arange(size)[:, None]
    return np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)


def _metric(figures: NDArray[np.float64], user: NDArray[np.int64], resampled: NDArray[np.float64]) -> Metric:
    """se: of a mean over clusters (linearised), which is the plain standard error where each user has one figure."""
    mean = float(figures.mean())
    left = np.bincount(_places(user), weights=figures - mean)
    n_users = len(left)
    se = float(np.sqrt(np.square(left).sum() * n_users / (n_users - 1)) / len(figures)) if n_users > 1 else 0.0
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Metric(mean=mean, se=se, low=float(low), high=float(high), n=len(figures))
