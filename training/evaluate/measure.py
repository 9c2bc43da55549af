"""Streams held-out users through a scorer, a batch at a time, and keeps figures per user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.data.split import HeldOut
from training.errors import DataError, FitError
from training.evaluate import ranking
from training.evaluate.scorer import Scorer, Scores

BATCH = 500
SCORES = 2**26
"""Users whose scores exist at a time, and how many numbers those may be: fewer users of a large catalogue."""
LIST_LENGTH = 10
DEPTH = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """values: metric -> float64 [n_users]; lists int64 [n_users, 10]: what each user is recommended, -1 = nothing."""

    values: dict[str, NDArray[np.float64]]
    lists: NDArray[np.int64]


def users_at_once(n_items: int) -> int:
    """How many users to score at a time: BATCH, or so many that their scores stay under SCORES numbers (256 MB)."""
    return max(1, min(BATCH, SCORES // max(n_items, 1)))


def measurable(heldout: HeldOut, *, what: str) -> HeldOut:
    """Only the users with a target; DataError when nobody is left: figures of nothing would look like success."""
    rows = np.flatnonzero(np.diff(heldout.target.indptr))
    if len(rows) == 0:
        raise DataError(
            f"none of the {len(heldout.users)} {what} users has a held-out item to find",
            hint="hold out more users or a larger share of their items, or bring more data",
        )
    return HeldOut(tuple(heldout.users[row] for row in rows), heldout.fold_in[rows], heldout.target[rows])


def measure(scorer: Scorer, heldout: HeldOut, *, allowed: NDArray[np.bool_] | None = None) -> Measured:
    """Rank for every user of `heldout`, each of which has a target. allowed [n_items]: the plain filter, if any.

    Never more than users_at_once(n_items) * n_items scores at a time. FitError when a score is NaN or infinite.
    """
    values: dict[str, list[NDArray[np.float64]]] = {}
    lists: list[NDArray[np.int64]] = []
    size = users_at_once(heldout.target.shape[1])
    for start in range(0, len(heldout.users), size):
        fold_in, target = heldout.fold_in[start : start + size], heldout.target[start : start + size]
        top = best_items(scorer, fold_in, allowed=allowed)
        for name, found in accuracy(top, target).items():
            values.setdefault(name, []).append(found)
        lists.append(top[:, :LIST_LENGTH])
    return Measured({name: np.concatenate(parts) for name, parts in values.items()}, np.concatenate(lists))


def best_items(
    scorer: Scorer, fold_in: sparse.csr_matrix, *, allowed: NDArray[np.bool_] | None = None
) -> ranking.Lists:
    """The best DEPTH unseen (and allowed) items of one batch of users."""
    scores = unseen_scores(scorer, fold_in)
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    return ranking.top_items(scores, DEPTH)


def unseen_scores(scorer: Scorer, fold_in: sparse.csr_matrix) -> Scores:
    """Scores [B, n_items] of one batch of users, -inf for what they have seen; FitError when one is not finite."""
    scores = np.array(scorer.score(fold_in), dtype=np.float32)
    if not np.isfinite(scores).all():
        raise FitError("the model gives scores that are not finite", hint="train it again with a lower learning rate")
    ranking.mask_seen(scores, fold_in)
    return scores


def ndcg_of(scores: Scores, fold_in: sparse.csr_matrix, target: sparse.csr_matrix) -> ranking.PerUser:
    """The headline figure [B] of scores [B, n_items], in which what was seen is set to -inf; targets are not empty."""
    ranking.mask_seen(scores, fold_in)
    hits = ranking.hits_of(ranking.top_items(scores, DEPTH), target)
    return ranking.ndcg(hits, np.diff(target.indptr).astype(np.int64), DEPTH)


def accuracy(top: ranking.Lists, target: sparse.csr_matrix) -> dict[str, NDArray[np.float64]]:
    """The accuracy figures of one batch: metric -> [B]."""
    hits, n_target = ranking.hits_of(top, target), np.diff(target.indptr).astype(np.int64)
    return {
        "ndcg@100": ranking.ndcg(hits, n_target, 100),
        "recall@20": ranking.recall(hits, n_target, 20),
        "recall@50": ranking.recall(hits, n_target, 50),
        "ndcg@10": ranking.ndcg(hits, n_target, 10),
        "hit@10": ranking.hit_rate(hits, 10),
        "mrr@10": ranking.reciprocal_rank(hits, 10),
    }
