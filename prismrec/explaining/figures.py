"""From what was found of single users to figures over all of them, with 95 % intervals over users."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Metric
from prismrec.explaining.curves import KS
from prismrec.explaining.found import MEASURES, Curve, Removal, UserFound
from prismrec.explaining.orders import LEAVE_ONE_OUT
from training.evaluate.intervals import N_RESAMPLES, metric_of

Users = Sequence[UserFound]
View = Callable[[UserFound], Mapping[str, Curve]]
RESIDUAL = 1e-4
"""Of |score - base|: what the parts may miss of a score, in the view by factors."""

LENGTHS = (2, 20, 50, 100)
"""Where groups of history lengths begin."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order of taking things away, over users. at: "del@5" and so on.

    to_loo  of del and ins, each paired with leave-one-out's: its mean over that one's, with an interval
    less_loo  the difference, this less leave-one-out
    """

    label: str
    at: Mapping[str, Metric]
    to_loo: Mapping[str, Metric]
    less_loo: Mapping[str, Metric]


def history_of(user: UserFound) -> Mapping[str, Curve]:
    return user.history


def factors_of(user: UserFound) -> Mapping[str, Curve]:
    return user.factors


def orders(users: Users, view: View) -> list[Order]:
    """Every order that the users have, in the order of the first user."""
    return [_order(users, view, label) for label in view(users[0])]


def _order(users: Users, view: View, label: str) -> Order:
    names = [(name, k) for name in MEASURES for k in KS]
    values = {f"{name}@{k}": at(users, view, label, name=name, k=k) for name, k in names}
    base = {f"{name}@{k}": at(users, view, LEAVE_ONE_OUT, name=name, k=k) for name, k in names}
    paired = [f"{name}@{k}" for name, k in names if name in {"del", "ins"}]
    return Order(
        label=label,
        at={name: metric_of(one, _rng()) for name, one in values.items()},
        to_loo={name: ratio_of(values[name], base[name], _rng()) for name in paired},
        less_loo={name: metric_of(values[name] - base[name], _rng()) for name in paired},
    )


def at(users: Users, view: View, label: str, *, name: str, k: int) -> NDArray[np.float64]:
    """[n_users]: a measure's mean over j = 1..k, or as far as the history goes."""
    return np.array([float(np.mean(view(user)[label][name][:k])) for user in users])


def curve(users: Users, view: View, label: str, *, name: str) -> NDArray[np.float64]:
    """[K]: the mean over users at each j; who has fewer items stays at the last value."""
    rows = [view(user)[label][name] for user in users]
    filled = np.array([row + row[-1:] * (KS[-1] - len(row)) for row in rows], dtype=np.float64)
    return np.asarray(filled.mean(axis=0))


def ratio_of(values: NDArray[np.float64], base: NDArray[np.float64], rng: np.random.Generator) -> Metric:
    """The ratio of two means over the same users, with the percentile bootstrap."""
    n = len(values)
    drawn = rng.integers(0, n, (N_RESAMPLES, n))
    ratios = values[drawn].mean(axis=1) / base[drawn].mean(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    mean = float(values.mean() / base.mean())
    return Metric(mean=mean, se=float(ratios.std(ddof=1)), low=float(low), high=float(high), n=n)


@dataclass(frozen=True, slots=True)
class Additive:
    """|residual| / |score - base| over n items of lists: the largest and the 99th percentile; within: the share of
    items where it is at most RESIDUAL; left: the largest |residual| itself."""

    situation: str
    view: str
    n: int
    largest: float
    p99: float
    within: float
    left: float


def additivity(users: Users) -> list[Additive]:
    """One for each situation and view, "factors" and "history"."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for user in users:
        for one in user.residuals:
            found.setdefault((one.situation, "factors"), []).extend(zip(one.latent, one.latent_left, strict=True))
            found.setdefault((one.situation, "history"), []).extend(zip(one.history, one.history_left, strict=True))
    rows = []
    for (situation, view), pairs in found.items():
        ratios, left = np.array(pairs).T
        p99, within = float(np.quantile(ratios, 0.99)), float((ratios <= RESIDUAL).mean())
        rows.append(Additive(situation, view, len(pairs), float(ratios.max()), p99, within, float(left.max())))
    return rows


@dataclass(frozen=True, slots=True)
class Removed:
    """Counterfactuals over items of lists.

    coverage   share of the items with a set, one mean per user: the interval is over users
    strict     the same of sets that work while the removed items are kept off the list
    valid, confirmed   share of the sets found that the service calls valid, and that a request without them confirms
    sizes      how many items have a set of 1, 2, ... history items, from 0 = none
    widened    of so many items without a set a wider search (removals.widest_search) found one for so many
    changed    items of the list that are others without the set; runs, cost: see `found.Removal`
    """

    coverage: Metric
    strict: Metric
    valid: float
    confirmed: float
    sizes: Mapping[int, int]
    by_rank: Mapping[int, float]
    widened: tuple[int, int]
    mean_size: float
    changed: float
    runs: Mapping[str, float]
    cost: Mapping[str, float]


def removed(users: Users) -> Removed:
    every = [one for user in users for one in user.removals]
    found = [one for one in every if one.size]
    return Removed(
        coverage=metric_of(np.array([_share(one.size > 0 for one in user.removals) for user in users]), _rng()),
        strict=metric_of(np.array([_share(_is_strict(one) for one in user.removals) for user in users]), _rng()),
        valid=_share(one.valid for one in found),
        confirmed=_share(one.confirmed for one in found),
        sizes={size: sum(one.size == size for one in every) for size in range(max(one.size for one in every) + 1)},
        by_rank={rank: _share(one.size > 0 for one in every if one.rank == rank) for rank in _ranks(every)},
        widened=(sum(len(user.widened) for user in users), sum(size > 0 for user in users for size in user.widened)),
        mean_size=float(np.mean([one.size for one in found])) if found else 0.0,
        changed=float(np.mean([one.changed for one in found])) if found else 0.0,
        runs=_spread([float(one.runs) for one in every]),
        cost=_spread([one.cost for one in every]),
    )


def _is_strict(one: Removal) -> bool:
    return one.size > 0 and not one.offered


def by_length(users: Users) -> list[tuple[str, Users]]:
    """Groups of users by the length of their history, those that have any."""
    bounds = [*LENGTHS, 1 << 30]
    groups: list[tuple[str, Users]] = []
    for low, high in itertools.pairwise(bounds):
        some = [user for user in users if low <= user.length < high]
        if some:
            groups.append((f"{low} to {high - 1}" if high < 1 << 30 else f"{low} and more", some))
    return groups


def _ranks(removals: Iterable[Removal]) -> list[int]:
    return sorted({one.rank for one in removals})


def _spread(values: Sequence[float]) -> dict[str, float]:
    median, p95 = np.quantile(values, [0.5, 0.95])
    return {"mean": float(np.mean(values)), "median": float(median), "p95": float(p95), "most": float(max(values))}


def _share(flags: Iterable[bool]) -> float:
    """Of those that are true; 0 of none."""
    counted = list(flags)
    return sum(counted) / len(counted) if counted else 0.0


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)
