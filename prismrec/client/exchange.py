"""One call on its way: its request, what each attempt came to, how long to wait. No I/O and no sleeping in here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx
import msgspec

from prismrec.client.calls import Call, CallOptions
from prismrec.client.errors import (
    ClientError,
    ConnectTimedOutError,
    DroppedError,
    NotConnectedError,
    ProblemError,
    TimedOutError,
    TransportError,
    UnreadableReplyError,
)
from prismrec.client.operations import API_VERSION
from prismrec.client.reading import read_reply
from prismrec.client.retries import PASSING, RetryPolicy

T = TypeVar("T")
E = TypeVar("E", bound=ClientError)
_KEY = re.compile(r"[!-~]+")
KINDS: tuple[tuple[type[httpx.RequestError], type[TransportError]], ...] = (
    (httpx.ConnectTimeout, ConnectTimedOutError),
    (httpx.PoolTimeout, ConnectTimedOutError),
    (httpx.ConnectError, NotConnectedError),
    (httpx.UnsupportedProtocol, NotConnectedError),
    (httpx.ProxyError, NotConnectedError),
    (httpx.TimeoutException, TimedOutError),
)
"""The first that fits; anything else happened after the request began to leave."""
SLOW = {"reload_bundle": 65.0}
"""Read timeouts of operations that take longer by nature, and have as much more in all: a load has a minute."""
TIMEOUT = httpx.Timeout(5.0, connect=2.0)
"""Seconds. The service answers within two, if only to say that it cannot; the rest is the way there and back."""
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=3.0)
"""Idle connections are left before the service ends them (after five seconds), so none ends under a request."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Send the request again after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What all calls of a client have in common; `key` is asked for each attempt, as keys are exchanged."""

    base_url: str
    key: Callable[[], str | None]
    timeout: httpx.Timeout
    retry: RetryPolicy
    clock: Callable[[], float]
    new_id: Callable[[], str]


class Exchange(Generic[T]):
    """The state of one call. The request id and the Idempotency-Key are made once and kept over all attempts."""

    def __init__(self, call: Call[T], options: CallOptions | None, habits: Habits) -> None:
        options = options or CallOptions()
        self._call = call
        self._habits = habits
        self._retry = options.retry or habits.retry
        self._timeout = _timeout(call, options, habits)
        self._limit = self._retry.limit_seconds + SLOW.get(call.name, 0.0)
        self._request_id = options.request_id or habits.new_id()
        made = {name: habits.new_id() if value is None else value for name, value in call.headers.items()}
        self._headers = _headers(call) | made | dict(options.headers) | {"X-Request-ID": self._request_id}
        self._idempotency_key = httpx.Headers(self._headers).get("Idempotency-Key")
        self._content = None if call.body is None else msgspec.json.encode(call.body)
        self._began = habits.clock()
        self._sent = 0

    @property
    def left(self) -> float:
        """Seconds that are left for all of it."""
        return self._began + self._limit - self._habits.clock()

    def request(self, http: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """The request of the next attempt."""
        self._sent += 1
        key = _checked(self._habits.key())
        return http.build_request(
            self._call.method,
            self._habits.base_url + self._call.path,
            params={name: value for name, value in self._call.query.items() if value is not None},
            content=self._content,
            headers=self._headers if key is None else self._headers | {"X-API-Key": key},
            timeout=_capped(self._timeout, max(self.left, 0.001)),
        )

    def check(self) -> None:
        """Raise TimedOutError when the time of the call is over; called while a reply comes in."""
        if self.left <= 0:
            raise self.late()

    def late(self) -> TimedOutError:
        """The error of a call whose time is over."""
        return self._told(
            TimedOutError(f"{self._call.name}: not whole after {self._limit:g} s", request_id=self._request_id)
        )

    def answered(self, response: httpx.Response) -> T | Wait:
        """The reply, or how long to wait for another attempt; raises the error that it is otherwise."""
        found = read_reply(self._call, response, self._request_id)
        if not isinstance(found, ProblemError | UnreadableReplyError):
            return found
        wait = self._wait(found.retry_after if response.status_code in PASSING else None)
        if wait is None:
            raise self._told(found)
        return wait

    def failed(self, error: httpx.RequestError) -> Wait:
        """How long to wait for another attempt; raises the error that it is otherwise."""
        if isinstance(error, httpx.LocalProtocolError):  # its text has the header, which may be the key
            raise ValueError(f"{self._call.name}: a header of the request cannot be sent") from None  # noqa: TRY004
        kind = next((ours for theirs, ours in KINDS if isinstance(error, theirs)), DroppedError)
        wait = self._wait(None if kind.sent else self._retry.refused_wait)
        if wait is None:
            said = str(error) or type(error).__name__
            raise self._told(kind(f"{self._call.name}: {said}", request_id=self._request_id)) from error
        return wait

    def _told(self, error: E) -> E:
        error.idempotency_key = self._idempotency_key
        return error

    def _wait(self, least: float | None) -> Wait | None:
        elapsed = self._habits.clock() - self._began
        seconds = self._retry.wait(least, sent=self._sent, elapsed=elapsed)
        return None if seconds is None or seconds >= self.left else Wait(seconds)


def _checked(key: str | None) -> str | None:
    """The key, which no error shows, or ValueError."""
    if key is not None and not _KEY.fullmatch(key):
        raise ValueError("the key must be visible ASCII; one that was read from a file may have kept its line end")
    return key


def _timeout(call: Call[T], options: CallOptions, habits: Habits) -> httpx.Timeout:
    if options.timeout is not None:
        return httpx.Timeout(options.timeout)
    slow = SLOW.get(call.name)
    given = habits.timeout
    if slow is None or given.read is None or given.read > slow:
        return given
    return httpx.Timeout(connect=given.connect, read=slow, write=given.write, pool=given.pool)


def _capped(timeout: httpx.Timeout, most: float) -> httpx.Timeout:
    """No step may take longer than the whole call."""
    steps = {name: most if value is None else min(value, most) for name, value in timeout.as_dict().items()}
    return httpx.Timeout(**steps)


def _headers(call: Call[T]) -> dict[str, str]:
    found = {"Accept": "application/json, application/problem+json", "User-Agent": f"prismrec-client/{API_VERSION}"}
    return found | {"Content-Type": "application/json"} if call.body is not None else found
