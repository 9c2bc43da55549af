"""Requests and replies of /users."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from service.limits import LIMITS
from service.schemas.base import ItemId, NextCursor, Wire

LAST_SECOND = 253_402_300_799
"""The end of the year 9999: a larger timestamp is in milliseconds or wrong."""


class InteractionAsked(Wire):
    """timestamp in seconds since 1970; without it the time of the write is kept."""

    item_id: ItemId
    """The item liked."""
    timestamp: Annotated[int, Field(ge=0, le=LAST_SECOND)] | None = None
    """Seconds since 1970; null = the time of the write."""


class InteractionsRequest(Wire):
    interactions: Annotated[list[InteractionAsked], Field(min_length=1, max_length=LIMITS.interactions)]
    """Added together or not at all."""


class InteractionsReply(Wire):
    """All or nothing, and durable. Unknown items are kept for a later bundle; this one cannot use them."""

    stored: int
    """How many are new."""
    duplicates: int
    """How many were there already."""
    unknown_items: list[str]
    """Ids kept that the served bundle lacks."""


class HistoryEntry(Wire):
    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    timestamp: int
    """Seconds since 1970."""
    known: Annotated[bool, Field(description="Whether the served bundle knows the item.")]


class UserFound(Wire):
    """A user's history, oldest first, and whether preferences are stored."""

    user_id: str
    """The user."""
    n_items: int
    """How many items the user's history has."""
    history: list[HistoryEntry]
    """The oldest first; empty of a user of whom only preferences are stored."""
    preferences: bool = False
    """Whether preferences are stored, too."""


class UserEntry(Wire):
    user_id: str
    """The user."""
    n_items: int
    """How many items the user's history has; 0: only preferences are stored."""


class UserList(Wire):
    items: list[UserEntry]
    """This page of the users."""
    next_cursor: NextCursor


class KeptInteraction(Wire):
    item_id: str
    """The item."""
    timestamp: int
    """Seconds since 1970."""


class KeptPreferences(Wire):
    """As they are kept, also where another version of the service wrote them."""

    steer: dict[str, Any]
    """What was put."""
    bundle_id: str
    """The bundle it was put for."""
    updated: int
    """When it was last changed, seconds since 1970."""


class KeptReceipt(Wire):
    """What is kept of a write, so that a repeat of its key gets the same answer; a day, and until the next write."""

    key: str
    """The Idempotency-Key of the write."""
    at: int
    """When it was written, seconds since 1970."""
    stored: int
    """How many interactions were new."""
    duplicates: int
    """How many were there already."""
    unknown_items: list[str]
    """Ids that the bundle of that time lacked."""


class UserExport(Wire):
    """All that is kept of a user: nothing else is, and DELETE /users/{user_id} removes it."""

    user_id: str
    """The user."""
    exported: int
    """When this was read, seconds since 1970."""
    history: list[KeptInteraction]
    """The oldest first; empty of a user of whom only preferences are stored."""
    preferences: KeptPreferences | None
    """Null = none are stored."""
    writes: list[KeptReceipt]
    """Receipts of writes, the oldest first."""


class Erased(Wire):
    """Nothing of what was to be erased is left: the user, or the user's preferences."""

    erased: bool
    """Always true: where there was nothing is a problem."""
