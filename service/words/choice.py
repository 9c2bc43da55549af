"""What a sentence names: which factors, which items of the history, and what each of them carries. No words here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from service.explanation import FactorContribution, HistoryContribution
from service.places import Places
from service.query import FloatArray
from service.words import thresholds

Standing = Literal["most", "a little", "none"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a score is made of, as far as a sentence needs it.

    factors     the largest by absolute contribution: at least those that carry thresholds.COMPARABLE of the largest
                supporting one or more, and the one that speaks most against the item
    supporting  sum of the contributions above 0, of all factors; opposing: of those below 0, without its sign
    steered     of `supporting`, what is the steering's: each contribution times its share of the factor's place
    direct      what the history adds past the factors, all in all
    history     all of it
    """

    factors: tuple[FactorContribution, ...]
    supporting: float
    opposing: float
    steered: float
    direct: float
    history: tuple[HistoryContribution, ...]

    @property
    def total(self) -> float:
        """What supports the score: the whole of which shares are told."""
        return self.supporting + max(0.0, self.direct)

    def share(self, amount: float) -> float:
        """Of what supports the score, 0..1; nothing of nothing."""
        return max(0.0, amount) / self.total if self.total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """The items of the history to name, the largest contribution first, and how much of the score's way is theirs."""

    items: tuple[int, ...]
    standing: Standing


def parts_of(
    places: Places, item_ix: int, contributions: FloatArray, history: tuple[HistoryContribution, ...]
) -> Parts:
    """Of one item's score: contributions float32 [n_latent] of the factors, and all of the history's."""
    sizes = contributions.astype(np.float64)
    supporting = sizes > 0
    largest = float(sizes.max(initial=0.0))
    told = supporting & (sizes >= thresholds.COMPARABLE * largest)
    told[int(np.argmin(sizes))] = True
    order = sorted(np.flatnonzero(told).tolist(), key=lambda i: (-abs(sizes[i]), i))
    return Parts(
        factors=tuple(places[i].of(item_ix, float(sizes[i])) for i in order),
        supporting=math.fsum(sizes[supporting]),
        opposing=-math.fsum(sizes[~supporting]),
        steered=math.fsum((sizes * places.steered)[supporting]),
        direct=math.fsum(h.linear for h in history),
        history=history,
    )


def named_of(factors: Sequence[FactorContribution]) -> tuple[FactorContribution, ...]:
    """The factors to name: the largest that is surely read as a value the item has, and perhaps a second such one.

    factors: by absolute contribution. The first is passed over for the largest of all where it carries less than
    thresholds.COMPARABLE of that; then a half that is perhaps read as a value the item has comes before one that is
    not. A second one must be read as something else.
    """
    supporting = [f for f in factors if f.contribution > 0]
    if not supporting:
        return ()
    largest = supporting[0]
    able = [f for f in supporting if f.item_has and f.contribution >= thresholds.COMPARABLE * largest.contribution]
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


def shown_of(parts: Parts) -> Shown:
    """The items that carry most of the score, as far as their contributions bear out that they do."""
    supporting = sorted((h for h in parts.history if h.contribution > 0), key=lambda h: (-h.contribution, h.item_ix))
    by_factors = parts.supporting - parts.opposing + parts.direct
    way = max(abs(by_factors), abs(math.fsum(h.contribution for h in parts.history)))
    least = thresholds.MOVES_A_LITTLE / thresholds.NAMED_ITEMS * way
    shown = [h for h in supporting[: thresholds.NAMED_ITEMS] if h.contribution >= least]
    share = math.fsum(h.contribution for h in shown) / way if way > 0 else 0.0
    if share < thresholds.MOVES_A_LITTLE:
        return Shown((), "none")
    return Shown(tuple(h.item_ix for h in shown), "most" if share >= thresholds.MOVES else "a little")


def steered_part(z: float, shifted: float, sd: float) -> float:
    """Share of a factor's place that is the steering's, 0..1; 0 where steering moved it the other way."""
    return min(1.0, max(0.0, shifted * sd / z)) if z != 0 else 0.0
