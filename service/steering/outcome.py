"""What a steering changed in a list: items in and out, shares of what was asked for, drift of what was locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Attribute
from service.engine import LoadedBundle
from service.limits import LIMITS
from service.query import Ranking, Source
from service.steering.steer import Terms, directions_of
from service.steering.wishes import NAME, Wish, Wishes, wishes_of

LITTLE = 0.05
"""A share that moves less than this, and could move further, is said to have hardly moved."""

WEAK_GAIN = 0.1 / LIMITS.steer_strength
"""A value whose direction moves its share of a list by less than this per sd: the strongest push is hardly one item in
ten, so that it does not follow a slider (bundle.carriers.Steered.gain)."""

SMALL = 0.5
"""sd: a push so small may well move nothing."""

HELD = 0.25
"""A lock that takes less than this share off a drift is said to have held little."""

CANCELLED = 1e-9
"""Strengths that sum to less ask for nothing."""

ALL_LISTED = "all items that may be listed are, with steering and without: it could change their order alone"
NO_ITEMS = "there is no item here to list, with steering or without"


@dataclass(frozen=True, slots=True)
class Share:
    """Share of the items that have a value: of the list before (without steering), after, and of the catalogue."""

    attribute: str
    value: str
    before: float
    after: float
    catalogue: float


@dataclass(frozen=True, slots=True)
class Mean:
    """Mean of a numeric attribute over the items that have it; None where none has."""

    attribute: str
    before: float | None
    after: float | None
    catalogue: float | None


@dataclass(frozen=True, slots=True)
class Drift:
    """Total variation between a locked attribute's shares before and after, 0..1 (see drift_of).

    unlocked  the same after all of the shift, also what the locks take out of it; None where there is no such list
    """

    attribute: str
    drift: float
    unlocked: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """before and after are the same places (offset, n) of the list without the shift and with it.

    compared_with         what made the list before
    items_in, items_out   item indices listed only after, only before; each in the order of its list
    shares, means         of steered values, and of what steered factors' halves are read as or were tied to
    locked                one for each locked attribute
    note                  what to know of it: nothing changed, a share went the other way or hardly followed, a lock
                          held little; None
    """

    compared_with: Source
    items_in: tuple[int, ...]
    items_out: tuple[int, ...]
    shares: tuple[Share, ...] = ()
    means: tuple[Mean, ...] = ()
    locked: tuple[Drift, ...] = ()
    note: str | None = None


def outcome_of(
    loaded: LoadedBundle, terms: Terms, before: Ranking, after: Ranking, *, unlocked: Ranking | None = None
) -> Outcome:
    """What moving by `terms` made of the list `before`. Pure counting: O(n * values), no run of a graph.

    before, after  answers to the same query without and with the shift of the terms, so that they are equally long
    unlocked       the answer with the shift of the terms but for their locks; None: what locks held cannot be told
    """
    was, now = _items(before), _items(after)
    free = None if unlocked is None else _items(unlocked)
    wishes = wishes_of(loaded, terms)
    shares = tuple(_share(loaded, wish.attribute, wish.value, was, now) for wish in wishes.values)
    gone, new = set(was).difference(now), set(now).difference(was)
    found = Outcome(
        compared_with=before.source,
        items_in=tuple(ix for ix in now if ix in new),
        items_out=tuple(ix for ix in was if ix in gone),
        shares=shares,
        means=tuple(_mean(loaded, name, was, now) for name in wishes.numbers),
        locked=tuple(
            Drift(name, _drift(loaded, name, was, now), _drift(loaded, name, was, free) if free else None)
            for name in dict.fromkeys(terms.lock)
        ),
    )
    if not was:
        return replace(found, note=NO_ITEMS)
    if after.short_reason is not None and not found.items_in:
        return replace(found, note=ALL_LISTED)
    return replace(found, note=_note(loaded, wishes, found, same=was == now))


def _items(ranking: Ranking) -> list[int]:
    return [item.item_ix for item in ranking.items]


def drift_of(attribute: Attribute, before: Sequence[int], after: Sequence[int]) -> float:
    """Total variation between the shares of the attribute's values in two lists of items, 0..1; 0 for empty lists.

    An item counts one part in each of its values (Attribute.shares), a number in its bin; items without any value
    count as one value more. 0.5 * sum |after - before|.
    """
    if not before or not after:
        return 0.0
    shares = [_parts(attribute, items) for items in (before, after)]
    return round(0.5 * float(np.abs(shares[1] - shares[0]).sum()), 9)


def _parts(attribute: Attribute, items: Sequence[int]) -> NDArray[np.float64]:
    """[n_values + 1]: the mean part of each value, and of none; sums to 1."""
    parts = attribute.shares[list(items)].astype(np.float64).mean(axis=0)
    return np.append(parts, 1.0 - parts.sum())


def _drift(loaded: LoadedBundle, name: str, was: Sequence[int], now: Sequence[int]) -> float:
    attribute = loaded.catalogue.attribute(name)
    return 0.0 if attribute is None else drift_of(attribute, was, now)


def _share(loaded: LoadedBundle, name: str, value: str, was: Sequence[int], now: Sequence[int]) -> Share:
    has = loaded.catalogue.members_of(name, value)
    before, after = (float(has[list(items)].mean()) if items else 0.0 for items in (was, now))
    return Share(name, value, before, after, float(has.mean()))


def _mean(loaded: LoadedBundle, name: str, was: Sequence[int], now: Sequence[int]) -> Mean:
    attribute = loaded.catalogue.attribute(name)
    assert attribute is not None
    column = attribute.column
    return Mean(name, *(_mean_of(numbers) for numbers in (column[list(was)], column[list(now)], column)))


def _mean_of(numbers: NDArray[np.float64]) -> float | None:
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if len(known) else None


def _note(loaded: LoadedBundle, wishes: Wishes, found: Outcome, *, same: bool) -> str | None:
    """What the figures do not say by themselves, or a reader may miss; None when all went as asked."""
    notes = []
    if found.compared_with == "popularity":
        notes.append("without steering this list is by popularity, so part of the difference is the model's")
    if same:
        notes.append("the list is the same as without steering")
    elif not found.items_in:
        notes.append("the same items as without steering, in another order")
    faults = [_fault(loaded, share, wish) for share, wish in zip(found.shares, wishes.values, strict=True)]
    faults += [_numbers_fault(mean, wishes.numbers[mean.attribute]) for mean in found.means]
    notes += [fault for fault in faults if fault is not None]
    if any(faults) and wishes.n_terms > 1:
        notes.append("all terms and locks of a request pull at one list, so one may undo another")
    slack = [fault for fault in map(_lock_fault, found.locked) if fault is not None]
    if slack:
        notes += [*slack, "a lock keeps what the model reads of the user, and lists go with more than is read"]
    if wishes.nameless:
        which = ("factor " if len(wishes.nameless) == 1 else "factors ") + ", ".join(wishes.nameless)
        notes.append(f"nothing is read in {which} on this side: what it did is in items_in and items_out")
    return "; ".join(notes) or None


def _fault(loaded: LoadedBundle, share: Share, wish: Wish) -> str | None:
    """Why a share is not what was asked for; None when it is, or can go no further, or nobody asked."""
    if not wish.by:
        return None
    name = f"{share.attribute} {share.value}" + ("" if NAME in wish.by else f" ({', '.join(wish.by)})")
    moved = share.after - share.before
    figures = f"{_percent(share.before)} of the list before, {_percent(share.after)} after"
    if abs(wish.strength) < CANCELLED:
        return f"{name} is asked for up and down alike: {figures}"
    wanted, got = ("more", "less") if wish.strength > 0 else ("less", "more")
    if moved * wish.strength < 0:
        return f"asked for {wanted} {name}, the list has {got} of it: {figures}{_why(loaded, share, wish)}"
    if abs(moved) >= LITTLE or share.after == (1.0 if wish.strength > 0 else 0.0):
        return None
    return f"{name} hardly moved: {figures}{_why(loaded, share, wish)}"


def _lock_fault(found: Drift) -> str | None:
    """That a lock did not keep its attribute, though there was something to keep; None when it did, or nobody knows."""
    drift, free = found.drift, found.unlocked
    if free is None or drift < LITTLE or drift <= (1.0 - HELD) * free:
        return None
    how = "did not keep it" if drift >= free else "held little"
    return f"the lock on {found.attribute} {how}: {_percent(drift)} of its shares moved, {_percent(free)} without locks"


def _numbers_fault(mean: Mean, strength: float) -> str | None:
    """That a mean went the other way, or nowhere; None when it went as asked."""
    if mean.before is None or mean.after is None or (mean.after - mean.before) * strength > 0:
        return None
    wanted = "higher" if strength > 0 else "lower"
    return f"asked for a {wanted} {mean.attribute}, the list's mean went from {mean.before:.6g} to {mean.after:.6g}"


def _why(loaded: LoadedBundle, share: Share, wish: Wish) -> str:
    """What is known of why a share did not follow: the value hardly ever does, or the push was a small one."""
    direction = directions_of(loaded).get(f"{share.attribute}:{share.value}")
    gain = None if direction is None or direction.steered is None else direction.steered.gain
    if gain is not None and gain < WEAK_GAIN:
        rare = f"{_percent(share.catalogue)} of the catalogue has it"
        return f" (it follows a push poorly: {rare}, and one sd moved its share of measured lists by {_percent(gain)})"
    return " (the push is a small one)" if abs(wish.strength) < SMALL else ""


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
