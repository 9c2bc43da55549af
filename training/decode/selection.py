"""Which factors the report shows, in which order: those tied to a taste, then the decoded ones by their effect."""

from __future__ import annotations

from dataclasses import dataclass

from bundle.factors import Factor, Guide, Reading

_RANK = {"decoded": 0, "ambiguous": 1, "undecoded": 2}


@dataclass(frozen=True, slots=True)
class Selection:
    """The factors of the pictures, in order of interest, and of how many active ones they were taken."""

    factors: tuple[Factor, ...]
    n_active: int

    @property
    def left_out(self) -> int:
        return self.n_active - len(self.factors)


def by_interest(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """The active factors: guided ones in their order, then the decoded, the ambiguous, the rest, by falling effect."""
    active = [f for f in factors if f.active]
    return tuple(
        sorted(
            active,
            key=lambda f: (
                (0, 0, 0.0, f.factor) if f.guide else (1, _RANK[f.status], -f.reading(f.half).effect, f.factor)
            ),
        )
    )


def select(factors: tuple[Factor, ...], *, at_most: int) -> Selection:
    """The first `at_most` active factors in order of interest."""
    ordered = by_interest(factors)
    return Selection(ordered[:at_most], len(ordered))


def guide_name(guide: Guide | None) -> str | None:
    """What a factor was tied to, as the page names it: "Sci-Fi", or the attribute where it is a number."""
    return None if guide is None else guide.value or guide.attribute


def reads_as_guided(factor: Factor) -> bool:
    """Whether the map reads the factor as what it was tied to: its value in the positive half, or its number at all."""
    guide = factor.guide
    if guide is None:
        return False
    if guide.value is None:
        return guide.attribute in {factor.negative.attribute, factor.positive.attribute}
    return _names(factor.positive, guide)


def _names(reading: Reading, guide: Guide) -> bool:
    return (reading.attribute, reading.value) == (guide.attribute, guide.value)
