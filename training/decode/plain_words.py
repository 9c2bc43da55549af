"""What the map says, in words for a reader who has two minutes: how much is decoded, how well, what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bundle.factors import Factor, FactorMap, Half
from training.decode.magnitude_of_change import HALVES
from training.decode.map_table import examples
from training.decode.selection import by_interest, guide_name, reads_as_guided
from training.decode.strips import LEVELS, Strip

_MOST_EXAMPLES = 4
_MIDDLE = LEVELS.index(50.0)
_FIRM = 0.8
_VISIBLE = 0.03
"""Of the list: an end that brings less makes no example, though the lists of real users move."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of an example: the value it brings, its share of the list at the middle and at the end, titles."""

    half: Half
    attribute: str
    value: str
    middle: float
    end: float
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A decoded factor to begin with, the end that says most first."""

    factor: Factor
    guide: str | None
    ends: tuple[End, ...]


def headline(found: FactorMap, strips: Sequence[Strip]) -> tuple[str, ...]:
    """Sentences for the top of the page; the first says how many factors can be read."""
    active = [f for f in found.factors if f.active]
    if not active:
        return ("Nothing can be read: no factor of this model is in use.",)
    if not found.attributes:
        return (
            f"This map is empty: the items have no attribute that can be decoded, so none of the {len(active)} "
            f"{_plural('factor', len(active))} in use has a name. The model recommends all the same.",
        )
    decoded = [f for f in active if f.status == "decoded"]
    if decoded:
        words = [
            f"{len(decoded)} of the {len(active)} {_plural('factor', len(active))} in use can be read: moving one "
            f"changes the {_listed(found.attributes, last='or')} of what is recommended by more than chance would."
        ]
        words += _by_attribute(decoded, found.attributes)
    else:
        words = [
            f"None of the {len(active)} {_plural('factor', len(active))} in use can be read with confidence by "
            f"{_listed(found.attributes)}."
        ]
    words += _guided(active)
    words += [*_reach(strips), *_aligned(found)]
    words += [*_rest(active), *_stable(active)]
    return tuple(words)


def leading_examples(found: FactorMap, strips: Sequence[Strip], titles: Mapping[str, str]) -> tuple[Example, ...]:
    """Up to four decoded factors, the largest effects first, no value twice and every attribute before a second one."""
    strip_of = {s.factor.factor: s for s in strips}
    known = [f for f in by_interest(found.factors) if f.status == "decoded" and f.factor in strip_of]
    known.sort(key=lambda f: -f.reading(f.half).effect)
    every = [Example(f, guide_name(f.guide), _ends(f, strip_of[f.factor], titles)) for f in known]
    waiting = [e for e in every if e.ends]
    chosen: list[Example] = []
    while waiting and len(chosen) < _MOST_EXAMPLES:
        used = Counter(e.ends[0].attribute for e in chosen)
        best = min(waiting, key=lambda e: used[e.ends[0].attribute])  # the first of those: the largest effect
        chosen.append(best)
        told = {e.ends[0].value for e in chosen}
        waiting = [e for e in waiting if e is not best and e.ends[0].value not in told]
    return tuple(sorted(chosen, key=lambda e: found.attributes.index(e.ends[0].attribute)))


def _ends(factor: Factor, strip: Strip, titles: Mapping[str, str]) -> tuple[End, ...]:
    found = []
    for half in sorted(HALVES, key=lambda h: h != factor.half):
        reading = factor.reading(half)
        share = next((s for s in strip.shares if s.value == reading.value and s.attribute == reading.attribute), None)
        if reading.status == "decoded" and share is not None:
            middle, end = share.shares[_MIDDLE], share.shares[0 if half == "negative" else -1]
            if end - middle >= _VISIBLE:
                found.append(End(half, share.attribute, share.value, middle, end, examples(factor, half, titles)))
    return tuple(found)


def _by_attribute(decoded: Sequence[Factor], attributes: Sequence[str]) -> list[str]:
    counted = Counter(a for f in decoded for a in {f.negative.attribute, f.positive.attribute} if a)
    carried = [f"{name} ({counted[name]} {_plural('factor', counted[name])})" for name in attributes if counted[name]]
    silent = [name for name in attributes if not counted[name]]
    words = [f"What they carry: {_listed(carried)}."]
    return [*words, f"No readable factor carries {_listed(silent, last='or')}."] if silent else words


def _guided(active: Sequence[Factor]) -> list[str]:
    tied = [f for f in active if f.guide]
    if not tied:
        return []
    missed = [guide_name(f.guide) or "" for f in tied if not reads_as_guided(f)]
    were = "factor was" if len(tied) == 1 else "factors were"
    kept = f"{len(tied)} {were} tied to a taste in training, and {len(tied) - len(missed)} of them read as it"
    return [f"{kept}; not so: {_listed(missed)}." if missed else f"{kept}."]


def _reach(strips: Sequence[Strip]) -> list[str]:
    """How far a readable half moves the list, of the typical one."""
    moved = [
        (share.shares[_MIDDLE], share.shares[0 if half == "negative" else -1])
        for strip in strips
        for half in HALVES
        for share in strip.shares
        if strip.factor.reading(half).status == "decoded"
        and (share.attribute, share.value) == (strip.factor.reading(half).attribute, strip.factor.reading(half).value)
    ]
    if len(moved) < 2:
        return []
    before, after = median(m for m, _ in moved), median(e for _, e in moved)
    return [
        f"How far they reach: for an average user, moving a factor from the middle to the end of a readable half takes "
        f"the share of its value in the list from {before:.0%} to {after:.0%} (medians of {len(moved)} halves)."
    ]


def _aligned(found: FactorMap) -> list[str]:
    """How well single factors line up with tastes."""
    space = found.space
    if space is None:
        return []
    return [
        f"How well single factors line up with what users like: the best factor for a taste explains "
        f"{space.mean_r2:.0%} of the differences between users in it, the next best "
        f"{space.mean_r2 - space.mean_gap:.0%} (means of {len(space.tastes)} tastes)."
    ]


def _rest(active: Sequence[Factor]) -> list[str]:
    by_status = Counter(f.status for f in active)
    words = []
    if n := by_status["ambiguous"]:
        shaky = sum(f.status == "ambiguous" and f.reading(f.half).unstable for f in active)
        reason = "several names fit" if not shaky else "several names fit, or retrained models read something else"
        words.append(f"{n} {'is' if n == 1 else 'are'} ambiguous: {reason}.")
    if n := by_status["undecoded"]:
        words.append(
            f"{n} {'is' if n == 1 else 'are'} in use but cannot be read; what they do to the recommendations is not "
            "described by these attributes, or is too little to name."
        )
    return words


def _stable(active: Sequence[Factor]) -> list[str]:
    """Of all factors with a name, decoded or ambiguous."""
    named = [f for f in active if f.status != "undecoded"]
    measured = [f for f in named if f.stability is not None]
    if not measured:
        return ["Whether a retrained model reads the same was not measured."] if named else []
    firm = sum((f.stability or 0.0) >= _FIRM for f in measured)
    told = f"{firm} of the {len(measured)} named factors read the same in at least {_FIRM:.0%} of the retrainings"
    return [f"If the model is trained again: {told}."]


def _plural(word: str, n: int) -> str:
    return word if n == 1 else f"{word}s"


def _listed(names: Sequence[str], *, last: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
