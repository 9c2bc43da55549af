"""Requests and replies of /explain; what the replies are made of is service.schemas.reasons."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from bundle.factors import Half, Status
from service.limits import LIMITS
from service.schemas.base import SOMEONE, Arm, ItemId, Model, UserId, Wire
from service.schemas.reasons import CounterfactualFound, FactorQuality, FactorShare, FidelityFound, HistoryShare, Pull
from service.schemas.recommend import ConditionAsked, History
from service.schemas.steering import Steer, SteeredBy

TopFactors = Annotated[int, Field(ge=1, le=LIMITS.top_factors, description="How many factors are told apart.")]

FidelityK = Annotated[int, Field(ge=1, le=LIMITS.fidelity_k, description="Steps of the fidelity curves.")]


class ExplainRequest(Wire):
    """For a history, or with user_id for the stored history followed by it.

    With item_id: why that item stands where it does. Without: the profile of the history in decoded factors, which has
    no use for top_factors, counterfactual, fidelity, fidelity_k and n and passes over them.

    n is the length of the list that a counterfactual takes the item out of. Without top_factors all are listed.
    """

    model_config = ConfigDict(json_schema_extra=SOMEONE)

    history: History | None = None
    """What the user liked, the oldest first."""
    item_id: ItemId | None = None
    """The item to explain; null = the profile of the history."""
    user_id: UserId | None = None
    """A stored user, whose history comes before `history`."""
    condition: ConditionAsked | None = None
    """What the items should be."""
    steer: Steer | None = None
    """A push in the latent space; null = the stored preferences of `user_id`, if there are any; {} = none."""
    preferences: bool = True
    """Whether the stored preferences of `user_id` steer where `steer` is null."""
    top_factors: TopFactors | None = None
    """How many factors are told apart; null = all. A profile passes over it."""
    counterfactual: bool = False
    """Whether to look for items without which it leaves the list. A profile passes over it."""
    fidelity: bool = True
    """Whether to measure how faithful the explanation is. A profile passes over it."""
    fidelity_k: FidelityK | None = None
    """Steps of that measurement; null = 5. At most as many as the history has items; the cost grows with it. A profile
    passes over it."""
    n: Annotated[int, Field(ge=1, le=LIMITS.n)] = 10
    """Length of the list that a counterfactual takes the item out of."""
    model: Model = None

    @model_validator(mode="after")
    def _someone(self) -> ExplainRequest:
        if self.user_id is None and self.history is None:
            raise ValueError("user_id or history is needed")
        return self


class Told(Wire):
    """What either reply ends with. Named before the base of what it begins with: the last base's fields come first."""

    sentence: str
    """The same in plain words, made from these figures and nothing else."""
    steered_by: SteeredBy | None = None
    """What steered: the request's `steer`, or the stored preferences; null = nothing did."""
    history_used: int
    """Items of the history that the model knows."""
    unknown_items: list[str]
    """Ids of the request and history that the model lacks."""
    model: str
    """Name of the model that answered."""
    arm: Arm
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class _ItemTold(Wire):
    kind: Literal["item"] = "item"
    """Tells the two replies of /explain apart."""
    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    score: float
    """The item's logit."""
    probability: float
    """The softmax of the scores over all items."""
    rank: int | None
    """Place among the items that could be listed; null = it could not."""
    seen: bool
    """Whether it is in the history."""
    not_listed: str | None
    """Why it could not be listed: seen, excluded or condition."""
    base_value: float
    """Score at z = 0 with nothing liked, under the request's condition."""
    condition_gain: float
    """Of base_value, what the condition adds; 0 without one, or where it acts through the factors."""
    factors: list[FactorShare]
    """Contributions, the largest first."""
    other_factors: float
    """Sum of the contributions that `top_factors` left out."""
    n_other_factors: int
    """How many it left out."""
    linear: float
    """What reaches the score past the latents; 0 for a pure latent model."""
    residual: float
    """The score less all the rest: rounding, or the error of the method."""
    explained_share: float
    """Share of the contributions carried by decoded factors, 0 to 1."""
    history: list[HistoryShare]
    """Contributions of the history's items, the largest first."""
    history_base: float
    """Score with nothing liked."""
    history_residual: float
    """The score less base and contributions of this view."""
    counterfactual: CounterfactualFound | None
    """Null = not asked for."""
    fidelity: FidelityFound | None
    """Null = not asked for, or no history to order."""


class ItemExplained(Told, _ItemTold):
    """score = base_value + sum(factors.contribution) + other_factors + linear + residual.

    The second view: score = history_base + sum(history.contribution) + history_residual.
    Both say what the model's score goes with: association, not cause.
    """


class ProfileFactorFound(Wire):
    factor: int
    """Number of the latent dimension, from 0."""
    half: Half
    """negative: below the median of the training users; positive: the rest."""
    z: float
    """Where the user lies in the factor."""
    percentile: float
    """Where that is among the training users, 0 to 100."""
    attribute: str | None
    """The attribute of the catalogue; null where nothing is decoded."""
    value: str | None
    """The attribute's value; null where nothing is decoded."""
    status: Status
    """How sure the reading is; undecoded has neither attribute nor value."""
    shifted: float
    """How far steering moved the user in it, in standard deviations; 0 without steering."""
    quality: FactorQuality
    """The evidence behind the name of this half."""
    items: list[Pull]
    """The history items that move the user there most."""
    in_history: bool | None
    """Whether any item of the history has the value; null where there is none, or none is known."""


class _ProfileTold(Wire):
    kind: Literal["profile"] = "profile"
    """Tells the two replies of /explain apart."""
    factors: list[ProfileFactorFound]
    """The decoded and ambiguous factors."""
    undecoded: list[int]
    """Numbers of the factors without a name where this user lies."""
    method: str
    """How the items' pulls were measured."""
    considered: int
    """History items tried: the newest, where the history is long."""


class ProfileFound(Told, _ProfileTold):
    """Where someone stands in the decoded factors, the most unusual first; `undecoded` lists the other factors."""
