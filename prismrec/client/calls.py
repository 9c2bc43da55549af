"""A call before it is sent: what the generated methods make of their arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from prismrec.client.retries import RetryPolicy
from prismrec.client.structs import Asked, Reply

T = TypeVar("T")
QueryValue = str | int | bool | Sequence[str] | None
_REQUEST_ID = re.compile(
    r"[0-9A-Fa-f]{16,64}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-7][0-9A-HJKMNP-TV-Z]{25}"
)
"""What the service takes as an id; it replaces all else, and then the error's would not be the log's."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What one call does otherwise than its client."""

    request_id: str | None = None
    """The X-Request-ID: a UUID, a ULID or 16 to 64 hex digits, such as a trace's id; null = a new one."""
    timeout: float | httpx.Timeout | None = None
    """Seconds for each step of an attempt; null = the client's."""
    retry: RetryPolicy | None = None
    """When to try again; null = the client's."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers, such as traceparent."""

    def __post_init__(self) -> None:
        if self.request_id is not None and not _REQUEST_ID.fullmatch(self.request_id):
            raise ValueError("request_id must be a UUID, a ULID, or 16 to 64 hex digits")


@dataclass(frozen=True, slots=True)
class Open:
    """Where in a reply stand objects whose further members are kept in `fields`, and as what they are read."""

    path: tuple[str, ...]
    kind: type[Reply]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One operation with its arguments. The reply is a `T`; `also`: statuses beside 200 that come with one."""

    name: str
    method: str
    path: str
    reply: Any
    query: Mapping[str, QueryValue] = field(default_factory=dict)
    body: Asked | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    opens: tuple[Open, ...] = ()
    also: tuple[int, ...] = ()


def segment(value: str | int) -> str:
    """An id as one segment of a path, whatever it is made of."""
    text = quote(str(value), safe="")
    if not text:
        raise ValueError("an id must not be empty")
    return text.replace(".", "%2E") if set(text) == {"."} else text
