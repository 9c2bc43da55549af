"""Requests and replies of /coldstart."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from bundle.factors import Half, Status
from service.limits import LIMITS
from service.schemas.base import N, Name, Wire
from service.schemas.recommend import ConditionAsked, Fields, ListedItem


class PickAsked(Wire):
    """A factor and the half of its spectrum, or an attribute and its value. strength 1 samples the half as it is.

    A value goes to the half or the direction whose lists hold most of it on this model.
    """

    factor: Annotated[int, Field(ge=0)] | None = None
    half: Half | None = None
    attribute: Name | None = None
    value: Name | None = None
    strength: Annotated[float, Field(ge=0, le=LIMITS.pick_strength)] = 1.0

    @model_validator(mode="after")
    def _one_way(self) -> PickAsked:
        by_factor = (self.factor is not None, self.half is not None)
        by_attribute = (self.attribute is not None, self.value is not None)
        if any(by_factor) == any(by_attribute) or not (all(by_factor) or all(by_attribute)):
            raise ValueError("a pick is either factor and half, or attribute and value")
        return self


class ColdStartRequest(Wire):
    """A list for someone without a history. The same request and seed give the same reply, byte for byte."""

    picks: Annotated[list[PickAsked], Field(min_length=1, max_length=LIMITS.picks)]
    n: N = 10
    samples: Annotated[int, Field(ge=1, le=LIMITS.samples)] = 32
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    condition: ConditionAsked | None = None
    fields: Fields = Field(default_factory=lambda: ["title"])


class PickFound(Wire):
    """What a pick became; note says what to know of it (undecoded, ambiguous, weak).

    via: factor (a half), direction or pattern (of a named value). share: how much of a named value the pick lists by
    itself, measured on this model before sampling; null for a pick by factor.
    """

    via: str
    factor: int | None
    half: Half | None
    attribute: str | None
    value: str | None
    strength: float
    status: Status
    note: str | None
    share: float | None = None


class ShareFound(Wire):
    """Share of the list, and of the whole catalogue, that has the value."""

    attribute: str
    value: str
    in_list: float
    in_catalogue: float


class ColdStartReply(Wire):
    """probability: mean over the samples; score: its logarithm."""

    items: list[ListedItem]
    picks: list[PickFound]
    shares: list[ShareFound]
    samples: int
    seed: int
    requested: int
    returned: int
    short_reason: str | None
    condition_satisfied: float | None
    bundle_id: str
