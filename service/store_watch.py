"""Whether the store can be used, as requests and readiness find it: told once when it ends, once when it is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context

from structlog.typing import FilteringBoundLogger

from service.errors import DeadlineError, OverloadedError, ServiceError
from service.store import Store

LOOK_SECONDS = 1.0
QUIET_SECONDS = 5.0
"""So long no call must have failed before the store counts as back: one that fails now and then is told of once."""
NO_WRITES = "it takes no writes"


def why_unusable(store: Store) -> str | None:
    """Why the store does not answer or takes no writes, in words for the log; None where it does both."""
    if store.ping():
        return None
    try:
        store.sources()  # a short read, for the error that the ping keeps to itself
    except ServiceError as error:
        return error.detail
    return NO_WRITES


class StoreWatch:
    """In doubt about the store it looks once a second, until it is found well and no call failed for QUIET_SECONDS.

    look   why the store cannot be used, None where it can; raises OverloadedError where it could not be asked
    tell   gets 1 while the store can be used, 0 while it cannot
    clock  seconds from anywhere, never going back
    pause  waits for so many seconds

    All of it runs on the event loop. While nothing fails it costs nothing.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[str | None]],
        *,
        log: FilteringBoundLogger,
        tell: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._look, self._log, self._tell, self._clock, self._pause = look, log, tell, clock, pause
        self._down_since: float | None = None
        self._failed_at = 0.0
        self._looking: asyncio.Task[None] | None = None
        tell(1)

    def failed(self, cause: str) -> None:
        """A call found that the store cannot be used."""
        self._failed_at = self._clock()
        if self._down_since is None:
            self._down_since = self._failed_at
            self._tell(0)
            self._log.warning("the store does not answer", cause=cause)
        self.doubt()

    def doubt(self) -> None:
        """Something may be wrong with the store: look, unless that is being done."""
        if self._looking is None or self._looking.done():
            # Nothing of the request that met it: neither its deadline nor its trace.
            self._looking = asyncio.get_running_loop().create_task(self._until_well(), context=Context())

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()

    async def _until_well(self) -> None:
        while not await self._is_well():
            await self._pause(LOOK_SECONDS)

    async def _is_well(self) -> bool:
        try:
            cause = await self._look()
        except OverloadedError:
            return False  # nobody knows
        except DeadlineError as error:
            cause = error.detail
        if cause is not None:
            self.failed(cause)
            return False
        if self._down_since is not None:
            now = self._clock()
            if now - self._failed_at < QUIET_SECONDS:
                return False
            self._tell(1)
            self._log.info("the store answers again", seconds=round(now - self._down_since, 1))
            self._down_since = None
        return True
