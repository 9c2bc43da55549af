"""How faithful an explanation is to the model: the target's fate as history items go and come in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from service.query import Query
from service.trials import run_trials


@dataclass(frozen=True, slots=True)
class Curves:
    """Four figures of one order of the history items; p is the target's probability, p0 with the whole history.

    del_at_k  mean over j = 1..k of p(without the first j) / p0; lower is better
    ins_at_k  mean over j = 1..k of p(only the first j) / p0; higher is better
    pos_at_k  share of j = 1..k at which the target is still in the top n without the first j; lower is better
    neg_at_k  the same without the last j; higher is better
    """

    del_at_k: float
    ins_at_k: float
    pos_at_k: float
    neg_at_k: float


@dataclass(frozen=True, slots=True)
class Fidelity:
    """explanation: curves in the order of the history contributions; random: means over seeded random orders."""

    method: str
    k: int
    n: int
    seed: int
    random_orders: int
    explanation: Curves
    random: Curves


def measure_fidelity(
    loaded: LoadedBundle,
    query: Query,
    item_ix: int,
    order: Sequence[int],
    *,
    k: int = 5,
    seed: int = 0,
    random_orders: int = 1,
) -> Fidelity:
    """Curves of `order` (history items, the most supporting first) beside those of seeded random orders.

    The names are those of Barkan et al., "A Counterfactual Framework for Learning and Evaluating Explanations for
    Recommender Systems" (LXR), WWW 2024; ours count history items (k of them, at most all) instead of shares of the
    history. Nothing is chosen by these figures. Cost: one batch of 1 + 3 k (1 + random_orders) histories.
    Raises InvalidRequestError for k out of bounds or an order that is not the query's history.
    """
    if not 1 <= k <= LIMITS.fidelity_k:
        raise InvalidRequestError.field("/fidelity", f"k must be between 1 and {LIMITS.fidelity_k}")
    if not order or set(order) != set(query.history):
        raise InvalidRequestError.field("/history", "fidelity needs an order of a history that is not empty")
    k = min(k, len(order))
    rng = np.random.Generator(np.random.PCG64(seed))
    canonical = sorted(order)
    orders = [list(order), *([canonical[i] for i in rng.permutation(len(order))] for _ in range(random_orders))]
    histories = [list(order)] + [history for each in orders for history in _altered(each, k)]
    trials = run_trials(loaded, query, item_ix, histories)
    relative = (trials.probability[1:] / trials.probability[0]).reshape(len(orders), 3, k)
    listed = (trials.rank[1:] <= query.offset + query.n).reshape(len(orders), 3, k)
    curves = [_curves(p, inside) for p, inside in zip(relative, listed, strict=True)]
    return Fidelity(
        method="history items removed and added by their contributions; the whole history stays masked",
        k=k,
        n=query.offset + query.n,
        seed=seed,
        random_orders=random_orders,
        explanation=curves[0],
        random=_mean(curves[1:]),
    )


def _altered(order: Sequence[int], k: int) -> list[list[int]]:
    """3 k histories: without the first j, only the first j, without the last j; j = 1..k."""
    steps = range(1, k + 1)
    without_first = [list(order[j:]) for j in steps]
    only_first = [list(order[:j]) for j in steps]
    return without_first + only_first + [list(order[: len(order) - j]) for j in steps]


def _curves(relative: NDArray[np.float64], listed: NDArray[np.bool_]) -> Curves:
    """relative and listed [3, k], rows as in `_altered`."""
    return Curves(
        del_at_k=float(relative[0].mean()),
        ins_at_k=float(relative[1].mean()),
        pos_at_k=float(listed[0].mean()),
        neg_at_k=float(listed[2].mean()),
    )


def _mean(curves: Sequence[Curves]) -> Curves:
    return Curves(
        del_at_k=float(np.mean([c.del_at_k for c in curves])),
        ins_at_k=float(np.mean([c.ins_at_k for c in curves])),
        pos_at_k=float(np.mean([c.pos_at_k for c in curves])),
        neg_at_k=float(np.mean([c.neg_at_k for c in curves])),
    )
