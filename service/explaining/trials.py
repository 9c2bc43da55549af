"""What becomes of one item when the history, or somebody's place in the factors, changes: its rank and probability."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.query import FloatArray, Query
from service.ranking import Mask, log_normaliser, ranks_of
from service.subsets import Keep


@dataclass(frozen=True, slots=True, eq=False)
class Trials:
    """One entry per altered query [B].

    rank             of the item among what the original query may list (its whole history stays masked) and the item
    log_probability  of the softmax over the whole catalogue
    """

    rank: NDArray[np.int64]
    log_probability: NDArray[np.float64]


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

    def tried(self, keep: Keep) -> Trials:
        """What becomes of the item under each subset [B, L]: one batched run. Raises NonFiniteScoreError.

        Memory: LIMITS.decode_cells floats at a time.
        """
        return _trials(self.item_ix, self.scores(keep), self.others)


def factors_tried(
    loaded: LoadedBundle, query: Query, item_ix: int, keep: Keep, *, mu: FloatArray | None = None
) -> Trials:
    """What becomes of the item where z is 0 in some factors, the base of contributions; keep [B, n_latent]: elsewhere.

    The history stays as it is, and so does what a linear term adds for it. Of who steers, the shift goes with its
    factor, and with it what the linear term gained, as in the contributions. mu: the query's, where it is known.
    Cost: B rows of the decoder. Raises NonFiniteScoreError.
    """
    if mu is None:
        mu = loaded.encode(query.history, query.condition)
    shift = None if query.shift is None else np.where(keep, query.shift, np.float32(0))
    points = np.where(keep, mu, np.float32(0))
    chunks = loaded.scores_many(points, [query.history], query.condition, shift=shift)
    return _trials(item_ix, chunks, loaded.allowed(query))


def _trials(item_ix: int, chunks: Iterable[FloatArray], others: Mask) -> Trials:
    """Of rows of scores float32 [b, n_items]."""
    ranks, logs = [], []
    for scores in chunks:
        ranks.append(ranks_of(item_ix, scores, others))
        logs.append(scores[:, item_ix].astype(np.float64) - log_normaliser(scores))
    return Trials(np.concatenate(ranks), np.concatenate(logs))
