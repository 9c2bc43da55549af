"""The application put together. Nothing happens at import time; the lifespan starts what runs beside requests."""

from __future__ import annotations

import gc
import os
import time
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from threading import Lock

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from structlog.typing import FilteringBoundLogger

from bundle.reader import Admit
from service.bundles.cgroups import MIB
from service.bundles.loader import load_bundle
from service.bundles.models import Models, Place
from service.bundles.reloads import Reloads
from service.bundles.room import check_room
from service.bundles.shelf import Shelf
from service.bundles.slot import Slot
from service.bundles.watcher import Watcher
from service.errors import ServiceError
from service.http.auth import Keyring
from service.http.keyfiles import KeyFiles
from service.http.middleware import Edge
from service.http.origins import Origins
from service.http.problems import on_http_exception, on_service_error, on_validation_error
from service.http.titles import Titles
from service.http.visitors import Visitors
from service.limits import LIMITS
from service.routes import operations
from service.routes.pages import pages
from service.settings import Settings
from service.state import State
from service.store import Store, open_or_degrade
from service.store_place import is_provisional, store_url_of
from service.store_watch import why_unusable
from service.telemetry.logs import make_log
from service.telemetry.metrics import Metrics
from service.telemetry.observing import (
    begin_counts,
    observed_pool,
    served,
    stage_observer,
    tell_reload,
)
from service.telemetry.tracing import open_tracing

AT_ONCE = {"threads": 2}
"""The storage pool for a store whose reads are done on the event loop: writes alone."""
WAITING = {"threads": 8, "queue": 120}
"""For a store whose calls wait for the network, reads too; its own pool has as many connections. Every list for a
stored user passes through, in a millisecond or two, so many may wait: at 50 ms a call the last one still has its turn
within a second."""


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
        # FastAPI's own spans and logs carry paths, queries and messages, so ids of users; ours do not (tracing.py).
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.prismrec = state
    app.router.routes.extend(operations(with_metrics=settings.metrics))
    app.router.routes.extend(pages(app, docs=settings.docs))
    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_middleware(Visitors, settings=settings)
    app.add_middleware(Edge, state=state)
    if settings.origins:
        app.add_middleware(Origins, origins=settings.origins)
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
    metrics = Metrics(version=_version())
    tracing = open_tracing(settings.traces, version=_version(), count=metrics.observe_spans)
    observe = stage_observer(metrics, tracing)
    pool = partial(observed_pool, metrics, observe)
    for_requests = partial(pool, queue=LIMITS.queue, deadline=LIMITS.deadline_seconds)
    store = store or open_or_degrade(store_url_of(settings), clock=clock)
    load = partial(load_bundle, observe=observe, admit=admission(settings))
    watcher = partial(Watcher, load=load, clock=clock, listener=partial(tell_reload, log, metrics))
    models = make_models(settings, watcher, slot)
    loading = pool("loading", threads=len(models.places), queue=0, deadline=LIMITS.load_seconds)
    state = State(
        settings=settings,
        limits=LIMITS,
        models=models,
        reloads=Reloads(loading),
        store=store,
        keyring=Keyring(settings),
        metrics=metrics,
        log=log,
        compute=for_requests("compute", threads=min(LIMITS.concurrency, os.cpu_count() or 1)),
        storage=for_requests("storage", **(AT_ONCE if store.quick else WAITING)),
        loading=loading,
        titles=Titles(),
        clock=clock,
        observe=observe,
        tracing=tracing,
    )
    _begin_metrics(state)
    return state


def admission(settings: Settings) -> Admit | None:
    """What is asked before a bundle is read; None = nothing."""
    if settings.memory == "off":
        return None
    return partial(check_room, budget=None if settings.memory == "auto" else settings.memory * MIB)


def make_models(settings: Settings, watcher: Callable[..., Watcher], slot: Slot) -> Models:
    """A place for each model to be served; the default one's slot is `slot`. watcher: Watcher, but for the settings."""
    turn, default = Lock(), settings.default_model

    def place(slot: Slot, name: str | None) -> Place:
        how = {"interval": settings.poll_seconds, "fallback": settings.fallback == "newest", "turn": turn}
        return Place(slot, watcher(slot, Shelf(settings.models, name), **how))

    others = {name: place(Slot(), name) for name in settings.serve if name != default}
    return Models(place(slot, default), name=default, others=others, split=settings.experiment)


def _begin_metrics(state: State) -> None:
    """What is told from the start: counts at 0, what is served already, and figures that are read when asked for."""
    metrics, models, serving = state.metrics, state.models, state.slot.current
    begin_counts(metrics, models)
    metrics.ready.set_function(lambda: state.is_ready)
    metrics.loads_left.set_function(lambda: sum(place.watcher.loads_left for place in models.places))
    if serving is not None:
        metrics.expect(served(serving))
        metrics.serving(serving.bundle_id)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: State = app.state.prismrec
    if is_provisional(state.settings):
        state.log.warning(
            "no model is known yet, so histories go to store.sqlite until the next start;"
            " set PRISMREC_MODEL or PRISMREC_STORE_URL"
        )
    cause = why_unusable(state.store)
    if cause is not None:
        state.store_watch.failed(cause)  # lists for histories go on without it
    key_files = KeyFiles(state.settings, state.keyring, state.log)
    key_files.start()
    for place in state.models.places:
        if state.settings.poll_seconds > 0 or place.slot.current is None:
            place.watcher.start()
    # What lives now lives as long as the process: the collector need not look at it at every full pass.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        state.draining = True
        state.models.stop()
        key_files.stop()
        state.store_watch.stop()
        for workers in (state.compute, state.storage, state.loading):
            workers.close()
        state.store.close()
        if state.tracing is not None:
            await to_thread(state.tracing.close)
        gc.unfreeze()


def _version() -> str:
    try:
        return version("prismrec")
    except PackageNotFoundError:
        return "0"
