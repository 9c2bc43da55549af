"""What becomes of one item when the history changes: its rank and probability under many altered histories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.query import FloatArray, Query
from service.ranking import log_normaliser, ranks_of
from service.subsets import Keep


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """One entry per altered history [B].

    rank         of the item among what the original query may list (its whole history stays masked) and the item
    probability  softmax over the whole catalogue
    """

    rank: NDArray[np.int64]
    probability: NDArray[np.float64]


class Target:
    """One item of one query, scored under subsets of a history, with the query's condition, shift and masks."""

    def __init__(self, loaded: LoadedBundle, query: Query, item_ix: int, history: Sequence[int]) -> None:
        """history: what the subsets are taken from; the masks are those of the query, whatever it is."""
        self.item_ix = item_ix
        self.history = tuple(sorted(set(history)))
        self.others = loaded.allowed(query)
        """[n_items]: what could be listed, but for the item."""
        self.others[item_ix] = False
        self._place = {ix: place for place, ix in enumerate(self.history)}
        self._subsets = loaded.subsets(self.history, query.condition)
        self._shift = None if query.shift is None else query.shift[None, :]

    def only(self, histories: Sequence[Sequence[int]]) -> Keep:
        """[B, L]: of each row these items and no others. Raises KeyError for an item that is not in the history."""
        keep = np.zeros((len(histories), len(self.history)), dtype=np.bool_)
        for row, items in enumerate(histories):
            keep[row, [self._place[ix] for ix in items]] = True
        return keep

    def without(self, removals: Sequence[Sequence[int]]) -> Keep:
        """[B, L]: of each row all but these items."""
        return ~self.only(removals)

    def scores(self, keep: Keep) -> Iterator[FloatArray]:
        """float32 [b, n_items] in chunks, in order. Raises NonFiniteScoreError."""
        return self._subsets.scores(keep, shift=self._shift)

    def ranks(self, scores: FloatArray) -> NDArray[np.int64]:
        """[b]: the item's rank in each row of scores, among the others; ties by index."""
        return ranks_of(self.item_ix, scores, self.others)

    def log_probabilities(self, scores: FloatArray) -> NDArray[np.float64]:
        """[b]: log of the item's share of the softmax of each row of scores."""
        return scores[:, self.item_ix].astype(np.float64) - log_normaliser(scores)


def run_trials(loaded: LoadedBundle, query: Query, item_ix: int, histories: Sequence[Sequence[int]]) -> Trials:
    """Score `item_ix` under each history, with the query's condition, shift and masks: one batched run.

    Cheapest when the histories are subsets of one that is among them (service.subsets).
    Raises NonFiniteScoreError. Memory: LIMITS.decode_cells floats at a time.
    """
    target = Target(loaded, query, item_ix, sorted(set().union(*histories)))
    ranks, probabilities = [], []
    for scores in target.scores(target.only(histories)):
        ranks.append(target.ranks(scores))
        probabilities.append(np.exp(target.log_probabilities(scores)))
    return Trials(np.concatenate(ranks), np.concatenate(probabilities))
