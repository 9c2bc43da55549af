# Made by `make client` from openapi/openapi.json; do not edit.
"""Models of `coldstart`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prismrec.client.models.shared import ConditionAsked, ListedItem
from prismrec.client.structs import Asked, Reply


class ColdStartReply(Reply, frozen=True, kw_only=True):
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


class ColdStartRequest(Asked, frozen=True, kw_only=True):
    """A list for someone without a history, or with a short one. The same request and seed give the same reply, byte
    for byte, and the order of the picks does not matter to the list.
    """

    picks: Sequence[PickAsked]
    """What is known of the taste."""
    n: int | None = None
    """How many items are asked for. Default: 10."""
    samples: int | None = None
    """Points drawn from the picks, whose lists are merged. Default: 32."""
    seed: int | None = None
    """Seed of the samples. Default: 0."""
    diversity: float | None = None
    """0: the items that the samples give the largest mean probability. More: the samples also vary in what was not
    picked, and every one of them gets items of its own, at some cost in what was. Default: 0.25.
    """
    condition: ConditionAsked | None = None
    """What the items should be."""
    history: Sequence[str | int] | None = None
    """A few items liked, which the samples are drawn around; not listed."""
    user_id: str | int | None = None
    """A stored user, whose history comes before `history`; one that the store does not know has none."""
    exclude_items: Sequence[str | int] | None = None
    """Ids that must not be listed."""
    fields: Sequence[str] | None = None
    """Fields of the catalogue to show beside each item."""
    model: str | None = None
    """Name of the served model that is to answer; null = that of the user's arm where users are split between models,
    else the default one.
    """


class JointFound(Reply, frozen=True, kw_only=True):
    """Share of the list, and of the whole catalogue, that has every value of `shares`."""

    in_list: float
    """Share of this list, 0 to 1."""
    in_catalogue: float
    """Share of the catalogue, 0 to 1."""


class PickAsked(Asked, frozen=True, kw_only=True):
    """A factor and the half of its spectrum, or an attribute and its value. strength 1 samples the half as it is.

    A value goes to the half or the direction whose lists hold most of it on this model.
    """

    factor: int | None = None
    """Number of a factor; with `half`."""
    half: Literal["negative", "positive"] | None = None
    """The half of its spectrum."""
    attribute: str | None = None
    """An attribute; with `value`."""
    value: str | None = None
    """The value that the list should have."""
    strength: float | None = None
    """How far from the middle; 1 samples the half as it is. Left out: 1 for a half; a value gets the first of 1, 1.5, 2
    and 3 with which it fills its list (beside other picks: what serves all of them best), times 1 + diversity.
    """


class PickFound(Reply, frozen=True, kw_only=True):
    """What a pick became; note says what to know of it (undecoded, ambiguous, weak)."""

    via: str
    """factor: a half; of a named value direction: straight along its probe; pattern: as the latents vary with it;
    variances: the same as if they were independent.
    """
    factor: int | None
    """Number of the latent dimension, from 0; null for a direction or a pattern."""
    half: str | None
    """negative: below the median of the training users; positive: the rest. null as `factor`. One of: negative,
    positive.
    """
    attribute: str | None
    """The attribute asked for, or the one the half is decoded to; null where it is to none."""
    value: str | None
    """The attribute's value; null as `attribute`."""
    strength: float
    """As asked, or as chosen where none was."""
    status: str
    """How sure it is that the pick carries the value; undecoded where the list does not bear it out. One of: decoded,
    ambiguous, undecoded.
    """
    note: str | None
    """What to know of it; null = nothing."""
    share: float | None = None
    """0 to 1: how much of a named value the pick lists by itself, as tried on this model; null for a pick by factor."""


class ShareFound(Reply, frozen=True, kw_only=True):
    """Share of the list, and of the whole catalogue, that has the value."""

    attribute: str
    """The attribute."""
    value: str
    """Its value."""
    in_list: float
    """Share of this list, 0 to 1."""
    in_catalogue: float
    """Share of the catalogue, 0 to 1."""
