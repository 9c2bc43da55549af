"""The lists of samples as one list, as coldstarts/merging.py makes it, and written out plainly: no bounds, no heap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]
SERVED, DEEP, NOTHING = 0.05, 200, 1e-9


def log_chances(scores: Floats) -> Floats:
    """[n, n_items]: the logarithms of the softmax of each row."""
    return np.asarray(scores - logsumexp(scores, axis=1, keepdims=True))


def log_mean(chances: Floats) -> Floats:
    """[n_items]: the logarithm of the mean of probabilities given by their logarithms [n, n_items]."""
    return np.asarray(logsumexp(chances, axis=0) - np.log(len(chances)))


def best_of(scores: Floats, n: int) -> NDArray[np.int64]:
    """The indices of the n best of scores [n_items], best first, ties by index."""
    return np.lexsort((np.arange(len(scores)), -scores))[:n].astype(np.int64)


def merged_list(scores: Floats, *, n: int, diversity: float) -> NDArray[np.int64]:
    """The n items of samples with these scores [samples, n_items], best first; O(n * samples * n_items)."""
    chances = log_chances(scores)
    by_mean = best_of(log_mean(chances), n)
    if diversity == 0:
        return by_mean
    first = _greedy(chances, n, diversity)
    rest = [int(ix) for ix in by_mean if ix not in set(first)]
    return np.array([*first, *rest][:n], dtype=np.int64)


def _greedy(chances: Floats, n: int, d: float) -> list[int]:
    depth = max(DEEP, 2 * n)
    given = np.exp(chances)
    if given.shape[1] > depth:
        given = np.maximum(given - np.partition(given, -depth - 1, axis=1)[:, [-depth - 1]], 0.0)
    own = np.maximum(np.sort(given, axis=1)[:, -n:].sum(axis=1), np.finfo(float).tiny)
    pool = np.flatnonzero(given.any(axis=0))
    parts, weights = given[:, pool] / own[:, None], own ** (1 - d)
    got, items = np.zeros(len(parts)), list[int]()
    least = 0.0
    for place in range(min(n, parts.shape[1])):
        gains = (weights[:, None] * (_utility(got[:, None] + parts, d) - _utility(got, d)[:, None])).sum(axis=0)
        gains[items] = -np.inf
        best = int(np.argmax(gains))
        least = NOTHING * gains[best] if place == 0 else least
        if gains[best] <= least:
            break
        items.append(best)
        got += parts[:, best]
    return [int(pool[place]) for place in items]


def _utility(got: Floats, d: float) -> Floats:
    return np.asarray(np.log(got + SERVED) if d == 1 else (got + SERVED) ** (1 - d) / (1 - d))
