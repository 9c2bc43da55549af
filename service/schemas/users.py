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


class Erased(Wire):
    """Nothing of what was to be erased is left: the user, or the user's preferences."""

    erased: bool
    """Always true: where there was nothing is a problem."""
