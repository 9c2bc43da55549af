"""Requests and replies of /recommend."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator, model_validator

from bundle.factors import Half, Status
from service.limits import LIMITS
from service.query import Match, Mode, Source
from service.schemas.base import SOMEONE, Arm, ItemId, Model, N, Name, Shown, UserId, Wire
from service.schemas.problem import Problem
from service.schemas.steering import Steer, SteeringFound

History = Annotated[list[ItemId], Field(max_length=LIMITS.history)]
Fields = Annotated[list[Name], Field(max_length=32)]
RESERVED = frozenset({"item_id", "rank", "score", "probability", "similarity", "reasons", "popularity", "bundle_id"})
"""Names of an item's own members; a catalogue column of such a name is not shown."""


class ConditionAsked(Wire):
    """What the items should be. genres: values of the attribute that the model is conditioned on (/conditions)."""

    genres: Annotated[list[Name], Field(min_length=1, max_length=LIMITS.condition_values)]
    """Values that /conditions lists."""
    match: Annotated[Match, Field(description="Whether an item must have any or all of them.")] = "any"
    mode: Annotated[Mode, Field(description="soft: the model's input; strict: a mask; both.")] = "soft"


class RecommendRequest(Wire):
    """A list for a stored user, for a history, or for both: the history is then added to the stored one."""

    model_config = ConfigDict(json_schema_extra=SOMEONE)

    user_id: UserId | None = None
    """A stored user, whose history comes before `history`."""
    history: History | None = None
    """What the user liked, the oldest first."""
    n: N = 10
    offset: Annotated[int, Field(ge=0, le=LIMITS.offset)] = 0
    """How many items at the top to pass over."""
    condition: ConditionAsked | None = None
    """What the items should be."""
    exclude_seen: bool = True
    """Whether items of the history are left out."""
    exclude_items: Annotated[list[ItemId], Field(max_length=LIMITS.exclude)] = Field(default_factory=list)
    """Ids that must not be listed."""
    candidates: Annotated[list[ItemId], Field(max_length=LIMITS.candidates)] | None = None
    """Only these may be listed; null = the whole catalogue."""
    steer: Steer | None = None
    """A push in the latent space; null = the stored preferences of `user_id`, if there are any; {} = none."""
    preferences: bool = True
    """Whether the stored preferences of `user_id` steer where `steer` is null."""
    explain: bool = False
    """Whether each item comes with its reasons."""
    fields: Fields = Field(default_factory=lambda: ["title"])
    """Fields of the catalogue to show beside each item."""
    model: Model = None

    @model_validator(mode="after")
    def _someone(self) -> RecommendRequest:
        if self.user_id is None and self.history is None:
            raise ValueError("user_id or history is needed")
        return self


class FactorReason(Wire):
    """One z_i's share of a score; attribute and value are null where the factor is not decoded."""

    factor: int
    """Number of the latent dimension, from 0."""
    half: Half
    """negative: below the median of the training users; positive: the rest."""
    percentile: float
    """Where the user is among the training users, 0 to 100."""
    contribution: float
    """What it adds to the score."""
    lean: float
    """The part of it that the place in this half accounts for; the rest is what the median user gets of the factor."""
    attribute: str | None
    """The attribute of the catalogue; null where nothing is decoded."""
    value: str | None
    """The attribute's value; null where nothing is decoded."""
    status: Status
    """How sure the reading is; undecoded has neither attribute nor value."""
    item_has: bool | None
    """Whether the item itself has that value; null where nothing is decoded, or the item's value is not known."""
    shifted: float
    """How far steering moved the user in it, in standard deviations; 0 without steering."""


class HistoryReason(Wire):
    """One history item's share of a score."""

    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    contribution: float
    """What it adds to the score."""
    linear: float
    """The part of it that does not pass through the latents; 0 for a pure latent model."""


class Reasons(Wire):
    """The largest contributions of both views of the score, and a sentence built from them.

    score = base_value + sum(factors.contribution) + other_factors + linear, but for rounding; /explain states the rest.
    They say what the model's score goes with: association, not cause.
    """

    base_value: float
    """Score at z = 0 with nothing liked, under the request's condition."""
    condition_gain: float
    """Of base_value, what the condition adds; 0 without one, or where it acts through the factors."""
    factors: list[FactorReason]
    """The largest contributions of the factors."""
    other_factors: float
    """Sum of the contributions of the factors not listed."""
    linear: float
    """What the whole history adds past the latents; 0 for a pure latent model."""
    history: list[HistoryReason]
    """The largest contributions of the history's items, a second view of the same score."""
    sentence: str
    """The same in plain words, made from these figures and nothing else."""


class ListedItem(Wire):
    """An item of a list; the fields asked for stand beside these members."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Shown]

    item_id: str
    """The item."""
    rank: int
    """From 1; with an offset, from offset + 1."""
    score: Annotated[float, Field(description="The logit; of a popularity list the share of the interactions.")]
    probability: Annotated[float, Field(ge=0, le=1.0000001)]
    """The softmax of the scores over all items; of a popularity list the share of the interactions."""
    reasons: Reasons | None = None
    """Null = not asked for."""


class Recommendation(Wire):
    """source says what made the list: the model, or popularity when nothing personal was known or asked."""

    items: list[ListedItem]
    """The list, best first."""
    requested: int
    """The n asked for."""
    returned: int
    """How many items came."""
    offset: int
    """The offset asked for."""
    source: Source
    """model, or popularity when nothing personal is known."""
    short_reason: Annotated[str | None, Field(description="Why the list is shorter than n.")]
    condition_satisfied: Annotated[float | None, Field(description="Share of the list that satisfies the condition.")]
    history_used: Annotated[int, Field(description="Items of the history that the model knows.")]
    unknown_items: Annotated[list[str], Field(description="Ids of the request and history that the model lacks.")]
    steering: SteeringFound | None = None
    """What the steering changed; null = nothing steered."""
    model: str
    """Name of the model that answered."""
    arm: Arm
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class Refused:
    """Stands in a batch for an entry that is not valid, so that the others are still answered.

    errors: as pydantic lists them, with `loc` from the entry's root.
    """

    def __init__(self, errors: list[Any]) -> None:
        self.errors = errors


def _keep_refusal(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        return Refused([{**entry, "loc": ("body", *entry["loc"])} for entry in found])


class BatchRequest(Wire):
    """Many requests, answered one by one; those that the same model answers from the same bundle."""

    requests: Annotated[
        list[Annotated[RecommendRequest, WrapValidator(_keep_refusal)]],
        Field(min_length=1, max_length=LIMITS.batch),
    ]
    """Each as for POST /recommend."""


class BatchResult(Wire):
    """Either a result or a problem."""

    status: Literal["ok", "problem"]
    """Which of the two follows."""
    result: Recommendation | None = None
    """As of POST /recommend."""
    problem: Problem | None = None
    """Why this request was refused."""


class BatchReply(Wire):
    """results[i] answers requests[i]."""

    results: list[BatchResult]
    """In the order of the requests."""
    bundle_id: str | None
    """Names the bundle that answered all of them; null = several did, and each result names its own."""
