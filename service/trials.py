"""What becomes of one item when the history changes: rank, probability and margin over many altered histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.query import FloatArray, Query
from service.ranking import Mask, log_normaliser, ranks_of


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """One entry per altered history [B].

    rank         of the item among what the original query may list (its whole history stays masked) and the item
    probability  softmax over the whole catalogue
    margin       the item's score less the n-th best of the others: below 0 it is outside the top n
    """

    rank: NDArray[np.int64]
    probability: NDArray[np.float64]
    margin: NDArray[np.float64]


def run_trials(loaded: LoadedBundle, query: Query, item_ix: int, histories: Sequence[Sequence[int]]) -> Trials:
    """Score `item_ix` under each history, with the query's condition, shift and masks: one batched run.

    Raises NonFiniteScoreError. Memory: LIMITS.decode_cells floats at a time.
    """
    mu = loaded.encode_many(histories, query.condition)
    shift = None if query.shift is None else query.shift[None, :]
    allowed = loaded.allowed(query)
    allowed[item_ix] = False
    ranks, probabilities, margins = [], [], []
    for scores in loaded.scores_many(mu, histories, query.condition, shift=shift):
        target = scores[:, item_ix].astype(np.float64)
        ranks.append(ranks_of(item_ix, scores, allowed))
        probabilities.append(np.exp(target - log_normaliser(scores)))
        margins.append(target - _nth_best(scores, allowed, query.offset + query.n))
    return Trials(np.concatenate(ranks), np.concatenate(probabilities), np.concatenate(margins))


def _nth_best(scores: FloatArray, allowed: Mask, n: int) -> NDArray[np.float64]:
    """[B]: the n-th best allowed score of each row; -inf where fewer than n items are allowed."""
    values = scores[:, allowed]
    if values.shape[1] < n:
        return np.full(len(scores), -np.inf)
    return np.partition(values, values.shape[1] - n, axis=1)[:, values.shape[1] - n].astype(np.float64)
