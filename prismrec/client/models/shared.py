# Made by `make client` from openapi/openapi.json; do not edit.
"""Models of several resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from prismrec.client.structs import Asked, Reply


class ConditionAsked(Asked, frozen=True, kw_only=True):
    """What the items should be. genres: values of the attribute that the model is conditioned on (/conditions)."""

    genres: Sequence[str]
    """Values that /conditions lists."""
    match: Literal["any", "all"] | None = None
    """Whether an item must have any or all of them. Default: any."""
    mode: Literal["soft", "strict", "both"] | None = None
    """soft: the model's input; strict: a mask; both. Default: soft."""


class FactorReason(Reply, frozen=True, kw_only=True):
    """One z_i's share of a score; attribute and value are null where the factor is not decoded."""

    factor: int
    """Number of the latent dimension, from 0."""
    half: str
    """negative: below the median of the training users; positive: the rest. One of: negative, positive."""
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
    status: str
    """How sure the reading is; undecoded has neither attribute nor value. One of: decoded, ambiguous, undecoded."""
    item_has: bool | None
    """Whether the item itself has that value; null where nothing is decoded, or the item's value is not known."""
    shifted: float
    """How far steering moved the user in it, in standard deviations; 0 without steering."""


class FieldProblem(Reply, frozen=True, kw_only=True):
    """One field at fault."""

    pointer: str
    """RFC 6901 pointer into the body; for a parameter its name; empty: the whole."""
    detail: str
    """What is wrong with it."""


class HistoryReason(Reply, frozen=True, kw_only=True):
    """One history item's share of a score."""

    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    contribution: float
    """What it adds to the score."""
    linear: float
    """The part of it that does not pass through the latents; 0 for a pure latent model."""


class ListedItem(Reply, frozen=True, kw_only=True):
    """An item of a list; the fields asked for stand beside these members."""

    item_id: str
    """The item."""
    rank: int
    """From 1; with an offset, from offset + 1."""
    score: float
    """The logit; of a popularity list the share of the interactions."""
    probability: float
    """The softmax of the scores over all items; of a popularity list the share of the interactions."""
    reasons: Reasons | None = None
    """Null = not asked for."""
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    """The further members of the object, such as the catalogue's fields: str | int | float | list[str] | None."""


class Problem(Reply, frozen=True, kw_only=True):
    """The one shape of every error. What was sent is never repeated."""

    type: str
    """A path of this service that explains the code."""
    title: str
    """The code in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What happened this time."""
    instance: str
    """Names the request; its end is the X-Request-ID."""
    code: str
    """What went wrong, for programs. One of: malformed, unauthorized, forbidden, cross-site, not-found, unknown-user,
    unknown-preferences, unknown-item, unknown-factor, unknown-model, unknown-bundle, method-not-allowed, conflict,
    too-large, unsupported-media-type, misdirected, invalid-request, bundle-refused, internal, non-finite-score,
    overloaded, no-bundle, storage-unavailable, deadline, no-memory, storage-full.
    """
    hint: str
    """What to do about it."""
    errors: list[FieldProblem] | None = None
    """The fields at fault; null = none in particular."""


class Reasons(Reply, frozen=True, kw_only=True):
    """The largest contributions of both views of the score, and a sentence built from them.

    score = base_value + sum(factors.contribution) + other_factors + linear, but for rounding; /explain states the
    rest. They say what the model's score goes with: association, not cause.
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


class Steer(Asked, frozen=True, kw_only=True):
    """A push in the latent space, in standard deviations of each factor or direction. All terms add up.

    A factor that was tied to a value and the value itself are two terms: asking for both pushes twice. lock:
    attributes that should stay as they are; their directions are projected out of the push. {} is no push at all.
    """

    factors: dict[str, float] = msgspec.field(default_factory=dict)
    """Number of a factor -> strength; positive towards its positive half."""
    attributes: dict[str, float] = msgspec.field(default_factory=dict)
    """"attribute:value" -> strength."""
    lock: list[str] = msgspec.field(default_factory=list)
    """Attributes that should stay as they are."""
