# Made by `make client` from openapi/openapi.json; do not edit.
"""Models of `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from prismrec.client.models.shared import ConditionAsked, Steer
from prismrec.client.structs import Asked, Reply


class CounterfactualFound(Reply, frozen=True, kw_only=True):
    """Without the items in `remove` the item would leave the list; `valid` is the result of trying it."""

    remove: list[str]
    """Ids of history items; empty = no such set was found."""
    new_rank: int | None
    """The item's rank without them; null = no set was found."""
    replacement: str | None
    """Id of the item that takes its place in the list."""
    items_in: list[str]
    """Ids in the top n without them that are not in it now, the best first."""
    items_out: list[str]
    """Ids in the top n now that are not in it without them."""
    kept: float | None
    """Share of the top n that stays, 0 to 1; null = no set was found."""
    offered: list[str]
    """Ids of removed items that the list made without them holds; empty = the item leaves it while they are kept off,
    which is tried first.
    """
    valid: bool
    """Whether the model, asked again without them, left the item out."""
    runs: int
    """Histories that the model was asked to score."""
    reason: str | None
    """Why no set was found."""


class CurveFigures(Reply, frozen=True, kw_only=True):
    """Deletion and insertion figures of one order: of the history's items, or of the factors."""

    del_at_k: float
    """Mean share of the probability left without the first 1 to k of them; lower is better."""
    ins_at_k: float
    """Mean share of the probability reached with only the first 1 to k of them; higher is better."""
    pos_at_k: float
    """Share of the steps at which it stays listed without the first; lower is better."""
    neg_at_k: float
    """The same without the last; higher is better."""


class ExplainRequest(Asked, frozen=True, kw_only=True):
    """For a history, or with user_id for the stored history followed by it.

    With item_id: why that item stands where it does. Without: the profile of the history in decoded factors, which
    has no use for top_factors, counterfactual, fidelity, fidelity_k and n and passes over them.

    n is the length of the list that a counterfactual takes the item out of. Without top_factors all are listed.
    """

    history: Sequence[str | int] | None = None
    """What the user liked, the oldest first."""
    item_id: str | int | None = None
    """The item to explain; null = the profile of the history."""
    user_id: str | int | None = None
    """A stored user, whose history comes before `history`."""
    condition: ConditionAsked | None = None
    """What the items should be."""
    steer: Steer | None = None
    """A push in the latent space; null = the stored preferences of `user_id`, if there are any; {} = none."""
    preferences: bool | None = None
    """Whether the stored preferences of `user_id` steer where `steer` is null. Default: True."""
    top_factors: int | None = None
    """How many factors are told apart; null = all. A profile passes over it."""
    counterfactual: bool | None = None
    """Whether to look for items without which it leaves the list. A profile passes over it. Default: False."""
    fidelity: bool | None = None
    """Whether to measure how faithful the explanation is. A profile passes over it. Default: True."""
    fidelity_k: int | None = None
    """Steps of that measurement; null = 5. At most as many as the history has items; the cost grows with it. A profile
    passes over it.
    """
    n: int | None = None
    """Length of the list that a counterfactual takes the item out of. Default: 10."""
    model: str | None = None
    """Name of the served model that is to answer; null = that of the user's arm where users are split between models,
    else the default one.
    """


class FactorCurves(Reply, frozen=True, kw_only=True):
    """The same for factors: each set to 0 where it is taken away. The history stays as it is."""

    method: str
    """What was measured, in words."""
    k: int
    """How many steps: factors taken away one by one."""
    explanation: CurveFigures
    """In the order of the factors' contributions, the most supporting first."""
    random: CurveFigures
    """In random orders of all factors."""


class FactorQuality(Reply, frozen=True, kw_only=True):
    """The evidence behind one half of a factor: its effect with the 95 % interval, and the q-value."""

    effect: float
    """Size of the effect: divergence above that of chance, in bits."""
    effect_low: float
    """Lower end of its 95 % interval."""
    effect_high: float
    """Upper end of its 95 % interval."""
    q_value: float
    """False discovery rate at which this would count as an effect."""


class FactorShare(Reply, frozen=True, kw_only=True):
    """One z_i's share of the score. An undecoded one has neither attribute nor value."""

    factor: int
    """Number of the latent dimension, from 0."""
    half: str
    """negative: below the median of the training users; positive: the rest. One of: negative, positive."""
    z: float
    """Where the user lies in the factor."""
    percentile: float
    """Where that is among the training users, 0 to 100."""
    contribution: float
    """What it adds to the score."""
    lean: float
    """The part of it that the place in this half accounts for; the rest is what the median user gets of the factor."""
    attribute: str | None
    """The attribute of the catalogue; null where nothing is decoded."""
    value: str | None
    """The attribute's value; null where nothing is decoded."""
    status: str
    """How sure the reading is; undecoded has neither attribute nor value. One of: decoded, ambiguous, undecoded."""
    item_has: bool | None
    """Whether the item itself has that value; null where nothing is decoded, or the item's value is not known."""
    shifted: float
    """How far steering moved the user in it, in standard deviations; 0 without steering."""
    quality: FactorQuality
    """The evidence behind the name of this half."""


class FidelityFound(Reply, frozen=True, kw_only=True):
    """The explanation's order against random orders."""

    method: str
    """What was measured, in words."""
    k: int
    """How many steps: items taken away one by one."""
    n: int
    """Length of the list."""
    seed: int
    """Seed of the random orders."""
    random_orders: int
    """How many random orders were averaged."""
    explanation: CurveFigures
    """In the explanation's order."""
    random: CurveFigures
    """In random orders: what any order would reach."""
    factors: FactorCurves | None
    """The same for the order of the factors."""


class HistoryShare(Reply, frozen=True, kw_only=True):
    """HistoryShare."""

    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    contribution: float
    """What it adds to the score."""
    linear: float
    """The part of it that does not pass through the latents; 0 for a pure latent model."""


class ItemExplained(Reply, frozen=True, kw_only=True, tag_field="kind", tag="item"):
    """score = base_value + sum(factors.contribution) + other_factors + linear + residual.

    The second view: score = history_base + sum(history.contribution) + history_residual.
    Both say what the model's score goes with: association, not cause.
    """

    kind: ClassVar[str] = "item"
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
    sentence: str
    """The same in plain words, made from these figures and nothing else."""
    steered_by: str | None = None
    """What steered: the request's `steer`, or the stored preferences; null = nothing did. One of: request, preferences.
    """
    history_used: int
    """Items of the history that the model knows."""
    unknown_items: list[str]
    """Ids of the request and history that the model lacks."""
    model: str
    """Name of the model that answered."""
    arm: str | None
    """The model whose turn it is for this user by the split; null = nobody was split. Another than `model`: it had no
    bundle, and the default model stood in.
    """
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class ProfileFactorFound(Reply, frozen=True, kw_only=True):
    """ProfileFactorFound."""

    factor: int
    """Number of the latent dimension, from 0."""
    half: str
    """negative: below the median of the training users; positive: the rest. One of: negative, positive."""
    z: float
    """Where the user lies in the factor."""
    percentile: float
    """Where that is among the training users, 0 to 100."""
    attribute: str | None
    """The attribute of the catalogue; null where nothing is decoded."""
    value: str | None
    """The attribute's value; null where nothing is decoded."""
    status: str
    """How sure the reading is; undecoded has neither attribute nor value. One of: decoded, ambiguous, undecoded."""
    shifted: float
    """How far steering moved the user in it, in standard deviations; 0 without steering."""
    quality: FactorQuality
    """The evidence behind the name of this half."""
    items: list[Pull]
    """The history items that move the user there most."""
    in_history: bool | None
    """Whether any item of the history has the value; null where there is none, or none is known."""


class ProfileFound(Reply, frozen=True, kw_only=True, tag_field="kind", tag="profile"):
    """Where someone stands in the decoded factors, the most unusual first; `undecoded` lists the other factors."""

    kind: ClassVar[str] = "profile"
    """Tells the two replies of /explain apart."""
    factors: list[ProfileFactorFound]
    """The decoded and ambiguous factors."""
    undecoded: list[int]
    """Numbers of the factors without a name where this user lies."""
    method: str
    """How the items' pulls were measured."""
    considered: int
    """History items tried: the newest, where the history is long."""
    sentence: str
    """The same in plain words, made from these figures and nothing else."""
    steered_by: str | None = None
    """What steered: the request's `steer`, or the stored preferences; null = nothing did. One of: request, preferences.
    """
    history_used: int
    """Items of the history that the model knows."""
    unknown_items: list[str]
    """Ids of the request and history that the model lacks."""
    model: str
    """Name of the model that answered."""
    arm: str | None
    """The model whose turn it is for this user by the split; null = nobody was split. Another than `model`: it had no
    bundle, and the default model stood in.
    """
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class Pull(Reply, frozen=True, kw_only=True):
    """How far a history item moves the factor, in standard deviations."""

    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    pull: float
    """Positive: further into the half where the user lies."""
