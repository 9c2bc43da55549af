"""Work too long for the event loop: a bounded pool with a deadline. Full -> 503, late -> 504, never a hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Event
from time import monotonic, perf_counter_ns
from typing import ParamSpec, TypeVar

from service.errors import DeadlineError, OverloadedError
from service.lateness import begun, given_up

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """`threads` calls at a time and `queue` more waiting.

    `deadline` seconds hold from the beginning of a request (service.lateness.begun), so a request of several calls
    waits no longer than one of a single call; else from the call.
    A call past its deadline ends where it next asks service.lateness; until then its thread counts as busy, so a slow
    model fills the pool and is answered with `overloaded` rather than with ever more threads. A call sees the context
    variables of who asked for it.
    busy_changed gets the number of calls running or waiting, refused "full" or "late"; both are called on the event
    loop. waited gets when a call was submitted and when a thread took it (perf_counter_ns), in that thread.
    """

    def __init__(
        self,
        name: str,
        *,
        threads: int,
        queue: int,
        deadline: float,
        busy_changed: Callable[[int], None] = lambda _: None,
        refused: Callable[[str], None] = lambda _: None,
        waited: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._room = threads + queue
        self._deadline = deadline
        self._busy = 0
        self._busy_changed, self._refused, self._waited = busy_changed, refused, waited

    @property
    def busy(self) -> int:
        return self._busy

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `call` from a thread. Raises OverloadedError, DeadlineError, or what the call raises."""
        if self._busy >= self._room:
            self._refused("full")
            raise OverloadedError("all workers are busy and the queue is full")
        left = self._left()
        if left <= 0:
            raise self._late()
        asked, late = perf_counter_ns(), Event()

        def work() -> T:
            given_up.set(late)
            self._waited(asked, perf_counter_ns())
            return call(*args, **kwargs)

        future = self._pool.submit(copy_context().run, work)
        self._count(+1)
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), left)
        except TimeoutError:
            if waiting.done() and not waiting.cancelled():
                return waiting.result()  # the call itself raised TimeoutError, or ended at the last moment
            late.set()
            future.cancel()  # one that still waits in the queue need not run at all
            raise self._late() from None
        except asyncio.CancelledError:  # who asked has stopped waiting, as if it were late
            late.set()
            future.cancel()
            raise

    def close(self) -> None:
        """Take no more work; what runs is left to end by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _left(self) -> float:
        """Seconds until the deadline of whoever asks."""
        since = begun.get()
        return self._deadline if since is None else self._deadline - (monotonic() - since)

    def _late(self) -> DeadlineError:
        self._refused("late")
        return DeadlineError(f"no answer within {self._deadline:g} s")

    def _count(self, step: int) -> None:
        self._busy += step
        self._busy_changed(self._busy)

    def _done(self, waiting: asyncio.Future[T]) -> None:
        self._count(-1)
        if not waiting.cancelled():
            waiting.exception()  # a late error was answered with `deadline`; nobody else asks for it
