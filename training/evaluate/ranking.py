"""Accuracy of ranked lists, per user. Pure NumPy; one batch of users at a time.

Definitions (Liang et al. 2018, arXiv 1802.05814): binary gain, discount 1 / log2(rank + 1) with ranks from 1, the ideal
list truncated at min(k, n_target); the denominator of recall is min(k, n_target). A list is item indices [B, k], best
first, -1 where there was nothing left to recommend. Ties are broken by item index, so a result is reproducible.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Lists = NDArray[np.int64]
PerUser = NDArray[np.float64]


def top_items(scores: NDArray[np.float32], k: int) -> Lists:
    """The k best items of each row of scores [B, n_items] -> [B, min(k, n_items)]. -inf = never; NaN is not allowed.

    O(B * n_items): a partition finds the k best, and only those are sorted.
    """
    n_rows, n_items = scores.shape
    k = min(k, n_items)
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k].astype(np.int64)
    best_scores = np.take_along_axis(scores, best, axis=1)
    threshold = best_scores.min(axis=1, keepdims=True)
    n_tied = (scores == threshold).sum(axis=1)
    for row in np.flatnonzero(n_tied > (best_scores == threshold).sum(axis=1)):  # the partition chose among equals
        best[row] = np.argsort(-scores[row], kind="stable")[:k]
    best_scores = np.take_along_axis(scores, best, axis=1)
    order = np.lexsort((best, -best_scores), axis=1)
    best = np.take_along_axis(best, order, axis=1)
    best[np.isneginf(np.take_along_axis(scores, best, axis=1))] = -1
    return best.reshape(n_rows, k)


def mask_seen(scores: NDArray[np.float32], fold_in: sparse.csr_matrix) -> None:
    """Set the score of every item of fold_in [B, n_items] to -inf, in place."""
    scores[fold_in.nonzero()] = -np.inf


def hits_of(lists: Lists, target: sparse.csr_matrix) -> NDArray[np.bool_]:
    """Whether each place of each list holds an item of the user's target [B, n_items] -> [B, k]."""
    wanted = target.astype(bool).toarray()
    return np.take_along_axis(wanted, np.maximum(lists, 0), axis=1) & (lists >= 0)


def recall(hits: NDArray[np.bool_], n_target: NDArray[np.int64], k: int) -> PerUser:
    """recall@k [B]; n_target [B] must be positive."""
    found: PerUser = hits[:, :k].sum(axis=1) / np.minimum(k, n_target)
    return found


def ndcg(hits: NDArray[np.bool_], n_target: NDArray[np.int64], k: int) -> PerUser:
    """ndcg@k [B]; n_target [B] must be positive. A catalogue of fewer than k items has shorter lists, nothing else."""
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    gain: PerUser = (hits[:, :k] * discount[: hits[:, :k].shape[1]]).sum(axis=1)
    ideal = np.cumsum(discount)[np.minimum(k, n_target) - 1]
    found: PerUser = gain / ideal
    return found


def hit_rate(hits: NDArray[np.bool_], k: int) -> PerUser:
    """1 for each user with at least one hit among the first k, else 0."""
    return np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)


def reciprocal_rank(hits: NDArray[np.bool_], k: int) -> PerUser:
    """1 / rank of the first hit among the first k; 0 without one."""
    first = hits[:, :k]
    rank = first.argmax(axis=1) + 1
    return np.asarray(np.where(first.any(axis=1), 1.0 / rank, 0.0), dtype=np.float64)
