"""Opaque cursors: where a page ended, and of what."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.errors import InvalidRequestError

T = TypeVar("T")


def encode_cursor(scope: str, place: str) -> str:
    """A cursor for `place` in the listing that `scope` names (a bundle, say)."""
    return base64.urlsafe_b64encode(f"{scope}\n{place}".encode()).decode("ascii").rstrip("=")


def decode_cursor(cursor: str, scope: str) -> str:
    """The place in a cursor; InvalidRequestError for one that was not made here or belongs to another listing."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("utf-8")
        found_scope, place = text.split("\n", 1)
    except (ValueError, binascii.Error):
        raise _refused() from None
    if found_scope != scope:
        raise _refused()
    return place


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A stretch of a listing, and the cursor of the next one (None = the end)."""

    items: Sequence[T]
    next_cursor: str | None


def page_of(listing: Sequence[T], scope: str, *, cursor: str | None, limit: int) -> Page[T]:
    """The page of a listing at hand where `cursor` points, the first one without."""
    start = decode_offset(cursor, scope)
    more = start + limit < len(listing)
    return Page(listing[start : start + limit], encode_cursor(scope, str(start + limit)) if more else None)


def decode_offset(cursor: str | None, scope: str) -> int:
    """The offset in a cursor; 0 without one."""
    if cursor is None:
        return 0
    place = decode_cursor(cursor, scope)
    if not place.isascii() or not place.isdigit() or len(place) > 9:
        raise _refused()
    return int(place)


def _refused() -> InvalidRequestError:
    return InvalidRequestError.field(
        "/cursor", "the cursor is not of this listing", hint="start again without a cursor; a new bundle ends old ones"
    )
