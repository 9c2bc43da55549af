"""Counterfactuals of a whole list by the service's own search, each checked once more by a request of its own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from prismrec.explaining.found import Removal
from prismrec.explaining.orders import by_value
from service.engine import LoadedBundle
from service.explaining.counterfactual import find_counterfactual
from service.explaining.trials import Target
from service.limits import LIMITS
from service.query import Attribution, Query

BEAM = 25
"""Sets of each size from which a wider search goes on; the service's asks the model about three or six."""

WIDENED = 0.1
"""Share of the users for whom an item without a set is drawn and looked at further: that costs thousands of runs."""

Clock = Callable[[], float]
TIMED = 3


def removals_of(
    loaded: LoadedBundle, query: Query, found: Attribution, *, clock: Clock = time.process_time
) -> list[Removal]:
    """One for each item of the list, best first. found: the explanations of these items, in this order."""
    listed = [item.item_ix for item in loaded.recommend(query).items]
    unit = _seconds(loaded, query, clock)
    removals = []
    for place, item_ix in enumerate(listed):
        order = by_value(found.history_items, np.asarray(found.history[place], dtype=np.float64))
        started = clock()
        counterfactual = find_counterfactual(loaded, query, item_ix, order)
        spent = clock() - started
        hidden = frozenset() if counterfactual.offered else frozenset(query.history)
        without = _list_without(loaded, query, counterfactual.remove, hidden) if counterfactual.remove else listed
        removals.append(
            Removal(
                rank=place + 1,
                size=len(counterfactual.remove),
                offered=bool(counterfactual.offered),
                valid=counterfactual.valid,
                confirmed=item_ix not in without,
                changed=len(set(listed) - set(without)),
                runs=counterfactual.runs,
                cost=spent / unit if unit > 0 else 0.0,
            )
        )
    return removals


def widened_of(loaded: LoadedBundle, query: Query, removals: Sequence[Removal], rng: np.random.Generator) -> list[int]:
    """For WIDENED of the users, of one item without a set: the size of one that a wider search finds, 0 for none."""
    without = [one.rank for one in removals if not one.size]
    if rng.random() >= WIDENED or not without:
        return []
    rank = without[int(rng.integers(len(without)))]
    return [widest_search(loaded, query, loaded.recommend(query).items[rank - 1].item_ix)]


def widest_search(loaded: LoadedBundle, query: Query, item_ix: int, *, at_most: int = LIMITS.removals) -> int:
    """The size of a set of history items without which the item leaves the list; 0 when none is found.

    A beam search that tries every item of the history and asks the model about every set, and goes on from the BEAM
    that bring the item nearest to leaving. Cost: BEAM * L histories for each size.
    """
    target = Target(loaded, query, item_ix, query.history)
    beam: list[tuple[int, ...]] = [()]
    for size in range(1, min(at_most, len(target.history) - 1) + 1):
        sets = {tuple(sorted((*some, ix))) for some in beam for ix in target.history if ix not in some}
        options = sorted(sets)
        margins = []
        for scores in target.scores(target.without(options)):
            if (target.ranks(scores) > query.n).any():
                return size
            others = scores[:, target.others]
            nth = np.partition(others, others.shape[1] - query.n, axis=1)[:, others.shape[1] - query.n]
            margins.append(scores[:, item_ix] - nth)
        beam = [options[i] for i in np.argsort(np.concatenate(margins), kind="stable")[:BEAM].tolist()]
    return 0


def _seconds(loaded: LoadedBundle, query: Query, clock: Clock) -> float:
    """Of one list, the median of TIMED."""
    spent = []
    for _ in range(TIMED):
        started = clock()
        loaded.recommend(query)
        spent.append(clock() - started)
    return statistics.median(spent)


def _list_without(loaded: LoadedBundle, query: Query, removed: Sequence[int], hidden: frozenset[int]) -> list[int]:
    """The list of somebody who never had these items, with these items kept off it."""
    kept = tuple(ix for ix in query.history if ix not in set(removed))
    asked = replace(query, history=kept, exclude=query.exclude | hidden)
    return [item.item_ix for item in loaded.recommend(asked).items]
