"""What a running application holds; routes get it, nothing is global."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import ParamSpec, TypeVar, cast

from fastapi import Request
from structlog.typing import FilteringBoundLogger

from service.auth import Keyring
from service.limits import Limits
from service.metrics import Metrics
from service.settings import Settings
from service.slot import Slot
from service.stages import STORE, Observer
from service.store import Store
from service.titles import Titles
from service.tracing import Tracing
from service.watcher import Watcher
from service.workers import Workers

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class State:
    """The parts of one application. `draining` is set when the process has been told to stop.

    compute  the pool for explanations and the like; storage  the pool for writes to the store
    loading  the pool for bundles taken up on request
    clock    seconds since 1970
    observe  is told what a stage of the work took; tracing: None = nobody asked for traces
    """

    settings: Settings
    limits: Limits
    slot: Slot
    watcher: Watcher
    store: Store
    keyring: Keyring
    metrics: Metrics
    log: FilteringBoundLogger
    compute: Workers
    storage: Workers
    loading: Workers
    titles: Titles
    clock: Callable[[], float]
    observe: Observer
    tracing: Tracing | None = None
    draining: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether requests should be sent here: a verified bundle is served, and the process is not stopping."""
        return self.slot.current is not None and not self.draining

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A read of the store: at once when the engine is quick, else from the pool."""
        started = perf_counter_ns()
        try:
            if self.store.quick:
                return call(*args, **kwargs)
            return await self.storage.run(call, *args, **kwargs)
        finally:
            self.observe(STORE, started, perf_counter_ns())


def state_of(request: Request) -> State:
    """The application's state."""
    return cast(State, request.app.state.prismrec)
