"""Counterfactuals of a whole list by the service's own search, each checked once more by a request of its own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from prismrec.explaining.found import Removal
from prismrec.explaining.orders import by_value
from service.counterfactual import find_counterfactual
from service.engine import LoadedBundle
from service.query import Attribution, Query

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
        without = _list_without(loaded, query, counterfactual.remove) if counterfactual.remove else listed
        removals.append(
            Removal(
                rank=place + 1,
                size=len(counterfactual.remove),
                valid=counterfactual.valid,
                confirmed=item_ix not in without,
                changed=len(set(listed) - set(without)),
                runs=counterfactual.runs,
                cost=spent / unit if unit > 0 else 0.0,
            )
        )
    return removals


def _seconds(loaded: LoadedBundle, query: Query, clock: Clock) -> float:
    """Of one list, the median of TIMED."""
    spent = []
    for _ in range(TIMED):
        started = clock()
        loaded.recommend(query)
        spent.append(clock() - started)
    return statistics.median(spent)


def _list_without(loaded: LoadedBundle, query: Query, removed: Sequence[int]) -> list[int]:
    """The list of somebody who never had these items; what was seen is still not offered."""
    kept = tuple(ix for ix in query.history if ix not in set(removed))
    asked = replace(query, history=kept, exclude=query.exclude | frozenset(query.history))
    return [item.item_ix for item in loaded.recommend(asked).items]
