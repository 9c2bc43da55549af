"""The served processes of overload and of slow clients: `python -m tests.faults.hurried VARIANT`.

slow clients    the real service with short deadlines (HURRIED), so that a test need not wait for the long ones;
                and its control: the same limits, but uvicorn's own connections
overload        work in the pools that takes TURN seconds a thread on any machine, so that capacity is known: the
                service as it is, and its controls: a queue without a bound, an engine that sleeps past the deadline
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.__main__ import main
from service.http.connection import Door
from service.limits import LIMITS
from service.workers import Workers

HURRIED, BARE, PACED, UNBOUNDED, SLEEPING = "hurried", "bare", "paced", "unbounded", "sleeping"
SHORT = {"head_seconds": 1.0, "body_seconds": 1.5, "reply_seconds": 1.0, "connections": 40, "deadline_seconds": 20.0}
"""The deadline of the work itself is long: slow clients are tried here, also on a slow machine."""
TURN = 0.05
"""Each of n threads takes n turns for a call: 20 calls a second, whatever n is."""
ASLEEP = 2 * LIMITS.deadline_seconds


def pace(seconds: Callable[[int], float], *, bounded: bool = True) -> None:
    make, run = Workers.__init__, Workers.run

    def made(self: Workers, name: str, *, threads: int, queue: int, **rest: Any) -> None:
        make(self, name, threads=threads, queue=queue if bounded else 10**6, **rest)
        self._threads = threads  # type: ignore[attr-defined]
        self._slow = name == "compute"  # type: ignore[attr-defined]

    async def slowed(self: Workers, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def slept() -> Any:
            if self._slow:  # type: ignore[attr-defined]
                time.sleep(seconds(self._threads))  # type: ignore[attr-defined]
            return call(*args, **kwargs)

        return await run(self, slept)

    Workers.__init__, Workers.run = made, slowed  # type: ignore[method-assign, assignment]


def hurry() -> None:
    for name, limit in SHORT.items():
        object.__setattr__(LIMITS, name, limit)


def bare() -> None:
    hurry()
    Door.connection = lambda _, **given: HttpToolsProtocol(**given)  # type: ignore[method-assign, assignment, misc]


VARIANTS: dict[str, Callable[[], None]] = {
    HURRIED: hurry,
    BARE: bare,
    PACED: lambda: pace(lambda threads: TURN * threads),
    UNBOUNDED: lambda: pace(lambda threads: TURN * threads, bounded=False),
    SLEEPING: lambda: pace(lambda _: ASLEEP),
}

if __name__ == "__main__":
    VARIANTS[sys.argv[1]]()
    sys.exit(main())
