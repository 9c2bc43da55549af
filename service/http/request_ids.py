"""The id of a request: the caller's X-Request-ID where it is one, else ours. It stands in logs, traces and replies."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable

HEADER = b"x-request-id"
FORMS = (
    rb"[0-9A-Fa-f]{16,64}",  # ours, W3C's trace-id, nginx's, a UUID without dashes
    rb"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",  # a UUID
    rb"[0-7][0-9A-HJKMNP-TV-Z]{25}",  # a ULID
)
"""What programs make by chance. A name, a mail address or a number of a customer has none of these forms: it would stay
in the log after that person's data were erased."""

_FORM = re.compile(b"|".join(FORMS))


def new_request_id() -> str:
    """One of 64 bits."""
    return secrets.token_hex(8)


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's id where there is exactly one and it has one of FORMS, else a new one. headers: names are small."""
    given = [value for name, value in headers if name == HEADER]
    return given[0].decode("ascii") if len(given) == 1 and _FORM.fullmatch(given[0]) else new_request_id()
