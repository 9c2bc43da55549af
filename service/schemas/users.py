"""Requests and replies of /users."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from service.limits import LIMITS
from service.schemas.base import ItemId, NextCursor, Wire

LAST_SECOND = 253_402_300_799
"""The end of the year 9999: a larger timestamp is in milliseconds or wrong."""


class InteractionAsked(Wire):
    """timestamp in seconds since 1970; without it the time of the write is kept."""

    item_id: ItemId
    timestamp: Annotated[int, Field(ge=0, le=LAST_SECOND)] | None = None


class InteractionsRequest(Wire):
    interactions: Annotated[list[InteractionAsked], Field(min_length=1, max_length=LIMITS.interactions)]


class InteractionsReply(Wire):
    """All or nothing, and durable. Unknown items are kept for a later bundle; this one cannot use them."""

    stored: int
    duplicates: int
    unknown_items: list[str]


class HistoryEntry(Wire):
    item_id: str
    title: str | None
    timestamp: int
    known: Annotated[bool, Field(description="Whether the served bundle knows the item.")]


class UserFound(Wire):
    """A user's history, oldest first."""

    user_id: str
    n_items: int
    history: list[HistoryEntry]


class UserEntry(Wire):
    user_id: str
    n_items: int


class UserList(Wire):
    items: list[UserEntry]
    next_cursor: NextCursor


class Erased(Wire):
    """Nothing of the user is left."""

    erased: bool
