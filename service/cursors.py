"""Opaque cursors: where a page ended, and of what."""

from __future__ import annotations

import base64
import binascii

from service.errors import InvalidRequestError


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
