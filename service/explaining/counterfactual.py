"""What would have to be missing from the history for an item to leave the list."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from service.engine import LoadedBundle
from service.explaining.removals import Removal, RemovalSearch
from service.limits import LIMITS
from service.query import Query


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """remove: history items without which the item leaves the top n (empty: none found; `reason` says why).

    new_rank     the item's rank without them, among the items that could be listed before (and those `offered`)
    replacement  the item that takes its place in the top n; None when no set was found or nothing is left to enter
    valid        the live model, run once more on exactly this set, put the item outside the top n; so `remove` is
                 empty where this is False
    runs         histories the model was asked to score
    items_in     in the top n without them and not with them, best first; items_out: the other way round, `item` too
    kept         share of the top n that stays, 0..1; None when no set was found
    offered      removed items that stand in the list made without them; not empty only where no set was found that
                 works while they are kept off it. They are in items_in, too, and are never the replacement
    """

    remove: tuple[int, ...]
    new_rank: int | None
    replacement: int | None
    valid: bool
    runs: int
    reason: str | None = None
    items_in: tuple[int, ...] = ()
    items_out: tuple[int, ...] = ()
    kept: float | None = None
    offered: tuple[int, ...] = ()


def find_counterfactual(loaded: LoadedBundle, query: Query, item_ix: int, order: Sequence[int]) -> Counterfactual:
    """The smallest set of up to LIMITS.removals items that was found (service.explaining.removals), verified.

    order  the history items that may be removed, the most supporting first; LIMITS.counterfactual_candidates of them
           are tried
    The masks of the query stay (what was seen is not offered again). Only where no set is found so, one is given that
    works when its own items may be listed, as in a plain request without them; `offered` then says which are. The last
    history item is never removed where the service would then answer by popularity and not by the model.
    Cost: batches of at most LIMITS.counterfactual_candidates histories, about 50 in all (`runs`), and two lists.
    """
    n = query.offset + query.n
    if not bool(loaded.allowed(query)[item_ix]):
        return _none("the item cannot be listed for this request, so nothing can take it off the list")
    search = RemovalSearch(loaded, query, item_ix, n=n)
    if search.rank > n:
        return _none(f"the item is not among the top {n} to begin with", search)
    if search.n_others < n:
        return _none(f"no more than {search.n_others + 1} items can be listed at all: nothing can push it out", search)
    at_most = min(LIMITS.removals, _removable(loaded, query, len(search.history)))
    if not at_most:
        return _none("nothing can be left out: without any history item there would be no personal list", search)
    found = search.find(order, at_most=at_most) or search.offered
    if found is None:
        return _none(_tried_in_vain(search, at_most), search)
    return _verified(loaded, query, item_ix, found, search)


def _removable(loaded: LoadedBundle, query: Query, length: int) -> int:
    """How many items can go: all but one where the list of nobody's history is by popularity."""
    return length - 1 if loaded.is_popularity(dataclasses.replace(query, history=())) else length


def _tried_in_vain(search: RemovalSearch, at_most: int) -> str:
    said = f"no set of up to {at_most} history items was found to take it off the list"
    if search.best is None:
        return said
    return f"{said}: the most that {len(search.best.items)} of them did was to bring it to place {search.best.rank}"


def _none(reason: str, search: RemovalSearch | None = None) -> Counterfactual:
    runs = 0 if search is None else search.runs
    return Counterfactual((), None, None, valid=False, runs=runs, reason=reason)


def _verified(
    loaded: LoadedBundle, query: Query, item_ix: int, found: Removal, search: RemovalSearch
) -> Counterfactual:
    """Ask the live model for both lists, as a request would, and compare them."""
    top = dataclasses.replace(query, n=search.n, offset=0)
    kept = tuple(ix for ix in query.history if ix not in found.items)
    hidden = frozenset() if found.offered else _seen(top)
    without = dataclasses.replace(top, history=kept, exclude=top.exclude | hidden)
    before = [item.item_ix for item in loaded.recommend(top).items]
    after = [item.item_ix for item in loaded.recommend(without).items]
    search.runs += 2
    if item_ix in after:
        return _none("the set that was found did not hold when the list was made without it", search)
    entered = tuple(ix for ix in after if ix not in before)
    left = tuple(ix for ix in before if ix not in after)
    return Counterfactual(
        remove=found.items,
        new_rank=found.rank,
        replacement=next((ix for ix in entered if ix not in found.items), None),
        valid=True,
        runs=search.runs,
        items_in=entered,
        items_out=left,
        kept=1 - len(left) / len(before),
        offered=tuple(ix for ix in entered if ix in found.items),
    )


def _seen(query: Query) -> frozenset[int]:
    return frozenset(query.history) if query.exclude_seen else frozenset()
