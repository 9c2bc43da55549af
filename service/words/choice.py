"""What a sentence names: which factors, which items of the history, and what each of them carries. No words here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bundle.factors import Factor
from service.explaining.explanation import FactorContribution, HistoryContribution, ProfileFactor
from service.explaining.places import Places
from service.explaining.readings import median_of, sd_of
from service.query import FloatArray
from service.words import thresholds

Standing = Literal["most", "a little", "none"]
Steered = Literal["there", "further", "against", "no"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a score is made of, as far as a sentence needs it.

    factors     the largest by what their place accounts for (FactorContribution.lean): at least those with
                thresholds.COMPARABLE of the largest supporting one or more, and the one that speaks most against it
    supporting  sum of the contributions above 0, of all factors; opposing: of those below 0, without its sign
    common      of `supporting`, what most users get: what no place accounts for; common_factor: gives most of it
    steered     what steering adds to the score, if that is above 0
    direct      what the history adds past the factors, all in all
    history     all of it
    """

    factors: tuple[FactorContribution, ...]
    supporting: float
    opposing: float
    common: float
    common_factor: int | None
    steered: float
    direct: float
    history: tuple[HistoryContribution, ...]

    @property
    def total(self) -> float:
        """What supports the score: the whole of which shares are told."""
        return self.supporting + max(0.0, self.direct)

    def share(self, amount: float) -> float:
        """Of what supports the score, 0..1; nothing of nothing."""
        return min(1.0, max(0.0, amount) / self.total) if self.total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """The items of the history to name, the largest contribution first, and how much of the score's way is theirs."""

    items: tuple[int, ...]
    standing: Standing


def parts_of(
    places: Places,
    item_ix: int,
    contributions: FloatArray,
    history: tuple[HistoryContribution, ...],
    *,
    steered: float = 0.0,
) -> Parts:
    """Of one item's score: contributions float32 [n_latent] of the factors, all the history's, what steering adds."""
    sizes = contributions.astype(np.float64)
    supporting, leans = sizes > 0, places.leans(sizes)
    told = (leans > 0) & (leans >= thresholds.COMPARABLE * float(leans.max(initial=0.0)))
    told[int(np.argmin(leans))] = True
    order = sorted(np.flatnonzero(told).tolist(), key=lambda i: (-abs(leans[i]), i))
    common = np.where(supporting, sizes - leans, 0.0)
    return Parts(
        factors=places.shares(item_ix, contributions, order),
        supporting=math.fsum(sizes[supporting]),
        opposing=-math.fsum(sizes[~supporting]),
        common=math.fsum(common),
        common_factor=int(np.argmax(common)) if common.any() else None,
        steered=max(0.0, steered),
        direct=math.fsum(h.linear for h in history),
        history=history,
    )


def named_of(factors: Sequence[FactorContribution]) -> tuple[FactorContribution, ...]:
    """The factors to name: the largest that is surely read as a value the item has, and perhaps a second such one.

    What a factor carries is what the user's place in it accounts for. The first is passed over for the largest of all
    where it carries less than thresholds.COMPARABLE of that; then a half that is perhaps read as a value the item has
    comes before one that is not. A second one must be read as something else.
    """
    supporting = sorted((f for f in factors if f.lean > 0), key=lambda f: (-f.lean, f.factor))
    if not supporting:
        return ()
    largest = supporting[0]
    able = [f for f in supporting if f.item_has and f.lean >= thresholds.COMPARABLE * largest.lean]
    sure = [f for f in able if f.status == "decoded"]
    first = (sure or able or [largest])[0]
    if first not in sure:
        return (first,)
    others = (
        f
        for f in sure
        if (f.attribute, f.value) != (first.attribute, first.value) and f.lean >= thresholds.COMPARABLE * first.lean
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


def steered_of(factor: FactorContribution | ProfileFactor, map_: Factor) -> Steered:
    """What steering did to somebody's place in a factor, as far as it is worth saying; map_: of that factor."""
    shift = factor.shifted * sd_of(map_)
    own = factor.z - shift
    moved = map_.half_of(own) != factor.half
    moved = moved or abs(map_.percentile(factor.z) - map_.percentile(own)) > thresholds.STEERED_PERCENT
    if shift == 0 or ((shift > 0) != (factor.half == "positive")):
        return "against" if shift != 0 and moved else "no"
    most = abs(shift) >= thresholds.STEERED * abs(factor.z - median_of(map_))
    return "there" if most else "further" if moved else "no"
