"""Requests and replies of /explain."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from bundle.factors import Half, Status
from service.limits import LIMITS
from service.schemas.base import SOMEONE, ItemId, UserId, Wire
from service.schemas.recommend import ConditionAsked, History, Steer

TopFactors = Annotated[int, Field(ge=1, le=LIMITS.top_factors, description="How many factors are told apart.")]


class ExplainRequest(Wire):
    """For a history, or with user_id for the stored history followed by it.

    With item_id: why that item stands where it does. Without: the profile of the history in decoded factors.

    n is the length of the list that a counterfactual takes the item out of. Without top_factors all are listed.
    """

    model_config = ConfigDict(json_schema_extra=SOMEONE)

    history: History | None = None
    item_id: ItemId | None = None
    user_id: UserId | None = None
    condition: ConditionAsked | None = None
    steer: Steer | None = None
    top_factors: TopFactors | None = None
    counterfactual: bool = False
    fidelity: bool = True
    n: Annotated[int, Field(ge=1, le=LIMITS.n)] = 10

    @model_validator(mode="after")
    def _someone(self) -> ExplainRequest:
        if self.user_id is None and self.history is None:
            raise ValueError("user_id or history is needed")
        return self


class FactorQuality(Wire):
    """The evidence behind one half of a factor: its effect with the 95 % interval, and the q-value."""

    effect: float
    effect_low: float
    effect_high: float
    q_value: float


class FactorShare(Wire):
    """One z_i's share of the score. An undecoded one has neither attribute nor value."""

    factor: int
    half: Half
    z: float
    percentile: float
    contribution: float
    attribute: str | None
    value: str | None
    status: Status
    quality: FactorQuality


class HistoryShare(Wire):
    item_id: str
    title: str | None
    contribution: float
    linear: float


class CounterfactualFound(Wire):
    """Without the items in `remove` the item would leave the list; `valid` is the result of trying it."""

    remove: list[str]
    new_rank: int | None
    replacement: str | None
    valid: bool
    runs: int
    reason: str | None


class CurveFigures(Wire):
    """Deletion and insertion figures of one order of the history."""

    del_at_k: float
    ins_at_k: float
    pos_at_k: float
    neg_at_k: float


class FidelityFound(Wire):
    """The explanation's order against random orders."""

    method: str
    k: int
    n: int
    seed: int
    random_orders: int
    explanation: CurveFigures
    random: CurveFigures


class ItemExplained(Wire):
    """score = base_value + sum(factors.contribution) + other_factors + linear + residual.

    The second view: score = history_base + sum(history.contribution) + history_residual.
    """

    kind: Literal["item"] = "item"
    item_id: str
    title: str | None
    score: float
    probability: float
    rank: int | None
    seen: bool
    not_listed: str | None
    base_value: float
    factors: list[FactorShare]
    other_factors: float
    n_other_factors: int
    linear: float
    residual: float
    explained_share: float
    history: list[HistoryShare]
    history_base: float
    history_residual: float
    counterfactual: CounterfactualFound | None
    fidelity: FidelityFound | None
    sentence: str
    history_used: int
    unknown_items: list[str]
    bundle_id: str


class Pull(Wire):
    """How far a history item moves the factor, in standard deviations."""

    item_id: str
    title: str | None
    pull: float


class ProfileFactorFound(Wire):
    factor: int
    half: Half
    z: float
    percentile: float
    attribute: str | None
    value: str | None
    status: Status
    quality: FactorQuality
    items: list[Pull]


class ProfileFound(Wire):
    """Where someone stands in the decoded factors, the most unusual first; `undecoded` lists the other factors."""

    kind: Literal["profile"] = "profile"
    factors: list[ProfileFactorFound]
    undecoded: list[int]
    method: str
    considered: int
    sentence: str
    history_used: int
    unknown_items: list[str]
    bundle_id: str
