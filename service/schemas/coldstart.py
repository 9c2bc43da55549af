"""Requests and replies of /coldstart."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from bundle.factors import Half, Status
from service.limits import LIMITS
from service.query import DIVERSITY, MAX_SEED
from service.schemas.base import Arm, ItemId, Model, N, Name, UserId, Wire
from service.schemas.recommend import ConditionAsked, Fields, History, ListedItem

_NULL: dict[str, Any] = {"type": "null"}
_BY_HALF: dict[str, Any] = {
    "required": ["factor", "half"],
    "properties": {
        "factor": {"type": "integer"},
        "half": {"type": "string"},
        "attribute": _NULL,
        "value": _NULL,
    },
}
_BY_VALUE: dict[str, Any] = {
    "required": ["attribute", "value"],
    "properties": {
        "attribute": {"type": "string"},
        "value": {"type": "string"},
        "factor": _NULL,
        "half": _NULL,
    },
}


class PickAsked(Wire):
    """A factor and the half of its spectrum, or an attribute and its value. strength 1 samples the half as it is.

    A value goes to the half or the direction whose lists hold most of it on this model.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [_BY_HALF, _BY_VALUE]})

    factor: Annotated[int, Field(ge=0)] | None = None
    """Number of a factor; with `half`."""
    half: Half | None = None
    """The half of its spectrum."""
    attribute: Name | None = None
    """An attribute; with `value`."""
    value: Name | None = None
    """The value that the list should have."""
    strength: (
        Annotated[float, Field(json_schema_extra={"exclusiveMinimum": 0, "maximum": LIMITS.pick_strength})] | None
    ) = None
    """How far from the middle; 1 samples the half as it is. Left out: 1 for a half; a value gets the first of 1, 1.5, 2
    and 3 with which it fills its list (beside other picks: what serves all of them best), times 1 + diversity."""

    @model_validator(mode="after")
    def _one_way(self) -> PickAsked:
        by_factor = (self.factor is not None, self.half is not None)
        by_attribute = (self.attribute is not None, self.value is not None)
        if any(by_factor) == any(by_attribute) or not (all(by_factor) or all(by_attribute)):
            raise ValueError("a pick is either factor and half, or attribute and value")
        return self


class ColdStartRequest(Wire):
    """A list for someone without a history, or with a short one. The same request and seed give the same reply, byte
    for byte, and the order of the picks does not matter to the list."""

    picks: Annotated[list[PickAsked], Field(min_length=1, max_length=LIMITS.picks)]
    """What is known of the taste."""
    n: N = 10
    samples: Annotated[int, Field(ge=1, le=LIMITS.samples)] = 32
    """Points drawn from the picks, whose lists are merged."""
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 0
    """Seed of the samples."""
    diversity: Annotated[float, Field(ge=0, le=1)] = DIVERSITY
    """0: the items that the samples give the largest mean probability. More: the samples also vary in what was not
    picked, and every one of them gets items of its own, at some cost in what was."""
    condition: ConditionAsked | None = None
    """What the items should be."""
    history: History | None = None
    """A few items liked, which the samples are drawn around; not listed."""
    user_id: UserId | None = None
    """A stored user, whose history comes before `history`; one that the store does not know has none."""
    exclude_items: Annotated[list[ItemId], Field(max_length=LIMITS.exclude)] = Field(default_factory=list)
    """Ids that must not be listed."""
    fields: Fields = Field(default_factory=lambda: ["title"])
    """Fields of the catalogue to show beside each item."""
    model: Model = None


class PickFound(Wire):
    """What a pick became; note says what to know of it (undecoded, ambiguous, weak)."""

    via: str
    """factor: a half; of a named value direction: straight along its probe; pattern: as the latents vary with it;
    variances: the same as if they were independent."""
    factor: int | None
    """Number of the latent dimension, from 0; null for a direction or a pattern."""
    half: Half | None
    """negative: below the median of the training users; positive: the rest. null as `factor`."""
    attribute: str | None
    """The attribute asked for, or the one the half is decoded to; null where it is to none."""
    value: str | None
    """The attribute's value; null as `attribute`."""
    strength: float
    """As asked, or as chosen where none was."""
    status: Status
    """How sure it is that the pick carries the value; undecoded where the list does not bear it out."""
    note: str | None
    """What to know of it; null = nothing."""
    share: float | None = None
    """0 to 1: how much of a named value the pick lists by itself, as tried on this model; null for a pick by factor."""


class ShareFound(Wire):
    """Share of the list, and of the whole catalogue, that has the value."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    in_list: float
    """Share of this list, 0 to 1."""
    in_catalogue: float
    """Share of the catalogue, 0 to 1."""


class JointFound(Wire):
    """Share of the list, and of the whole catalogue, that has every value of `shares`."""

    in_list: float
    """Share of this list, 0 to 1."""
    in_catalogue: float
    """Share of the catalogue, 0 to 1."""


class ColdStartReply(Wire):
    """probability: mean over the samples; score: its logarithm. With a diversity the list is not in their order."""

    items: list[ListedItem]
    """The list, best first."""
    picks: list[PickFound]
    """What each pick became."""
    shares: list[ShareFound]
    """How the values of the picks are represented."""
    joint: JointFound | None
    """How items that have all of these values are; null with fewer than two."""
    merged_by: str
    """How the samples became one list, in words."""
    diversity: float
    """As asked, or as it is by default."""
    samples: int
    """How many points were drawn."""
    seed: int
    """The seed used."""
    requested: int
    """The n asked for."""
    returned: int
    """How many items came."""
    short_reason: str | None
    """Why the list is shorter than n."""
    condition_satisfied: float | None
    """Share of the list that satisfies the condition."""
    history_used: Annotated[int, Field(description="Items of the history that the model knows.")]
    unknown_items: Annotated[list[str], Field(description="Ids of the request and history that the model lacks.")]
    model: str
    """Name of the model that answered."""
    arm: Arm
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
