"""The map as lines of a table: one for each half of each active factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bundle.catalogue import Catalogue
from bundle.factors import Factor, Half, Reading
from training.decode.magnitude_of_change import HALVES
from training.decode.selection import guide_name

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One half of a factor. bar, low, high: its effect and the interval in percent of the table's longest, for a bar.

    growth: the share of the value in users' lists after the move over that before, None where it is not known
    attributes: what a filter by attribute finds it by: what it reads as, its rivals, and what it was tied to.
    """

    factor: Factor
    half: Half
    reading: Reading
    guide: str | None
    attributes: tuple[str, ...]
    titles: tuple[str, ...]
    growth: float | None
    bar: float
    low: float
    high: float


def titles_by_id(catalogue: Catalogue) -> dict[str, str]:
    """The title of each item, its id where it has none."""
    return {item: title or item for item, title in zip(catalogue.ids, catalogue.titles, strict=True)}


def examples(factor: Factor, half: Half, titles: Mapping[str, str], n: int = _EXAMPLES) -> tuple[str, ...]:
    """Titles of the items that gain most at that end."""
    ids = factor.examples_negative if half == "negative" else factor.examples_positive
    return tuple(titles.get(item, item) for item in ids[:n])


def lines_of(factors: Sequence[Factor], titles: Mapping[str, str]) -> tuple[Line, ...]:
    """Both halves of each of these factors, in their order."""
    longest = max((f.reading(h).effect_high for f in factors for h in HALVES), default=0.0)
    scale = 100.0 / max(longest, 1e-9)
    return tuple(_line(factor, half, titles, scale) for factor in factors for half in HALVES)


def _line(factor: Factor, half: Half, titles: Mapping[str, str], scale: float) -> Line:
    reading = factor.reading(half)
    tied = (factor.guide.attribute,) if factor.guide else ()
    named = (reading.attribute,) if reading.attribute else ()
    bar, low, high = (
        min(max(scale * x, 0.0), 100.0) for x in (reading.effect, reading.effect_low, reading.effect_high)
    )
    return Line(
        factor=factor,
        half=half,
        reading=reading,
        guide=guide_name(factor.guide),
        attributes=tuple(dict.fromkeys((*named, *reading.rivals, *tied))),
        titles=examples(factor, half, titles),
        growth=next((e.growth for e in factor.evidence if (e.attribute, e.half) == (reading.attribute, half)), None),
        bar=bar,
        low=low,
        high=high,
    )
