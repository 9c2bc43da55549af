# Made by `make client` from openapi/openapi.json; do not edit.
"""Models of `users`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prismrec.client.models.shared import Steer
from prismrec.client.structs import Asked, Reply


class Erased(Reply, frozen=True, kw_only=True):
    """Nothing of what was to be erased is left: the user, or the user's preferences."""

    erased: bool
    """Always true: where there was nothing is a problem."""


class HistoryEntry(Reply, frozen=True, kw_only=True):
    """HistoryEntry."""

    item_id: str
    """The item."""
    title: str | None
    """The item's title; null where the catalogue has none."""
    timestamp: int
    """Seconds since 1970."""
    known: bool
    """Whether the served bundle knows the item."""


class InteractionAsked(Asked, frozen=True, kw_only=True):
    """timestamp in seconds since 1970; without it the time of the write is kept."""

    item_id: str | int
    """The item liked."""
    timestamp: int | None = None
    """Seconds since 1970; null = the time of the write."""


class InteractionsReply(Reply, frozen=True, kw_only=True):
    """All or nothing, and durable. Unknown items are kept for a later bundle; this one cannot use them."""

    stored: int
    """How many are new."""
    duplicates: int
    """How many were there already."""
    unknown_items: list[str]
    """Ids kept that the served bundle lacks."""


class InteractionsRequest(Asked, frozen=True, kw_only=True):
    """InteractionsRequest."""

    interactions: Sequence[InteractionAsked]
    """Added together or not at all."""


class KeptInteraction(Reply, frozen=True, kw_only=True):
    """KeptInteraction."""

    item_id: str
    """The item."""
    timestamp: int
    """Seconds since 1970."""


class KeptPreferences(Reply, frozen=True, kw_only=True):
    """As they are kept, also where another version of the service wrote them."""

    steer: dict[str, Any]
    """What was put."""
    bundle_id: str
    """The bundle it was put for."""
    updated: int
    """When it was last changed, seconds since 1970."""


class KeptReceipt(Reply, frozen=True, kw_only=True):
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


class PreferencesFound(Reply, frozen=True, kw_only=True):
    """What steers the lists of a user who does not steer in the request itself."""

    user_id: str
    """The user."""
    steer: Steer
    """As it was put."""
    bundle_id: str
    """The bundle it was put for. Another one follows what it knows of `attributes` and `lock`, and no `factors`."""
    updated: int
    """When it was last changed, seconds since 1970."""


class PreferencesRequest(Asked, frozen=True, kw_only=True):
    """PreferencesRequest."""

    steer: Steer
    """Kept for the user; replaces what was kept before."""


class UserEntry(Reply, frozen=True, kw_only=True):
    """UserEntry."""

    user_id: str
    """The user."""
    n_items: int
    """How many items the user's history has; 0: only preferences are stored."""


class UserExport(Reply, frozen=True, kw_only=True):
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


class UserFound(Reply, frozen=True, kw_only=True):
    """A user's history, oldest first, and whether preferences are stored."""

    user_id: str
    """The user."""
    n_items: int
    """How many items the user's history has."""
    history: list[HistoryEntry]
    """The oldest first; empty of a user of whom only preferences are stored."""
    preferences: bool = False
    """Whether preferences are stored, too."""


class UserList(Reply, frozen=True, kw_only=True):
    """UserList."""

    items: list[UserEntry]
    """This page of the users."""
    next_cursor: str | None
    """Give it back as `cursor` for the next page; null = the end."""
