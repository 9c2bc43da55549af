# Made by `make client` from openapi/openapi.json; do not edit.
"""Models of `recommend`."""

from __future__ import annotations

from collections.abc import Sequence

from prismrec.client.models.shared import ConditionAsked, ListedItem, Problem, Steer
from prismrec.client.structs import Asked, Reply


class BatchReply(Reply, frozen=True, kw_only=True):
    """results[i] answers requests[i]."""

    results: list[BatchResult]
    """In the order of the requests."""
    bundle_id: str | None
    """Names the bundle that answered all of them; null = several did, and each result names its own."""


class BatchRequest(Asked, frozen=True, kw_only=True):
    """Many requests, answered one by one; those that the same model answers from the same bundle."""

    requests: Sequence[RecommendRequest]
    """Each as for POST /recommend."""


class BatchResult(Reply, frozen=True, kw_only=True):
    """Either a result or a problem."""

    status: str
    """Which of the two follows. One of: ok, problem."""
    result: Recommendation | None = None
    """As of POST /recommend."""
    problem: Problem | None = None
    """Why this request was refused."""


class LockedDrift(Reply, frozen=True, kw_only=True):
    """How far a locked attribute moved all the same."""

    attribute: str
    """The attribute."""
    drift: float
    """Total variation between the shares of its values (of a number: of its bins) in the list without steering and in
    this one, 0 to 1. An item with several values counts a part for each; items without any count as one more value.
    """
    unlocked: float | None
    """The same for this steering without its locks, to see what they held; null = it cannot be told."""


class MeanMoved(Reply, frozen=True, kw_only=True):
    """Mean of a numeric attribute over the items that have it; null where none has."""

    attribute: str
    """The attribute."""
    before: float | None
    """Of the list without steering."""
    after: float | None
    """Of this list."""
    catalogue: float | None
    """Of the catalogue."""


class RecommendRequest(Asked, frozen=True, kw_only=True):
    """A list for a stored user, for a history, or for both: the history is then added to the stored one."""

    user_id: str | int | None = None
    """A stored user, whose history comes before `history`."""
    history: Sequence[str | int] | None = None
    """What the user liked, the oldest first."""
    n: int | None = None
    """How many items are asked for. Default: 10."""
    offset: int | None = None
    """How many items at the top to pass over. Default: 0."""
    condition: ConditionAsked | None = None
    """What the items should be."""
    exclude_seen: bool | None = None
    """Whether items of the history are left out. Default: True."""
    exclude_items: Sequence[str | int] | None = None
    """Ids that must not be listed."""
    candidates: Sequence[str | int] | None = None
    """Only these may be listed; null = the whole catalogue."""
    steer: Steer | None = None
    """A push in the latent space; null = the stored preferences of `user_id`, if there are any; {} = none."""
    preferences: bool | None = None
    """Whether the stored preferences of `user_id` steer where `steer` is null. Default: True."""
    explain: bool | None = None
    """Whether each item comes with its reasons. Default: False."""
    fields: Sequence[str] | None = None
    """Fields of the catalogue to show beside each item."""
    model: str | None = None
    """Name of the served model that is to answer; null = that of the user's arm where users are split between models,
    else the default one.
    """


class Recommendation(Reply, frozen=True, kw_only=True):
    """source says what made the list: the model, or popularity when nothing personal was known or asked."""

    items: list[ListedItem]
    """The list, best first."""
    requested: int
    """The n asked for."""
    returned: int
    """How many items came."""
    offset: int
    """The offset asked for."""
    source: str
    """model, or popularity when nothing personal is known. One of: model, popularity."""
    short_reason: str | None
    """Why the list is shorter than n."""
    condition_satisfied: float | None
    """Share of the list that satisfies the condition."""
    history_used: int
    """Items of the history that the model knows."""
    unknown_items: list[str]
    """Ids of the request and history that the model lacks."""
    steering: SteeringFound | None = None
    """What the steering changed; null = nothing steered."""
    model: str
    """Name of the model that answered."""
    arm: str | None
    """The model whose turn it is for this user by the split; null = nobody was split. Another than `model`: it had no
    bundle, and the default model stood in.
    """
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class ShareMoved(Reply, frozen=True, kw_only=True):
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


class SteeringFound(Reply, frozen=True, kw_only=True):
    """What the steering changed, against the same places of the list that the same request gets without it."""

    source: str
    """request: its `steer`; preferences: what is stored for the user. One of: request, preferences."""
    compared_with: str
    """What made the list without steering: model, or popularity where nothing else is known of the user. One of: model,
    popularity.
    """
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
    lock held little, that the pushes cancel out.
    """
