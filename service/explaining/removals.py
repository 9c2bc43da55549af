"""The search for few history items without which an item leaves the top n: the model is asked as seldom as possible.

What one item's removal does to the scores is measured on the model, for the item and for those that could overtake it.
Such effects nearly add up, so sums of them rank sets of several items at next to no cost, and the model is asked only
about the best few of each size. What is said to work was run by the model; that nothing smaller works is not proved.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.explaining.trials import Target
from service.limits import LIMITS
from service.query import FloatArray, Query
from service.ranking import top_n

RIVALS = 30
"""Items behind the top n, of the unaltered list, that are looked at for overtaking."""

WIDTH = 12
"""Sets of each size from which those of the next size are built."""

FIRST = 3
"""Sets of each size that the model is asked about at once; as many more of each when none of them works."""

SMALLER = 6
"""Sets of one item fewer that it is asked about when one was found."""

Set = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """A set of history items [indices into the catalogue] and the item's rank without them.

    offered: the removed items count among what could be listed, as they do where nothing tells that they were seen
    """

    items: Set
    rank: int
    offered: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Tried:
    """What the model said of a batch: ranks [B]; scores [B, 1 + J] of the item and its rivals."""

    ranks: NDArray[np.int64]
    scores: FloatArray

    def margins(self, n: int) -> NDArray[np.float64]:
        """[B]: the item's score less the n-th best of its rivals'."""
        return margins_of(self.scores, n)


class RemovalSearch:
    """One search; counts the histories that it asks the model about."""

    def __init__(self, loaded: LoadedBundle, query: Query, item_ix: int, *, n: int) -> None:
        self.n = n
        self._target = Target(loaded, query, item_ix, query.history)
        self.history = self._target.history
        self.runs = 0
        self._asked: set[frozenset[int]] = set()
        scores = next(self._target.scores(self._target.without([()])))
        self.runs += 1
        rivals = top_n(scores[0], self._target.others, n + RIVALS)
        self.n_others = int(self._target.others.sum())
        self._columns = np.concatenate([[item_ix], rivals])
        self._full = scores[0, self._columns]
        self.rank = int(self._target.ranks(scores)[0])
        self.best: Removal | None = None
        """The set of those tried that put the item lowest."""
        self.offered: Removal | None = None
        """The smallest of those tried that works once the removed items may be listed themselves."""
        self._may_return = _may_return(loaded, query)

    def find(self, order: Sequence[int], *, at_most: int) -> Removal | None:
        """The smallest set of up to `at_most` items found, or None.

        order: what may be removed, the most promising first; LIMITS.counterfactual_candidates of them are tried.
        Cost: LIMITS.counterfactual_candidates histories, FIRST (or twice that) for each size, and what is one smaller
        than a set that works. A set found does not work without any one of its items: the model was asked.
        Where there is none, `offered` may be one that works under the weaker rule.
        """
        allowed = [ix for ix in dict.fromkeys(order) if ix in self._target.history]
        candidates = allowed[: LIMITS.counterfactual_candidates]
        if not candidates or at_most < 1:
            return None
        singles = [(ix,) for ix in candidates]
        alone = self._try(singles)
        found = self._working(singles, alone)
        if found is not None:
            return found
        grown = grow(self._full, self._full - alone.scores, n=self.n, sizes=min(at_most, len(candidates)))
        by_size = {size: [tuple(candidates[p] for p in places) for places in sets] for size, sets in grown.items()}
        for start in (0, FIRST):
            found = self._first_working(
                [removed for sets in by_size.values() for removed in sets[start : start + FIRST]]
            )
            if found is not None:
                return self._smaller(found, by_size)
        return self._settled()

    def _settled(self) -> Removal | None:
        """What is `offered`, less whatever is not needed; the model may turn out to say that less works plainly."""
        found = None
        while found is None and self.offered is not None and len(self.offered.items) > 1:
            before = self.offered.items
            found = self._first_working([tuple(ix for ix in before if ix != kept) for kept in before])
            if self.offered.items == before:
                break
        return found

    def _smaller(self, found: Removal, by_size: dict[int, list[Set]]) -> Removal:
        """Ask, as long as that helps, about the set less one item and about more sets of one item fewer."""
        while (size := len(found.items) - 1) > 1:
            less = [tuple(ix for ix in found.items if ix != kept) for kept in found.items]
            better = self._first_working(less + [s for s in by_size[size] if frozenset(s) not in self._asked][:SMALLER])
            if better is None:
                break
            found = better
        return found

    def _first_working(self, removals: Sequence[Set]) -> Removal | None:
        """One batch of those that the model was not asked about yet."""
        new = [removed for removed in dict.fromkeys(removals) if frozenset(removed) not in self._asked]
        return self._working(new, self._try(new)) if new else None

    def _try(self, removals: Sequence[Set]) -> _Tried:
        """One batch: what becomes of the item and its rivals without each of these sets."""
        self.runs += len(removals)
        self._asked.update(map(frozenset, removals))
        ranks, scores, seen = [], [], 0
        for chunk in self._target.scores(self._target.without(removals)):
            ranks.append(self._target.ranks(chunk))
            scores.append(chunk[:, self._columns])
            self._look_at_offered(removals[seen : seen + len(chunk)], ranks[-1], chunk)
            seen += len(chunk)
        tried = _Tried(np.concatenate(ranks), np.concatenate(scores))
        lowest = int(tried.ranks.argmax())
        if self.best is None or int(tried.ranks[lowest]) > self.best.rank:
            self.best = Removal(tuple(removals[lowest]), int(tried.ranks[lowest]))
        return tried

    def _look_at_offered(self, removals: Sequence[Set], ranks: NDArray[np.int64], scores: FloatArray) -> None:
        """Keep the smallest set, and of these the one that puts the item lowest, that works with its items on offer."""
        for removed, rank, row in zip(removals, ranks.tolist(), scores, strict=True):
            back = [ix for ix in removed if self._may_return[ix]]
            place = rank + int(ranks_ahead(row, self._target.item_ix, back))
            best = self.offered
            if place > self.n and (best is None or (len(removed), -place) < (len(best.items), -best.rank)):
                self.offered = Removal(tuple(removed), place, offered=True)

    def _working(self, removals: Sequence[Set], tried: _Tried) -> Removal | None:
        """Of those that take the item off the list the smallest, and of these the one with the least margin."""
        margins = tried.margins(self.n).tolist()
        working = [i for i, rank in enumerate(tried.ranks.tolist()) if rank > self.n]
        if not working:
            return None
        best = min(working, key=lambda i: (len(removals[i]), margins[i], i))
        return Removal(removals[best], int(tried.ranks[best]))


def ranks_ahead(row: FloatArray, item_ix: int, others: Sequence[int]) -> int:
    """How many of the others stand before the item in a row of scores [n_items]; ties by index."""
    target = float(row[item_ix])
    return sum(1 for ix in others if (float(row[ix]), -ix) > (target, -item_ix))


def _may_return(loaded: LoadedBundle, query: Query) -> NDArray[np.bool_]:
    """[n_items]: what a request that does not have it in its history may list. None where it could be listed anyway."""
    if not query.exclude_seen:
        return np.zeros(loaded.n_items, dtype=np.bool_)
    return loaded.allowed(dataclasses.replace(query, history=()))


def margins_of(scores: FloatArray, n: int) -> NDArray[np.float64]:
    """[..., B]: in rows [..., B, 1 + J] of an item and J rivals, its score less the n-th best of theirs.

    Below 0 the item is outside the top n. Infinite where there are fewer than n rivals.
    """
    rivals = scores[..., 1:].shape[-1]
    if rivals < n:
        return np.full(scores.shape[:-1], math.inf)
    nth = np.partition(scores[..., 1:], rivals - n, axis=-1)[..., rivals - n]
    return np.asarray(scores[..., 0] - nth, dtype=np.float64)


def grow(full: FloatArray, effects: FloatArray, *, n: int, sizes: int) -> dict[int, list[Set]]:
    """Sets of candidates by what their single effects add up to: size (2..sizes) -> at most WIDTH, the best first.

    full [1 + J]: scores of the item and its rivals; effects [C, 1 + J]: what each candidate's removal takes from them.
    A beam search; cost O(sizes * WIDTH * C * J).
    """
    count = len(effects)
    masks, left = [0], full[None, :]
    grown: dict[int, list[Set]] = {}
    for size in range(1, sizes + 1):
        options: dict[int, tuple[int, int]] = {}
        for row, mask in enumerate(masks):
            for place in range(count):
                if not mask >> place & 1:
                    options.setdefault(mask | 1 << place, (row, place))
        rows, places = np.array(list(options.values())).T
        scores = left[rows] - effects[places]
        best = np.argsort(margins_of(scores, n), kind="stable")[:WIDTH]
        keys = list(options)
        masks, left = [keys[i] for i in best.tolist()], scores[best]
        if size > 1:
            grown[size] = [tuple(place for place in range(count) if mask >> place & 1) for mask in masks]
    return grown
