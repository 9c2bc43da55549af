"""What a running application holds; routes get it, nothing is global."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import ParamSpec, TypeVar, cast

from fastapi import Request
from structlog.typing import FilteringBoundLogger

from service.bundles.models import Answering, Models
from service.bundles.reloads import Reloads
from service.bundles.slot import Slot
from service.bundles.watcher import Watcher
from service.errors import NoBundleError, ServiceError, StorageFullError, StorageUnavailableError, UnknownModelError
from service.http.auth import Keyring
from service.http.titles import Titles
from service.limits import Limits
from service.settings import Settings
from service.store import Store
from service.store_watch import StoreWatch, why_unusable
from service.telemetry.answered import SCOPE, Answered
from service.telemetry.metrics import Metrics
from service.telemetry.stages import STORE, Observer
from service.telemetry.tracing import Tracing
from service.workers import Workers

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class State:
    """The parts of one application. `draining` is set when the process has been told to stop.

    compute  the pool for explanations and the like; storage  the pool for writes to the store
    loading  the pool for bundles taken up on request
    clock    seconds since 1970
    store_watch  tells log and metrics when the store ends and is back
    observe  is told what a stage of the work took; tracing: None = nobody asked for traces
    """

    settings: Settings
    limits: Limits
    models: Models
    reloads: Reloads
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
    store_watch: StoreWatch = field(init=False)

    def __post_init__(self) -> None:
        self.store_watch = StoreWatch(self._look_at_store, log=self.log, tell=self.metrics.store_up.set)

    @property
    def slot(self) -> Slot:
        """The default model's slot."""
        return self.models.default.slot

    @property
    def watcher(self) -> Watcher:
        """The default model's watcher."""
        return self.models.default.watcher

    @property
    def is_ready(self) -> bool:
        """Whether requests should be sent here: the default model has a bundle, and the process is not stopping."""
        return self.slot.current is not None and not self.draining

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A short read of the store: at once when the engine is quick, else from the pool."""
        if not self.store.quick:
            return await self.call_store(call, *args, **kwargs)
        started = perf_counter_ns()
        try:
            return call(*args, **kwargs)
        except (StorageUnavailableError, StorageFullError) as error:
            self.store_watch.failed(error.detail)
            raise
        finally:
            self.observe(STORE, started, perf_counter_ns())

    async def call_store(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A call of the store from the pool: a write, or a read that may be long. Its wait there counts, too."""
        started = perf_counter_ns()
        try:
            return await self.storage.run(call, *args, **kwargs)
        except (StorageUnavailableError, StorageFullError) as error:
            self.store_watch.failed(error.detail)
            raise
        finally:
            self.observe(STORE, started, perf_counter_ns())

    async def _look_at_store(self) -> str | None:
        return await self.storage.run(why_unusable, self.store)


def state_of(request: Request) -> State:
    """The application's state."""
    return cast(State, request.app.state.prismrec)


def answering(request: Request, model: str | None = None, user_id: str | None = None) -> Answering:
    """The bundle that answers this request, taken once (Models.take); log and metrics are told."""
    state = state_of(request)
    taken = state.models.take(model, user_id)
    _tell(request, [taken])
    return taken


def answering_each(
    request: Request, asked: Sequence[tuple[str | None, str | None] | None]
) -> list[Answering | ServiceError]:
    """For each (model, user_id) of a batch what answers it, or why nothing does; all taken at the same moment.

    None asks for nothing and is answered with the default model or its error. Raises NoBundleError when that is all
    there is to say.
    """
    state = state_of(request)
    moment = state.models.now()
    taken: list[Answering | ServiceError] = []
    for one in asked:
        try:
            taken.append(moment.take(*(one or (None, None))))
        except (UnknownModelError, NoBundleError) as error:
            taken.append(error)
    answers = [answer for answer in taken if isinstance(answer, Answering)]
    missing = next((error for error in taken if isinstance(error, NoBundleError)), None)
    if missing is not None and not answers:
        raise missing
    wanted = [answer for answer, one in zip(taken, asked, strict=True) if one and isinstance(answer, Answering)]
    _tell(request, wanted or answers)
    return taken


def _tell(request: Request, taken: Sequence[Answering]) -> None:
    """Say who answers; an answer of the default model in place of an arm is counted for each."""
    each = (Answered(answer.model, answer.loaded.bundle_id, answer.arm) for answer in taken)
    request.scope[SCOPE] = tuple(dict.fromkeys(each))
    for answer in taken:
        if answer.arm is not None and answer.stood_in:
            state_of(request).metrics.observe_stand_in(answer.arm)
