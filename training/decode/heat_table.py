"""Tables whose cells are coloured by their number: factors by attributes, and distances of groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundle.factors import Evidence, Factor, Half
from training.decode.magnitude_of_change import HALVES
from training.decode.options import DecodeOptions
from training.decode.selection import guide_name

_PALE, _DEEP = (247, 250, 253), (0, 66, 122)  # one hue from light to dark: readable in print and by the colour-blind


@dataclass(frozen=True, slots=True)
class Shade:
    """Background and ink of a cell, as CSS colours; the ink is the one that can be read on it."""

    fill: str
    ink: str


@dataclass(frozen=True, slots=True)
class HeatCell:
    """counts: significant and of a size worth a name; value: what grows most there, where it counts."""

    evidence: Evidence
    counts: bool
    value: str | None
    shade: Shade


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One factor: what it was tied to, and a cell (None: not tested) for each attribute and half."""

    factor: Factor
    guide: str | None
    cells: tuple[HeatCell | None, ...]


def shade(strength: float) -> Shade:
    """strength in [0, 1], from pale to deep."""
    s = min(max(strength, 0.0), 1.0)
    r, g, b = (round(pale + s * (deep - pale)) for pale, deep in zip(_PALE, _DEEP, strict=True))
    return Shade(f"#{r:02x}{g:02x}{b:02x}", "#fff" if s > 0.64 else "#0d1318")


def heat_rows(
    factors: Sequence[Factor], attributes: Sequence[str], *, options: DecodeOptions, at_most: int
) -> tuple[HeatRow, ...]:
    """Rows of the factors that have a cell that counts, or were tied to a taste, at most so many.

    The shade follows the square root of the Jensen-Shannon divergence, which is a distance: weak cells stay visible.
    """
    chosen = [f for f in factors if f.guide or any(_counts(f, e, options) for e in f.evidence)][:at_most]
    top = max((e.js for f in chosen for e in f.evidence), default=0.0)
    return tuple(
        HeatRow(f, guide_name(f.guide), tuple(_cell(f, a, h, options, top) for a in attributes for h in HALVES))
        for f in chosen
    )


def _counts(factor: Factor, evidence: Evidence, options: DecodeOptions) -> bool:
    """Significant, and large in bits or what the half is read as (which may be few bits of a rare value)."""
    reading = factor.reading(evidence.half)
    named = evidence.attribute in {reading.attribute, *reading.rivals}
    return evidence.q_value <= options.level and (evidence.js >= options.min_effect or named)


def _cell(factor: Factor, attribute: str, half: Half, options: DecodeOptions, top: float) -> HeatCell | None:
    found = next((e for e in factor.evidence if e.attribute == attribute and e.half == half), None)
    if found is None:
        return None
    counts = _counts(factor, found, options)
    strength = (max(found.js, 0.0) / top) ** 0.5 if top > 0 else 0.0
    return HeatCell(found, counts, found.shifted_value if counts else None, shade(strength))
