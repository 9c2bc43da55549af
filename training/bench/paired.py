"""Intervals over users and seeds at once: of a model's mean, and of the difference between two models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Metric

N_RESAMPLES = 4000
_CHUNK = 1 << 22

PerUser = NDArray[np.float64]
"""A figure of every seed and user, [n_seeds, n_users]; the users are the same in every row."""


def interval(figures: PerUser, rng: np.random.Generator) -> Metric:
    """The mean of figures with its 95 % bootstrap interval; se is over users, of their means over the seeds.

    A resample draws users, and seeds, with replacement: the interval holds for other users and another training, too.
    Costs N_RESAMPLES * n_users draws.
    """
    return _metric(figures.mean(axis=0), _resampled([figures], rng)[0])


def paired(ours: PerUser, theirs: PerUser, rng: np.random.Generator) -> Metric:
    """ours - theirs in the mean, with its 95 % interval; se is over users, of their differences.

    A resample draws the same users for both, and each model's own seeds: seed 1 of one model has nothing to do with
    seed 1 of another. ours [S, n], theirs [T, n].
    """
    drawn = _resampled([ours, theirs], rng)
    return _metric(ours.mean(axis=0) - theirs.mean(axis=0), drawn[0] - drawn[1])


def _resampled(models: list[PerUser], rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """The mean of each model in each of N_RESAMPLES resamples."""
    n = models[0].shape[1]
    means: list[list[NDArray[np.float64]]] = [[] for _ in models]
    step = max(1, _CHUNK // n)
    for start in range(0, N_RESAMPLES, step):
        size = min(step, N_RESAMPLES - start)
        users = rng.multinomial(n, np.full(n, 1.0 / n), size=size) / n
        for figures, found in zip(models, means, strict=True):
            n_seeds = len(figures)
            seeds = rng.multinomial(n_seeds, np.full(n_seeds, 1.0 / n_seeds), size=size) / n_seeds
            found.append(np.einsum("rn,rn->r", seeds @ figures, users))
    return [np.concatenate(found) for found in means]


def _metric(per_user: NDArray[np.float64], resampled: NDArray[np.float64]) -> Metric:
    n = len(per_user)
    low, high = np.quantile(resampled, [0.025, 0.975])
    se = float(per_user.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    return Metric(mean=float(per_user.mean()), se=se, low=float(low), high=float(high), n=n)
