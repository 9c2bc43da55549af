"""How faithful an explanation is to the model: the target's fate as its reasons go and come in their order.

The names are those of Barkan et al., "A Counterfactual Framework for Learning and Evaluating Explanations for
Recommender Systems" (LXR), WWW 2024; ours count reasons (k of them, at most all) instead of shares of the history.
Nothing is chosen by these figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.explaining.trials import Target
from service.limits import LIMITS
from service.query import Query
from service.ranking import log_normaliser, ranks_of

DEFAULT_K = 5
"""Steps where nobody says how many: the figures of 20 cost as much as all the rest of an explanation."""

BY_HISTORY = "history items removed and added by their contributions; the whole history stays masked"
BY_FACTOR = "factors set to 0 and back by their contributions; the history stays as it is"
FINITE = 700.0
"""A probability that grows by more than exp of this is said to grow by so much: a reply has no infinities."""

Steps = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Curves:
    """Four figures of one order of the reasons; p is the target's probability, p0 with all of them.

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
class FactorFidelity:
    """The same for factors: k of them; explanation and random as in Fidelity."""

    method: str
    k: int
    explanation: Curves
    random: Curves


@dataclass(frozen=True, slots=True)
class Fidelity:
    """explanation: curves in the order of the contributions; random: means over seeded random orders.

    factors: the same for the order of the factors' contributions, where that was asked for.
    """

    method: str
    k: int
    n: int
    seed: int
    random_orders: int
    explanation: Curves
    random: Curves
    factors: FactorFidelity | None = None


def measure_fidelity(
    loaded: LoadedBundle,
    query: Query,
    item_ix: int,
    order: Sequence[int],
    *,
    k: int = DEFAULT_K,
    seed: int = 0,
    random_orders: int = 1,
) -> Fidelity:
    """Curves of `order` (history items, the most supporting first) beside those of seeded random orders.

    Cost: one batch of 1 + 3 k (1 + random_orders) histories.
    Raises InvalidRequestError for k out of bounds or an order that is not the query's history.
    """
    _check_k(k)
    if not order or set(order) != set(query.history):
        raise InvalidRequestError.field("/history", "fidelity needs an order of a history that is not empty")
    k = min(k, len(order))
    orders = [list(order), *_shuffled(order, seed, random_orders)]
    curves = history_curves(loaded, query, item_ix, orders, k=k)
    return Fidelity(
        method=BY_HISTORY,
        k=k,
        n=query.offset + query.n,
        seed=seed,
        random_orders=random_orders,
        explanation=curves[0],
        random=_mean(curves[1:]),
    )


def measure_factors(
    loaded: LoadedBundle,
    query: Query,
    item_ix: int,
    order: Sequence[int],
    *,
    k: int = DEFAULT_K,
    seed: int = 0,
    random_orders: int = 1,
) -> FactorFidelity:
    """Curves of `order` (all factors, the most supporting first) beside those of seeded random orders.

    Cost: one encoder run, and a batch of 1 + 3 k (1 + random_orders) points for the decoder.
    Raises InvalidRequestError for k out of bounds or an order that is not of all factors.
    """
    _check_k(k)
    if sorted(order) != list(range(loaded.n_latent)):
        raise InvalidRequestError.field("/fidelity", "the order must name every factor once")
    k = min(k, len(order))
    orders = [list(order), *_shuffled(order, seed, random_orders)]
    curves = factor_curves(loaded, query, item_ix, orders, k=k)
    return FactorFidelity(BY_FACTOR, k, explanation=curves[0], random=_mean(curves[1:]))


def history_curves(
    loaded: LoadedBundle, query: Query, item_ix: int, orders: Sequence[Sequence[int]], *, k: int
) -> list[Curves]:
    """One entry for each order of the query's history items, k steps each (1 <= k <= their number), in one batch.

    What is removed stays masked: it was seen. Raises KeyError for an item that is not in the history.
    """
    target = Target(loaded, query, item_ix, query.history)
    column = {ix: place for place, ix in enumerate(target.history)}
    keep = np.concatenate([_kept([column[ix] for ix in order], k) for order in orders])
    whole = np.ones((1, keep.shape[1]), dtype=np.bool_)
    ranks, logs = [], []
    for scores in target.scores(np.concatenate([whole, keep])):
        ranks.append(target.ranks(scores))
        logs.append(target.log_probabilities(scores))
    return _curves(np.concatenate(logs), np.concatenate(ranks) <= query.offset + query.n, k)


def factor_curves(
    loaded: LoadedBundle, query: Query, item_ix: int, orders: Sequence[Sequence[int]], *, k: int
) -> list[Curves]:
    """One entry for each order of factors, k steps each: a factor is away where its z is 0, the base of contributions.

    The history stays as it is, and so does what a linear term adds for it. Of who steers, the shift goes with its
    factor, and with it what the linear term gained, as in the contributions. Each order names every factor once.
    """
    keep = np.concatenate([np.ones((1, loaded.n_latent), dtype=np.bool_), *(_kept(order, k) for order in orders)])
    mu = loaded.encode(query.history, query.condition)
    shift = None if query.shift is None else np.where(keep, query.shift, np.float32(0))
    points = np.where(keep, mu, np.float32(0))
    others = loaded.allowed(query)
    listed, logs = [], []
    for scores in loaded.scores_many(points, [query.history], query.condition, shift=shift):
        listed.append(ranks_of(item_ix, scores, others) <= query.offset + query.n)
        logs.append(scores[:, item_ix].astype(np.float64) - log_normaliser(scores))
    return _curves(np.concatenate(logs), np.concatenate(listed), k)


def _check_k(k: int) -> None:
    if not 1 <= k <= LIMITS.fidelity_k:
        raise InvalidRequestError.field("/fidelity_k", f"k must be between 1 and {LIMITS.fidelity_k}")


def _shuffled(order: Sequence[int], seed: int, times: int) -> list[list[int]]:
    """Seeded random orders of the same reasons; they do not depend on the order given."""
    rng = np.random.Generator(np.random.PCG64(seed))
    canonical = sorted(order)
    return [[canonical[i] for i in rng.permutation(len(order))] for _ in range(times)]


def _kept(order: Sequence[int], k: int) -> Steps:
    """[3 k, len(order)]: what is left without the first j, of only the first j, without the last j; j = 1..k."""
    place = np.empty(len(order), dtype=np.int64)
    place[list(order)] = np.arange(len(order))
    steps = np.arange(1, k + 1)[:, None]
    return np.concatenate([place >= steps, place < steps, place < len(order) - steps])


def _curves(log_probability: NDArray[np.float64], listed: Steps, k: int) -> list[Curves]:
    """log_probability and listed [1 + orders * 3 k], the first with all reasons, then as in `_kept`."""
    gained = np.minimum(log_probability[1:] - log_probability[0], FINITE)
    relative = np.exp(gained).reshape(-1, 3, k).mean(axis=2)
    inside = listed[1:].reshape(-1, 3, k).mean(axis=2)
    return [
        Curves(float(p[0]), float(p[1]), float(top[0]), float(top[2])) for p, top in zip(relative, inside, strict=True)
    ]


def _mean(curves: Sequence[Curves]) -> Curves:
    return Curves(
        del_at_k=float(np.mean([c.del_at_k for c in curves])),
        ins_at_k=float(np.mean([c.ins_at_k for c in curves])),
        pos_at_k=float(np.mean([c.pos_at_k for c in curves])),
        neg_at_k=float(np.mean([c.neg_at_k for c in curves])),
    )
