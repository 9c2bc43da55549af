"""When a call is tried again: only where the service, or what stands before it, says when."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

PASSING = frozenset({429, 503})
"""Statuses of a refusal that passes. 504 is not among them: the service worked, and may be working on it still."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often, and for how long.

    A reply 429 or 503 with Retry-After is asked for again after that time, never sooner; without the header it is an
    error at once. Such a refusal comes before anything is done, but for a write whose store went away under it, and
    that one does no more a second time: it is a PUT, a DELETE, or has its Idempotency-Key. A request that got no reply
    at all is not sent again, as nobody knows what became of it. One that certainly did not arrive (no connection came
    about) may be, where `refused_wait` says so.
    """

    attempts: int = 3
    """How often a request is sent at most; 1 = never again."""
    total_seconds: float = 10.0
    """A wait that would end later than this after the call began is not waited: the error is raised at once."""
    limit_seconds: float = 60.0
    """A call ends then, with all attempts, waits and the whole reply, as a TimedOutError. A `timeout` begins anew with
    every step, so a reply that drips would have no end. AsyncClient ends there wherever it is; Client looks at the
    clock when the head of a reply is there and with each part of the body, so a head that drips holds it up."""
    refused_wait: float | None = None
    """Seconds until the next attempt to connect; null = a refused connection is an error at once."""
    spread: Callable[[float], float] | None = None
    """Makes a wait longer, for many clients that were refused together, e.g. lambda s: s * random.uniform(1, 1.5)."""

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be at least 1, not {self.attempts}")
        if not 0 < self.limit_seconds < math.inf:
            raise ValueError(f"limit_seconds must be a number of seconds above 0, not {self.limit_seconds}")
        for name, value in (("total_seconds", self.total_seconds), ("refused_wait", self.refused_wait)):
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a number of seconds from 0, not {value}")

    def wait(self, least: float | None, *, sent: int, elapsed: float) -> float | None:
        """Seconds to wait before the next attempt, at least `least`; None = there is none.

        least: what was asked for; None = nothing was. sent: attempts so far. elapsed: seconds since the call began.
        """
        if least is None or sent >= self.attempts:
            return None
        seconds = least if self.spread is None else max(least, self.spread(least))
        return seconds if elapsed + seconds <= self.total_seconds else None


NEVER = RetryPolicy(attempts=1)
"""Every refusal is an error at once."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of Retry-After; None = there is none, or it cannot be read.

    A time of day counts from the Date of the same reply, so that no clock of ours matters.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else None
    try:
        then, now = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (then - now).total_seconds())
    except (TypeError, ValueError):
        return None
