"""What to sample: each pick of a cold start resolved to a half of a factor or to a direction, whichever works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundle.factors import Factor, Half, Status
from service.checks import listing
from service.coldstarts.candidates import (
    HALVES,
    Asked,
    Candidate,
    Via,
    best_of,
    try_all,
)
from service.coldstarts.together import Wanted, tuned
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS

WEAK_R2 = 0.01


@dataclass(frozen=True, slots=True)
class Pick:
    """Either factor and half, or attribute and value; strength 1 samples the half as the training users fill it.

    strength None: 1 for a half; of a named value as much as its list needs (service.coldstarts.candidates.STRENGTHS)
    """

    factor: int | None = None
    half: Half | None = None
    attribute: str | None = None
    value: str | None = None
    strength: float | None = None


@dataclass(frozen=True, slots=True)
class ResolvedPick:
    """What a pick became. via "factor": the half that is sampled; else factor and half are None (candidates).

    attribute, value  what was asked for, or what the picked half decodes to (None: undecoded)
    strength          the one that is sampled
    status            of the half; a direction is "decoded" unless its probe carries nothing. Whatever stands for a
                      named value is "undecoded" when its trial lists, or the list that came out with nothing else
                      asked for, hold less of the value than the catalogue
    note              what the caller should know: undecoded, ambiguous, weak; else None
    share             of a named value in the pick's own trial lists (coldstarts.candidates.Tried), 0..1; else None
    """

    via: Via
    factor: int | None
    half: Half | None
    attribute: str | None
    value: str | None
    strength: float
    status: Status
    note: str | None
    share: float | None = None


def resolve_picks(loaded: LoadedBundle, picks: Sequence[Pick], *, diversity: float = 0.0) -> tuple[ResolvedPick, ...]:
    """Every pick resolved, in their order; what becomes of them does not depend on it.

    An attribute value goes to the candidate that lists the largest share of it on the live model: a half named for it,
    or its direction (one decoder run for all values; see candidates). Factor picks claim their factors first,
    so an attribute never takes the other half. Of several picks those by value are tried once more together
    (together). A strength that nobody named grows with the diversity, which draws lists away from the picks.
    Raises InvalidRequestError at /picks/<i> for unknown, repeated or contradictory picks.
    """
    if not 1 <= len(picks) <= LIMITS.picks:
        raise InvalidRequestError.field("/picks", f"must hold 1 to {LIMITS.picks} picks")
    claimed: dict[int, Half] = {}
    asked: dict[int, Asked] = {}
    for place, pick in enumerate(picks):
        _check_pick(loaded, pick, place)
        if pick.factor is not None and pick.half is not None:
            _claim(claimed, pick.factor, pick.half, place)
    for place, pick in enumerate(picks):
        if pick.attribute is None or pick.value is None:
            continue
        if any((one.attribute, one.value) == (pick.attribute, pick.value) for one in asked.values()):
            hint = "pick each value once; strength says how far"
            raise InvalidRequestError.field(f"/picks/{place}", "the same value is picked twice", hint=hint)
        asked[place] = Asked(pick.attribute, pick.value, pick.strength, taken=frozenset(claimed))
    found = {place: _by_factor(loaded, pick) for place, pick in enumerate(picks) if place not in asked}
    found.update(_by_values(loaded, asked, list(found.values()), diversity=diversity))
    return tuple(found[place] for place in range(len(picks)))


def _by_values(
    loaded: LoadedBundle, asked: dict[int, Asked], others: Sequence[ResolvedPick], *, diversity: float
) -> dict[int, ResolvedPick]:
    """What stands for each named value. They choose in the order of their names, whatever the order of the picks."""
    tried = dict(zip(asked, try_all(loaded, list(asked.values())), strict=True))
    wanted: dict[int, Wanted] = {}
    claimed: set[int] = set()
    for place in sorted(asked, key=lambda place: (asked[place].attribute, asked[place].value)):
        free = tuple(one for one in tried[place] if one.candidate.factor not in claimed)
        if not free:
            raise _nothing_left(loaded, asked[place], place)
        wanted[place] = Wanted(asked[place], free, best_of(free))
        if (factor := wanted[place].chosen.candidate.factor) is not None:
            claimed.add(factor)
    if len(wanted) + len(others) > 1:
        fixed = sorted(others, key=lambda pick: pick.factor or 0)
        ways = [(Candidate("factor", factor=pick.factor, half=pick.half), pick.strength) for pick in fixed]
        wanted = dict(zip(wanted, tuned(loaded, list(wanted.values()), ways), strict=True))
    return {place: _as_resolved(loaded, one, diversity) for place, one in wanted.items()}


def _check_pick(loaded: LoadedBundle, pick: Pick, place: int) -> None:
    by_factor = pick.factor is not None and pick.half is not None and pick.attribute is None and pick.value is None
    by_name = pick.attribute is not None and pick.value is not None and pick.factor is None and pick.half is None
    pointer = f"/picks/{place}"
    if not by_factor and not by_name:
        raise InvalidRequestError.field(pointer, "must give either factor and half, or attribute and value")
    if pick.strength is not None and not 0 < pick.strength <= LIMITS.pick_strength:
        raise InvalidRequestError.field(f"{pointer}/strength", f"must be above 0 and at most {LIMITS.pick_strength:g}")
    if pick.factor is not None and not 0 <= pick.factor < loaded.n_latent:
        raise InvalidRequestError.field(f"{pointer}/factor", f"factors are numbered 0 to {loaded.n_latent - 1}")
    if pick.half is not None and pick.half not in HALVES:
        raise InvalidRequestError.field(f"{pointer}/half", "must be negative or positive")
    if pick.attribute is not None:
        attribute = loaded.catalogue.attribute(pick.attribute)
        if attribute is None:
            names = listing([a.name for a in loaded.catalogue.attributes]) or "nothing: the items have no attributes"
            raise InvalidRequestError.field(f"{pointer}/attribute", f"can be {names}")
        if pick.value not in attribute.values:
            raise InvalidRequestError.field(f"{pointer}/value", f"must be one of {listing(attribute.values)}")


def _claim(claimed: dict[int, Half], factor: int, half: Half, place: int) -> None:
    if factor in claimed:
        same = claimed[factor] == half
        raise InvalidRequestError.field(
            f"/picks/{place}",
            "the same half is picked twice" if same else "both halves of one factor are picked; they contradict",
            hint="pick each factor once; strength says how far",
        )
    claimed[factor] = half


def _by_factor(loaded: LoadedBundle, pick: Pick) -> ResolvedPick:
    assert pick.factor is not None and pick.half is not None
    factor = loaded.factors.factors[pick.factor]
    reading = factor.reading(pick.half)
    return ResolvedPick(
        via="factor",
        factor=pick.factor,
        half=pick.half,
        attribute=reading.attribute,
        value=reading.value,
        strength=1.0 if pick.strength is None else pick.strength,
        status=reading.status,
        note=half_note(factor, pick.half),
    )


def _as_resolved(loaded: LoadedBundle, wanted: Wanted, diversity: float) -> ResolvedPick:
    """A value and what was chosen for it, in words, and with the strength that is sampled."""
    asked, best = wanted.asked, wanted.chosen
    candidate = best.candidate
    status: Status = "undecoded"
    note = None
    if candidate.factor is not None and candidate.half is not None and candidate.reading is not None:
        status, note = candidate.reading.status, half_note(loaded.factors.factors[candidate.factor], candidate.half)
    elif candidate.direction is not None:
        weak = candidate.direction.r2 < WEAK_R2
        status = "undecoded" if weak else "decoded"
        note = f"the latent space hardly carries this value (r2 {candidate.direction.r2:.3f})" if weak else None
    if best.share < float(loaded.catalogue.members_of(asked.attribute, asked.value).mean()):
        status = "undecoded"
    pushed = best.strength if asked.strength is not None else min(best.strength * (1 + diversity), LIMITS.pick_strength)
    return ResolvedPick(
        via=candidate.via,
        factor=candidate.factor,
        half=candidate.half,
        attribute=asked.attribute,
        value=asked.value,
        strength=pushed,
        status=status,
        note=note,
        share=best.share,
    )


def guided_value(factor: Factor, half: Half) -> tuple[str, str] | None:
    """The attribute and value that the half was tied to in training; None: it was not, or to a number."""
    if factor.guide is None or factor.guide.value is None or half != "positive":
        return None
    return factor.guide.attribute, factor.guide.value


def half_note(factor: Factor, half: Half) -> str | None:
    """Why a half is not plainly decoded: rivals, trainings with other seeds that read it otherwise, or (there being
    neither) the two methods, which name different values."""
    reading = factor.reading(half)
    if reading.status == "undecoded":
        tied = guided_value(factor, half)
        known = ": what its items have in common is not known"
        return "this half is undecoded" + (known if tied is None else f"; in training it was tied to {' '.join(tied)}")
    if reading.status == "decoded":
        return None
    if reading.rivals:
        return f"this half is ambiguous: also {', '.join(reading.rivals)} fit it"
    if reading.unstable and reading.stability is not None:
        return (
            f"this half is ambiguous: trained again with other seeds, the model reads the same there in only "
            f"{reading.stability:.0%} of the trainings"
        )
    for cell in factor.evidence:
        named = (cell.shifted_value, cell.value)
        if (cell.attribute, cell.half) == (reading.attribute, half) and None not in named and named[0] != named[1]:
            return (
                f"this half is ambiguous: the two decoding methods disagree, moving users to it says {named[0]}, "
                f"sampling it alone says {named[1]}"
            )
    return "this half is ambiguous: the two decoding methods disagree on the value"


def _nothing_left(loaded: LoadedBundle, asked: Asked, place: int) -> InvalidRequestError:
    """Why a value cannot be sampled: another pick has the only factor for it, or there is none; and what can be."""
    named = (asked.attribute, asked.value)
    if any(_reads(factor, half) == named for factor in loaded.factors.factors for half in HALVES):
        return InvalidRequestError.field(
            f"/picks/{place}/value",
            "another pick has the only factor whose half stands for this value; they contradict",
            hint="pick one of them, or filter by this value with a strict condition",
        )
    halves = {_reads(factor, half) for factor in loaded.factors.factors for half in HALVES}
    known = halves | {(direction.attribute, direction.value) for direction in loaded.factors.directions}
    attribute = loaded.catalogue.attribute(asked.attribute)
    can = [value for value in (attribute.values if attribute else ()) if (asked.attribute, value) in known]
    return InvalidRequestError.field(
        f"/picks/{place}/value",
        f"no half of a factor is read as this value and it has no direction; can be {listing(can) or 'none of them'}",
        hint="GET /factors shows what can be picked; a strict condition filters by any value",
    )


def _reads(factor: Factor, half: Half) -> tuple[str | None, str | None]:
    reading = factor.reading(half)
    return reading.attribute, reading.value
