"""The application put together. Nothing happens at import time; the lifespan starts what runs beside requests."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from structlog.typing import FilteringBoundLogger

from service.auth import Keyring
from service.errors import ServiceError
from service.limits import LIMITS
from service.logs import make_log
from service.metrics import Metrics
from service.middleware import Edge
from service.problems import on_http_exception, on_service_error, on_validation_error
from service.routes import operations
from service.routes.pages import pages
from service.settings import Settings
from service.slot import ReloadReport, Slot
from service.state import State
from service.store import BrokenStore, Store, open_or_degrade
from service.store_place import is_provisional, store_url_of
from service.titles import Titles
from service.watcher import Watcher
from service.workers import Workers

RELOAD_SECONDS = 60.0
STORE_THREADS = 2


def create_app(
    settings: Settings,
    *,
    slot: Slot | None = None,
    store: Store | None = None,
    log: FilteringBoundLogger | None = None,
    clock: Callable[[], float] = time.time,
) -> FastAPI:
    """The application for these settings; `slot` and `store` may be given (tests), else they are made here.

    clock: seconds since 1970. A store that cannot be opened leaves the service degraded, not dead.
    """
    state = make_state(settings, slot=slot or Slot(), store=store, log=log, clock=clock)
    app = FastAPI(
        title="prismrec",
        version=_version(),
        summary="Recommendations that say why",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.prismrec = state
    app.router.routes.extend(operations(with_metrics=settings.metrics))
    app.router.routes.extend(pages(app, docs=settings.docs))
    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_middleware(Edge, state=state)
    return app


def make_state(
    settings: Settings,
    *,
    slot: Slot,
    store: Store | None,
    log: FilteringBoundLogger | None,
    clock: Callable[[], float],
) -> State:
    """The parts of an application, wired."""
    log = log or make_log(settings.log_level, clock=clock)
    metrics = Metrics()
    store = store or open_or_degrade(store_url_of(settings), clock=clock)

    def pool(name: str, *, threads: int, queue: int, deadline: float) -> Workers:
        gauge = metrics.workers_busy.labels(name)
        return Workers(name, threads=threads, queue=queue, deadline=deadline, busy_changed=gauge.set)

    watcher = Watcher(
        slot,
        settings.models,
        name=settings.model,
        interval=settings.poll_seconds,
        clock=clock,
        listener=partial(_tell, log, metrics),
    )
    return State(
        settings=settings,
        limits=LIMITS,
        slot=slot,
        watcher=watcher,
        store=store,
        keyring=Keyring(settings),
        metrics=metrics,
        log=log,
        compute=pool(
            "compute",
            threads=min(LIMITS.concurrency, os.cpu_count() or 1),
            queue=LIMITS.queue,
            deadline=LIMITS.deadline_seconds,
        ),
        storage=pool("storage", threads=STORE_THREADS, queue=LIMITS.queue, deadline=LIMITS.deadline_seconds),
        loading=pool("loading", threads=2, queue=0, deadline=RELOAD_SECONDS),
        titles=Titles(),
        clock=clock,
    )


def _tell(log: FilteringBoundLogger, metrics: Metrics, report: ReloadReport) -> None:
    """Log and count one attempt to take up a bundle."""
    metrics.observe_reload(None if report.outcome == "ok" else report.reason or "bundle")
    event = {name: getattr(report, name) for name in ("model", "version", "bundle_id", "reason", "detail")}
    write = log.info if report.outcome == "ok" else log.warning
    write("bundle", outcome=report.outcome, **{name: value for name, value in event.items() if value is not None})


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: State = app.state.prismrec
    if is_provisional(state.settings):
        state.log.warning(
            "no model is known yet, so histories go to store.sqlite until the next start;"
            " set PRISMREC_MODEL or PRISMREC_STORE_URL"
        )
    if not state.store.ping():
        why = state.store.cause.detail if isinstance(state.store, BrokenStore) else None
        state.log.warning("the store does not answer; lists for histories go on without it", cause=why)
    if state.settings.poll_seconds > 0 or state.slot.current is None:
        state.watcher.start()
    # What lives now lives as long as the process: the collector need not look at it at every full pass.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        state.draining = True
        state.watcher.stop()
        for workers in (state.compute, state.storage, state.loading):
            workers.close()
        state.store.close()
        gc.unfreeze()


def _version() -> str:
    try:
        return version("prismrec")
    except PackageNotFoundError:
        return "0"
