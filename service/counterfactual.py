"""What would have to be missing from the history for an item to leave the list."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from service.engine import LoadedBundle
from service.limits import LIMITS
from service.query import Query
from service.trials import Trials, run_trials


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """remove: history items without which the item leaves the top n (empty: none found; `reason` says why).

    new_rank     the item's rank without them, among the items that could be listed before
    replacement  the item that takes its place in the top n; None when no set was found or nothing is left to enter
    valid        the live model, run once more on exactly this set, put the item outside the top n
    runs         histories the model was asked to score
    """

    remove: tuple[int, ...]
    new_rank: int | None
    replacement: int | None
    valid: bool
    runs: int
    reason: str | None = None


def find_counterfactual(loaded: LoadedBundle, query: Query, item_ix: int, order: Sequence[int]) -> Counterfactual:
    """The smallest set found: greedy leave-one-out, then every item that turns out not to be needed is put back.

    order  history items, the most supporting first; the first LIMITS.counterfactual_candidates are tried
    The masks of the query stay (what was seen is not offered again). The last history item is never removed: without
    any, the service answers by popularity and not by the model. Cost: at most LIMITS.removals batches of
    LIMITS.counterfactual_candidates histories, and two single runs.
    """
    search = _Search(loaded, query, item_ix, n=query.offset + query.n)
    if not bool(loaded.allowed(query)[item_ix]):
        return _none(search, "the item cannot be listed for this request, so nothing can take it off the list")
    if int(search.try_without([()]).rank[0]) > search.n:
        return _none(search, f"the item is not among the top {search.n} to begin with")
    removed = search.greedy(list(order)[: LIMITS.counterfactual_candidates])
    if not removed:
        return _none(search, f"no set of up to {LIMITS.removals} history items was found to take it off the list")
    return search.verified(search.pruned(removed))


def _none(search: _Search, reason: str) -> Counterfactual:
    return Counterfactual((), None, None, valid=False, runs=search.runs, reason=reason)


class _Search:
    """Counts what it asks of the model."""

    def __init__(self, loaded: LoadedBundle, query: Query, item_ix: int, *, n: int) -> None:
        self._loaded, self._query, self._item_ix, self.n = loaded, query, item_ix, n
        self._history = sorted(set(query.history))
        self.runs = 0

    def try_without(self, removals: Sequence[Sequence[int]]) -> Trials:
        """One batch: the item's fate without each of these sets."""
        histories = [[ix for ix in self._history if ix not in set(removed)] for removed in removals]
        self.runs += len(histories)
        return run_trials(self._loaded, self._query, self._item_ix, histories)

    def greedy(self, candidates: list[int]) -> tuple[int, ...]:
        """Remove what lowers the item's margin most, one by one, until it has left the top n; () if it never does."""
        removed: tuple[int, ...] = ()
        for _ in range(min(LIMITS.removals, len(self._history) - 1)):
            options = [(*removed, ix) for ix in candidates if ix not in removed]
            if not options:
                break
            trials = self.try_without(options)
            best = int(trials.margin.argmin())
            removed = options[best]
            if int(trials.rank[best]) > self.n:
                return removed
        return ()

    def pruned(self, removed: tuple[int, ...]) -> tuple[int, ...]:
        """Put back, as long as any can be, the item without which the set still works best."""
        while len(removed) > 1:
            options = [tuple(ix for ix in removed if ix != kept) for kept in removed]
            trials = self.try_without(options)
            working = [i for i in range(len(options)) if int(trials.rank[i]) > self.n]
            if not working:
                break
            removed = options[min(working, key=lambda i: float(trials.margin[i]))]
        return removed

    def verified(self, removed: tuple[int, ...]) -> Counterfactual:
        """Ask the live model for both lists, as a request would, and compare them."""
        top = dataclasses.replace(self._query, n=self.n, offset=0)
        kept = tuple(ix for ix in self._history if ix not in removed)
        without = dataclasses.replace(top, history=kept, exclude=top.exclude | _seen(top))
        before = {item.item_ix for item in self._loaded.recommend(top).items}
        after = [item.item_ix for item in self._loaded.recommend(without).items]
        self.runs += 2
        return Counterfactual(
            remove=removed,
            new_rank=int(self.try_without([removed]).rank[0]),
            replacement=next((ix for ix in after if ix not in before), None),
            valid=self._item_ix not in after,
            runs=self.runs,
        )


def _seen(query: Query) -> frozenset[int]:
    return frozenset(query.history) if query.exclude_seen else frozenset()
