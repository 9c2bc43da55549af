"""How faithful an explanation is to the model: the target's fate as its reasons go and come in their order.

The names are those of Barkan et al., "A Counterfactual Framework for Learning and Evaluating Explanations for
Recommender Systems" (LXR), WWW 2024; ours count reasons (k of them, at most all) instead of shares of the history.
Nothing is chosen by these figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.explaining.curves import Steps, factor_steps, history_steps
from service.limits import LIMITS
from service.query import FloatArray, Query

DEFAULT_K = 5
"""Steps where nobody says how many: the figures of 20 cost as much as all the rest of an explanation."""

BY_HISTORY = "history items removed and added by their contributions; the whole history stays masked"
BY_FACTOR = "factors set to 0 and back by their contributions; the history stays as it is"
FINITE = 700.0
"""A probability that grows by more than exp of this is said to grow by so much: a reply has no infinities."""


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
    steps = history_steps(loaded, query, item_ix, _beside_random(order, seed, random_orders), k=k)
    explanation, random = _figures(steps)
    return Fidelity(
        method=BY_HISTORY,
        k=k,
        n=query.offset + query.n,
        seed=seed,
        random_orders=random_orders,
        explanation=explanation,
        random=random,
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
    mu: FloatArray | None = None,
) -> FactorFidelity:
    """Curves of `order` (all factors, the most supporting first) beside those of seeded random orders.

    mu float32 [n_latent]: the encoder's, of the query, where it is known.
    Cost: a batch of 1 + 3 k (1 + random_orders) points for the decoder.
    Raises InvalidRequestError for k out of bounds or an order that is not of all factors.
    """
    _check_k(k)
    if sorted(order) != list(range(loaded.n_latent)):
        raise InvalidRequestError.field("/fidelity", "the order must name every factor once")
    k = min(k, len(order))
    steps = factor_steps(loaded, query, item_ix, _beside_random(order, seed, random_orders), k=k, mu=mu)
    explanation, random = _figures(steps)
    return FactorFidelity(BY_FACTOR, k, explanation=explanation, random=random)


def _check_k(k: int) -> None:
    if not 1 <= k <= LIMITS.fidelity_k:
        raise InvalidRequestError.field("/fidelity_k", f"k must be between 1 and {LIMITS.fidelity_k}")


def _beside_random(order: Sequence[int], seed: int, times: int) -> NDArray[np.int64]:
    """[1 + times, len(order)]: the order, and seeded random ones of the same reasons, which do not depend on it."""
    given = np.asarray(order, dtype=np.int64)
    return np.concatenate([given[None, :], np.sort(given)[_permutations(len(given), seed, times)]])


@lru_cache(maxsize=256)
def _permutations(n: int, seed: int, times: int) -> NDArray[np.int64]:
    """[times, n] of 0..n-1. Kept, as most requests have the same seed: to seed a generator costs more than to draw."""
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = np.array([rng.permutation(n) for _ in range(times)], dtype=np.int64).reshape(times, n)
    drawn.flags.writeable = False
    return drawn


def _figures(steps: Steps) -> tuple[Curves, Curves]:
    """Of the first order, and the means over the others."""
    ratios = np.exp(np.minimum(np.stack([steps.without_first, steps.only_first]), FINITE)).mean(axis=2)
    listed = np.stack([steps.listed_without_first, steps.listed_without_last]).mean(axis=2)
    figures = np.concatenate([ratios, listed])
    return Curves(*figures[:, 0].tolist()), Curves(*figures[:, 1:].mean(axis=1).tolist())
