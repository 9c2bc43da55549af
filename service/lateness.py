"""Work that nobody waits for any more: a thread asks whether its caller was told that it took too long.

`service.workers` sets the event of each call; engine, routes and store ask between their steps. And when a request
began: all its calls together get one deadline.
"""

from __future__ import annotations

from contextvars import ContextVar
from threading import Event

from service.errors import DeadlineError

given_up: ContextVar[Event | None] = ContextVar("given_up", default=None)
"""Set once the caller has had its answer without us; None = nobody will be told, such as a command."""

begun: ContextVar[float | None] = ContextVar("begun", default=None)
"""When the request that this work is for was there whole (time.monotonic); None = work that no request waits for."""


def stop_if_late() -> None:
    """Between the parts of work: raises DeadlineError where nobody waits for the rest of it any more."""
    late = given_up.get()
    if late is not None and late.is_set():
        raise DeadlineError("nobody waits for this answer any more")
