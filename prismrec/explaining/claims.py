"""What is claimed of the explanations, each decided by its figures: PASS or FAIL, and the figures said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundle.manifest import Metric
from prismrec.explaining.curves import KS
from prismrec.explaining.figures import (
    RESIDUAL,
    Additive,
    Order,
    Users,
    additivity,
    removed,
)
from prismrec.explaining.orders import FACTOR_RIVALS, OURS, RIVALS, SHUFFLED
from prismrec.explaining.removals import BEAM

WITHIN = 0.05
"""How much worse than the exhaustive leave-one-out order, at most."""

COVERAGE = 0.9
"""Share of the items of a list for which a set of at most LIMITS.removals history items is found."""

COST = 30.0
"""What 95 of 100 counterfactuals cost at most, in lists."""

LOWER_IS_BETTER = {"del": True, "ins": False}


@dataclass(frozen=True, slots=True)
class Claim:
    """required: of the flagship; the others are told for what they are."""

    name: str
    passed: bool
    said: str
    required: bool = True


def claims(users: Users, history: Sequence[Order], factors: Sequence[Order]) -> list[Claim]:
    """All of one model. history, factors: its orders over these users."""
    return [
        *(_additive(one) for one in additivity(users) if one.view == "factors"),
        *(_beats(history, RIVALS, k, f"history items, k = {k}: better than every other order") for k in KS),
        *(_close(history, k, f"history items, k = {k}: within 5 % of leave one out") for k in KS),
        *(_control(history, RIVALS, k, f"history items, k = {k}: the shuffled explanation fails") for k in KS),
        *_removals(users),
        *(_optional(_beats(factors, FACTOR_RIVALS, k, f"factors, k = {k}: better than every other order")) for k in KS),
        *(_optional(_close(factors, k, f"factors, k = {k}: within 5 % of leave one out")) for k in KS),
        *(_optional(_control(factors, FACTOR_RIVALS, k, f"factors, k = {k}: shuffled, they fail")) for k in KS),
    ]


def comparisons(found: Sequence[Order], rivals: Sequence[str], k: int, *, ours: str) -> list[tuple[str, str, bool]]:
    """Measure, rival, and whether `ours` is better with intervals that do not touch."""
    by_label = {order.label: order for order in found}
    return [
        (name, rival, _better(by_label[ours].at[f"{name}@{k}"], by_label[rival].at[f"{name}@{k}"], lower=lower))
        for name, lower in LOWER_IS_BETTER.items()
        for rival in rivals
    ]


def _better(one: Metric, other: Metric, *, lower: bool) -> bool:
    return one.high < other.low if lower else one.low > other.high


def _beats(found: Sequence[Order], rivals: Sequence[str], k: int, name: str) -> Claim:
    by_label = {order.label: order for order in found}
    compared = comparisons(found, rivals, k, ours=OURS)
    said = []
    for measure, lower in LOWER_IS_BETTER.items():
        figures = {rival: by_label[rival].at[f"{measure}@{k}"] for rival in rivals}
        best = (min if lower else max)(figures, key=lambda rival: figures[rival].mean)
        ours = by_label[OURS].at[f"{measure}@{k}"]
        said.append(f"{measure.upper()} {interval(ours)}, the next best {interval(figures[best])} ({best})")
    lost = [f"{measure.upper()} of {rival}" for measure, rival, better in compared if not better]
    said += [f"intervals touch or are worse: {', '.join(lost)}"] if lost else []
    return Claim(name, not lost, "; ".join(said))


def _close(found: Sequence[Order], k: int, name: str) -> Claim:
    """The whole interval of the paired ratio must be no more than WITHIN worse; better is welcome."""
    ours = next(order for order in found if order.label == OURS)
    fine, said = True, []
    for measure, lower in LOWER_IS_BETTER.items():
        ratio = ours.to_loo[f"{measure}@{k}"]
        fine &= ratio.high <= 1 + WITHIN if lower else ratio.low >= 1 - WITHIN
        said.append(f"{measure.upper()} is {interval(ratio)} of that order's")
    return Claim(name, fine, "; ".join(said))


def _control(found: Sequence[Order], rivals: Sequence[str], k: int, name: str) -> Claim:
    """Passed when it is better than no other, on neither measure: it must not be able to."""
    compared = comparisons(found, rivals, k, ours=SHUFFLED)
    won = [better for *_, better in compared if better]
    shuffled = next(order for order in found if order.label == SHUFFLED)
    said = ", ".join(f"{m.upper()} {interval(shuffled.at[f'{m}@{k}'])}" for m in LOWER_IS_BETTER)
    return Claim(name, not won, f"{said}; better in {len(won)} of {len(compared)} comparisons")


def _additive(found: Additive) -> Claim:
    said = (
        f"|residual| is at most {found.largest:.1e} of |score - base|, {found.p99:.1e} for 99 of 100 of {found.n} items"
        f" (allowed: {RESIDUAL:g})"
    )
    if found.within < 1.0:
        said += f"; {found.within:.2%} are within it, and |residual| itself is at most {found.left:.1e} anywhere"
    return Claim(f"base, factors and direct parts make the score, {found.situation}", found.within == 1.0, said)


def _removals(users: Users) -> list[Claim]:
    found = removed(users)
    kept = found.valid == found.confirmed == 1.0
    return [
        Claim(
            "counterfactuals are valid",
            kept,
            f"{found.valid:.4f} as the service says, {found.confirmed:.4f} as a request without the set says",
        ),
        Claim(
            "counterfactuals are found",
            found.coverage.mean >= COVERAGE,
            f"for {interval(found.coverage)} of the items of the lists (required: {COVERAGE:g}), by what a plain "
            "request without the set lists",
        ),
        _optional(
            Claim(
                "counterfactuals are found while the removed items are kept off the list, too",
                found.strict.mean >= COVERAGE,
                f"for {interval(found.strict)}; of {found.widened[0]} items without any set a search that asks the "
                f"model about every set of a beam of {BEAM} finds one for {found.widened[1]}",
            )
        ),
        Claim(
            "counterfactuals are cheap enough",
            found.cost["p95"] <= COST,
            f"95 of 100 cost at most {found.cost['p95']:.1f} lists of the same user (allowed: {COST:g}); the median "
            f"is {found.cost['median']:.1f}",
        ),
    ]


def _optional(claim: Claim) -> Claim:
    return Claim(claim.name, claim.passed, claim.said, required=False)


def interval(metric: Metric) -> str:
    return f"{metric.mean:.3f} ({metric.low:.3f} to {metric.high:.3f})"
