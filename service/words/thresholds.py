"""When a sentence says what. Every bound of the wording, in one place; docs/science.md repeats them for readers."""

from __future__ import annotations

from typing import Literal

Degree = Literal["mostly", "partly", "weakly"]

MOSTLY, PARTLY = 0.5, 0.25
"""Share of what supports a score from which a reason is called "mostly" or "partly"; below it is "weakly".

What supports it: the positive contributions of the factors, and what the history adds past them (if above 0). What a
condition adds is not among them: it is said apart, as it says nothing of the one item more than of another.
"""

SAID = 0.02
"""A second reason with less than this share is not said."""

COMPARABLE = 0.5
"""Of the largest supporting factor: one that carries so much and is read as a value that the item has is named instead.

What a factor carries is here what the place in its half accounts for (FactorContribution.lean). It is also how much of
the first factor named a second such one must carry to be named beside it.
"""

LEANS = 33.0
"""Percent of the users who lie as far out or further: with more than these, one leans "slightly"."""

STEERED = 0.5
"""Share of the way from the users' median that is the steering's from which it, not the user, is said to lean there."""

STEERED_PERCENT = 5.0
"""Percentiles: steering that moved somebody by more, or into the other half, is named with the place."""

STEERING = 0.1
"""Share of what supports a score from which what steering adds to it is said."""

MOVES, MOVES_A_LITTLE = 0.1, 0.03
"""Share of the score's way from its base from which the history items named "count most", or "count a little".

The way is the longer of two: from the score at z = 0, and from the score of an empty history. A popular item can make
nearly all of a score; then no item of the history is held up as its company.
"""

PULLS = 0.1
"""In sd of a factor: an item that moves a user less than this is not said to show their leaning."""

NAMED_ITEMS = 2
NAMED_FACTORS = 2
NAMED_VALUES = 3
"""So many titles, factors of a score and values of a condition are named; a profile names one factor more."""

NAMED_REASONS = 3
"""So many reasons of a score are said, the largest; steering is never the one left out."""

TITLE_LENGTH = 60
"""Characters of a title that is not shortened."""


def degree_of(share: float) -> Degree:
    """The word for a reason that carries this share (0..1) of what supports a score."""
    return "mostly" if share >= MOSTLY else "partly" if share >= PARTLY else "weakly"
