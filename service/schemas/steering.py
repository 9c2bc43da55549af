"""Steering on the wire: what may be asked, what the reply says of it, and the preferences that are kept for a user."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue

from service.limits import LIMITS
from service.query import Source
from service.schemas.base import Name, Wire

BOUNDS = {"minimum": -LIMITS.steer_strength, "maximum": LIMITS.steer_strength}
Strength = Annotated[float, Field(json_schema_extra=BOUNDS)]
"""In standard deviations. The bounds are checked where the entry can be named: see service.steering.steer."""

NUMBER = r"^(0|[1-9][0-9]{0,5})$"


def _number(value: Any) -> Any:
    """Refused in words; the pattern is for the schema."""
    if isinstance(value, str) and not re.fullmatch(NUMBER, value):
        raise ValueError("a factor is named by its number in plain digits: 0, 1, 2 and so on")
    return value


CLOSED: dict[str, JsonValue] = {"additionalProperties": False}
"""The names that fit the pattern are all there are: patternProperties alone would let others pass."""

FactorName = Annotated[str, Field(pattern=NUMBER), BeforeValidator(_number)]
SteeredBy = Literal["request", "preferences"]


class Steer(Wire):
    """A push in the latent space, in standard deviations of each factor or direction. All terms add up.

    A factor that was tied to a value and the value itself are two terms: asking for both pushes twice.
    lock: attributes that should stay as they are; their directions are projected out of the push. {} is no push at all.
    """

    factors: Annotated[dict[FactorName, Strength], Field(max_length=LIMITS.steer_terms, json_schema_extra=CLOSED)] = (
        Field(default_factory=dict)
    )
    """Number of a factor -> strength; positive towards its positive half."""
    attributes: Annotated[
        dict[Name, Strength], Field(max_length=LIMITS.steer_terms, description='"attribute:value" -> strength')
    ] = Field(default_factory=dict)
    lock: Annotated[list[Name], Field(max_length=LIMITS.steer_terms)] = Field(default_factory=list)
    """Attributes that should stay as they are."""


class ShareMoved(Wire):
    """Share of the items that have a value: of the list without steering, of this list, and of the catalogue."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    before: float
    """Of the list without steering, 0 to 1."""
    after: float
    """Of this list, 0 to 1."""
    catalogue: float
    """Of the catalogue, 0 to 1."""


class MeanMoved(Wire):
    """Mean of a numeric attribute over the items that have it; null where none has."""

    attribute: str
    """The attribute."""
    before: float | None
    """Of the list without steering."""
    after: float | None
    """Of this list."""
    catalogue: float | None
    """Of the catalogue."""


class LockedDrift(Wire):
    """How far a locked attribute moved all the same."""

    attribute: str
    """The attribute."""
    drift: float
    """Total variation between the shares of its values (of a number: of its bins) in the list without steering and in
    this one, 0 to 1. An item with several values counts a part for each; items without any count as one more value."""
    unlocked: float | None
    """The same for this steering without its locks, to see what they held; null = it cannot be told."""


class SteeringFound(Wire):
    """What the steering changed, against the same places of the list that the same request gets without it."""

    source: SteeredBy
    """request: its `steer`; preferences: what is stored for the user."""
    compared_with: Source
    """What made the list without steering: model, or popularity where nothing else is known of the user."""
    items_in: list[str]
    """Ids that are in this list and not in the other, the best first."""
    items_out: list[str]
    """Ids that are in the other list and not in this one, the best first."""
    shares: list[ShareMoved]
    """Of each steered value, and of what a steered factor's half is read as or was tied to."""
    means: list[MeanMoved]
    """Of the numbers that steered factors were tied to."""
    locked: list[LockedDrift]
    """One for each locked attribute."""
    ignored: list[str]
    """Parts of stored preferences that this bundle cannot follow, and why."""
    note: str | None
    """What to know of it: that nothing changed, that a share went the other way, that a value hardly follows, that a
    lock held little, that the pushes cancel out."""


class PreferencesRequest(Wire):
    steer: Steer
    """Kept for the user; replaces what was kept before."""


class PreferencesFound(Wire):
    """What steers the lists of a user who does not steer in the request itself."""

    user_id: str
    """The user."""
    steer: Steer
    """As it was put."""
    bundle_id: str
    """The bundle it was put for. Another one follows what it knows of `attributes` and `lock`, and no `factors`."""
    updated: int
    """When it was last changed, seconds since 1970."""
