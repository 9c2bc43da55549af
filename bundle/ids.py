"""What a user's or an item's external id may be: one rule for data that comes in and for requests that come later."""

from __future__ import annotations

import re

MAX_ID_BYTES = 64
"""Of an id in UTF-8."""

USER_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:@+=~-]*$"
ITEM_ID_PATTERN = r"^[^\x00-\x1f\x7f]+$"

USER_ID_WORDS = "letters and digits of ASCII and . _ : @ + = ~ -, the first a letter or digit"
ITEM_ID_WORDS = "no control characters"

_USER_ID, _ITEM_ID = re.compile(USER_ID_PATTERN), re.compile(ITEM_ID_PATTERN)


def valid_user_id(text: str) -> bool:
    """Whether the service can be asked about this user: the pattern, and at most MAX_ID_BYTES bytes."""
    return _fits(_USER_ID, text)


def valid_item_id(text: str) -> bool:
    """Whether the service can be asked about this item: the pattern, and at most MAX_ID_BYTES bytes."""
    return _fits(_ITEM_ID, text)


def _fits(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None and len(text.encode("utf-8", "replace")) <= MAX_ID_BYTES
