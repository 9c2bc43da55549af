"""Plain sentences made from an explanation's numbers and nothing else. All wording and its thresholds are here.

They speak of association: the model's score goes with a factor, nobody's taste is claimed to cause it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from service.engine import LoadedBundle
from service.explanation import (
    FactorContribution,
    HistoryContribution,
    ItemExplanation,
    Profile,
    ProfileFactor,
)

MOSTLY, PARTLY = 0.5, 0.25
"""Share of the supporting (positive) contributions from which the largest is called "mostly" or "partly"."""

MOVES, MOVES_A_LITTLE = 0.1, 0.03
"""Share of the score's way from its base from which the history items named are said to go "with" it, or "a little".

The way is the longer of two: from the score at z = 0, and from the score of an empty history. A condition or a popular
item can make nearly all of a score; then no item of the history is held up as its company.
"""

PULLS = 0.1
"""In sd of a factor: an item that moves a user less than this is not said to be behind their position."""

NAMED_ITEMS = 2
POPULAR = "Listed because it is popular: nothing is known yet of this user."


def of_item(loaded: LoadedBundle, told: ItemExplanation, factors: Sequence[FactorContribution]) -> str:
    """One sentence on an item's score, with its counterfactual where there is a valid one. factors: all, uncut."""
    if told.seen:
        opening = "Already in the history; its score "
    elif told.rank is None:
        opening = "Not listed under this request; its score "
    else:
        opening = f"Ranked {told.rank}; its score "
    parts = [opening + _made_of(loaded, factors, told.history)]
    if told.counterfactual is not None and told.counterfactual.valid:
        parts.append(_without(loaded, told.counterfactual.remove, told.counterfactual.replacement))
    return "; ".join(parts) + "."


def of_reasons(
    loaded: LoadedBundle, factors: Sequence[FactorContribution], history: Sequence[HistoryContribution]
) -> str:
    """The short sentence that goes with an item of a list. factors, history: all, uncut."""
    return "Its score " + _made_of(loaded, factors, history) + "."


def of_profile(loaded: LoadedBundle, found: Profile) -> str:
    """One sentence on the most unusual named position of a user."""
    if not found.factors:
        return f"None of the {len(found.undecoded)} factors is decoded where this user lies, so none can be named."
    top = found.factors[0]
    shown = _titles(loaded, [item.item_ix for item in top.items[:NAMED_ITEMS] if abs(item.pull) >= PULLS])
    behind = f", which goes with {shown} in the history" if shown else ""
    hidden = f" {len(found.undecoded)} factors are not decoded where this user lies." if found.undecoded else ""
    return f"This user lies furthest from the middle in {_name(top)} ({_place(top)}){behind}.{hidden}"


def _made_of(
    loaded: LoadedBundle, factors: Sequence[FactorContribution], history: Sequence[HistoryContribution]
) -> str:
    """ "is mostly associated with Comedy (...) and goes with Alien in the history".

    What the history's items add past the factors counts among what supports a score, and comes first where it is more
    than the largest factor.
    """
    supporting = [f for f in factors if f.contribution > 0]
    direct = max(0.0, math.fsum(h.linear for h in history))
    total = math.fsum(f.contribution for f in supporting) + direct
    shown = _shown_by(loaded, factors, history)
    factor = ""
    if supporting:
        top = supporting[0]
        factor = f"is {_degree(top.contribution / total)} associated with {_name(top)} ({_place(top)})"
        if direct < top.contribution:
            return factor + (shown or _hardly(history))
    elif direct == 0:
        return "is not raised by any factor" + (shown or _hardly(history))
    straight = f"comes {_degree(direct / total)} straight from the items of the history"
    if not shown:
        straight += ", none of which stands out"
    if not factor:
        return f"{straight}, not from any factor" + (f",{shown}" if shown else "")
    return f"{straight}, {factor}{shown}" if shown else f"{straight}, and {factor}"


def _degree(share: float) -> str:
    return "mostly" if share >= MOSTLY else "partly" if share >= PARTLY else "weakly"


def _name(factor: FactorContribution | ProfileFactor) -> str:
    """What a factor is called; an undecoded one is said to be undecoded, an ambiguous one to be uncertain."""
    if factor.status == "undecoded":
        return f"factor {factor.factor}, which is not decoded"
    meaning = factor.attribute if factor.value is None else f"{factor.attribute} {factor.value}"
    if factor.status == "ambiguous":
        return f"factor {factor.factor}, perhaps {meaning}"
    return f"{meaning}, factor {factor.factor}"


def _place(factor: FactorContribution | ProfileFactor) -> str:
    """Never more than 99 %: the quantiles come from training users, and this user is one more."""
    if factor.percentile >= 50:
        return f"higher than {min(factor.percentile, 99):.0f} % of users"
    return f"lower than {min(100 - factor.percentile, 99):.0f} % of users"


def _shown_by(
    loaded: LoadedBundle, factors: Sequence[FactorContribution], history: Sequence[HistoryContribution]
) -> str:
    """ " and goes with Alien and Heat in the history", as far as those items' contributions bear it out; else ""."""
    supporting = sorted((h for h in history if h.contribution > 0), key=lambda h: (-h.contribution, h.item_ix))
    by_factors = math.fsum((*(f.contribution for f in factors), *(h.linear for h in history)))
    way = max(abs(by_factors), abs(math.fsum(h.contribution for h in history)))
    shown = [h for h in supporting[:NAMED_ITEMS] if h.contribution >= MOVES_A_LITTLE / NAMED_ITEMS * way]
    share = math.fsum(h.contribution for h in shown) / way if way > 0 else 0.0
    if share < MOVES_A_LITTLE:
        return ""
    degree = "goes" if share >= MOVES else "goes a little"
    return f" and {degree} with {_titles(loaded, [h.item_ix for h in shown])} in the history"


def _hardly(history: Sequence[HistoryContribution]) -> str:
    return ", hardly with any item of the history" if any(h.contribution > 0 for h in history) else ""


def _without(loaded: LoadedBundle, removed: Sequence[int], replacement: int | None) -> str:
    absent = _titles(loaded, removed)
    if replacement is None:
        return f"without {absent} it would leave the list"
    return f"without {absent} it would be replaced by {_titles(loaded, [replacement])}"


def _titles(loaded: LoadedBundle, items: Sequence[int]) -> str:
    """Titles, or ids where there is none: "A", "A and B", "A, B and C"."""
    names = [loaded.catalogue.titles[ix] or f"item {loaded.catalogue.ids[ix]}" for ix in items]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else ""
