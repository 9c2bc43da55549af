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
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class BatchRequest(Asked, frozen=True, kw_only=True):
    """Many requests, answered one by one from the same bundle."""

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
    """A push in the latent space."""
    explain: bool | None = None
    """Whether each item comes with its reasons. Default: False."""
    fields: Sequence[str] | None = None
    """Fields of the catalogue to show beside each item."""


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
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
