"""What a sentence names: which factors, which items of the history, and what each of them carries. No words here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.explanation import FactorContribution, HistoryContribution
from service.words import thresholds

Standing = Literal["most", "a little", "none"]


@dataclass(frozen=True, slots=True)
class Support:
    """What supports a score, of which shares are told: contributions above 0, and what the history adds directly.

    factors  the supporting ones, the largest first; direct is never below 0
    """

    factors: tuple[FactorContribution, ...]
    direct: float
    total: float

    def share(self, amount: float) -> float:
        """0..1; of nothing, 0."""
        return amount / self.total if self.total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """The items of the history to name, the largest contribution first, and how much of the score's way is theirs."""

    items: tuple[int, ...]
    standing: Standing


def support_of(factors: Sequence[FactorContribution], history: Sequence[HistoryContribution]) -> Support:
    """factors, history: all, uncut; factors by absolute contribution."""
    positive = tuple(f for f in factors if f.contribution > 0)
    direct = max(0.0, math.fsum(h.linear for h in history))
    return Support(positive, direct, math.fsum((*(f.contribution for f in positive), direct)))


def named_of(support: Support) -> tuple[FactorContribution, ...]:
    """The factors to name: the largest that is surely read as a value the item has, and perhaps a second such one.

    It is passed over for the largest of all where it carries less than thresholds.COMPARABLE of that; then a half that
    is perhaps read as a value the item has comes before one that is not. A second one must be read as something else.
    """
    if not support.factors:
        return ()
    largest = support.factors[0]
    able = [f for f in support.factors if f.item_has and f.contribution >= thresholds.COMPARABLE * largest.contribution]
    sure = [f for f in able if f.status == "decoded"]
    first = (sure or able or [largest])[0]
    if first not in sure:
        return (first,)
    others = (
        f
        for f in sure
        if (f.attribute, f.value) != (first.attribute, first.value)
        and f.contribution >= thresholds.COMPARABLE * first.contribution
    )
    return (first, *others)[: thresholds.NAMED_FACTORS]


def shown_of(factors: Sequence[FactorContribution], history: Sequence[HistoryContribution]) -> Shown:
    """The items that carry most of the score, as far as their contributions bear out that they do."""
    supporting = sorted((h for h in history if h.contribution > 0), key=lambda h: (-h.contribution, h.item_ix))
    by_factors = math.fsum((*(f.contribution for f in factors), *(h.linear for h in history)))
    way = max(abs(by_factors), abs(math.fsum(h.contribution for h in history)))
    least = thresholds.MOVES_A_LITTLE / thresholds.NAMED_ITEMS * way
    shown = [h for h in supporting[: thresholds.NAMED_ITEMS] if h.contribution >= least]
    share = math.fsum(h.contribution for h in shown) / way if way > 0 else 0.0
    if share < thresholds.MOVES_A_LITTLE:
        return Shown((), "none")
    return Shown(tuple(h.item_ix for h in shown), "most" if share >= thresholds.MOVES else "a little")


def steered_part(z: float, shifted: float, sd: float) -> float:
    """Share of a factor's place that is the steering's, 0..1; 0 where steering moved it the other way."""
    return min(1.0, max(0.0, shifted * sd / z)) if z != 0 else 0.0
