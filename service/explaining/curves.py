"""One item's fate as the reasons of its score go and come in their order: history items, or factors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.explaining.trials import Target, Trials, factors_tried
from service.query import FloatArray, Query
from service.subsets import Keep

Orders = Sequence[Sequence[int]] | NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Of several orders, j = 1..k, each [orders, k]; p is the item's probability, p0 with all reasons there.

    without_first, only_first                log(p / p0) without the first j reasons, and with these alone
    listed_without_first, .._without_last    whether it is in the top n without the first j, and without the last j
    """

    without_first: NDArray[np.float64]
    only_first: NDArray[np.float64]
    listed_without_first: NDArray[np.bool_]
    listed_without_last: NDArray[np.bool_]


def history_steps(loaded: LoadedBundle, query: Query, item_ix: int, orders: Orders, *, k: int) -> Steps:
    """For orders of the query's history items, each once (1 <= k <= their number): one batch of 1 + 3 k each.

    What is removed stays masked: it was seen. Raises NonFiniteScoreError.
    """
    target = Target(loaded, query, item_ix, query.history)
    columns = np.searchsorted(target.history, np.asarray(orders))
    return _steps(target.tried(kept(columns, k)), query.offset + query.n, k)


def factor_steps(
    loaded: LoadedBundle, query: Query, item_ix: int, orders: Orders, *, k: int, mu: FloatArray | None = None
) -> Steps:
    """For orders of all factors, each once: what is away is 0, see factors_tried. One batch of 1 + 3 k each."""
    found = factors_tried(loaded, query, item_ix, kept(np.asarray(orders), k), mu=mu)
    return _steps(found, query.offset + query.n, k)


def kept(orders: NDArray[np.int64], k: int) -> Keep:
    """[1 + orders * 3 k, n] of orders [orders, n] of 0..n-1: all; then of each order what is left without the first j,
    of only the first j, without the last j; j = 1..k."""
    n = orders.shape[1]
    place, steps = np.argsort(orders, axis=1)[:, None, :], np.arange(1, k + 1)[:, None]
    found = np.concatenate([place >= steps, place < steps, place < n - steps], axis=1)
    return np.concatenate([np.ones((1, n), dtype=np.bool_), found.reshape(-1, n)])


def _steps(trials: Trials, top: int, k: int) -> Steps:
    """trials: of the rows of `kept`."""
    gained = (trials.log_probability[1:] - trials.log_probability[0]).reshape(-1, 3, k)
    listed = (trials.rank[1:] <= top).reshape(-1, 3, k)
    return Steps(gained[:, 0], gained[:, 1], listed[:, 0], listed[:, 2])
