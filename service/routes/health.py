"""/health: is the process alive, and should it be sent requests."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from fastapi import Request
from starlette.responses import Response

from service.bundles.slot import SlotState
from service.errors import OverloadedError, ServiceError
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.schemas.bundles import Live, ModelReady, Ready
from service.state import State, state_of

router = resource("operations")
STORE_SECONDS = 0.1
_LIVE = reply(Live()).body
NOT_READY: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "Not ready; `status` says why."}}


@router.get("/health/live", response_model=Live, responses=errors())
async def health_live() -> Response:
    """The process answers. No I/O, no locks, no key."""
    return Response(_LIVE, media_type="application/json")


@router.get("/health/ready", response_model=Ready, responses={**errors(), **NOT_READY})
async def health_ready(request: Request) -> Response:
    """Ready: a verified bundle is loaded and warmed, and the process is not stopping.

    The default model decides: another one without a bundle, like a store that does not answer or takes no writes, is
    named in `degraded`, and lists for histories go on. So is a bundle that stands in for the one to be served.
    """
    state = state_of(request)
    now = state.slot.now
    status: Literal["ready", "loading", "no_bundle", "draining"] = "ready"
    if state.draining:
        status = "draining"
    elif now.current is None:
        status = "loading" if now.state == "loading" else "no_bundle"
    models = [_model(name, place.slot.now) for name, place in state.models.listed()]
    degraded: list[Literal["store", "models", "bundles"]] = [] if await _store_answers(state) else ["store"]
    if any(model.bundle_id is None for model in models[1:]):
        degraded.append("models")
    if any(model.fallback for model in models):
        degraded.append("bundles")
    found = Ready(
        status=status,
        bundle_id=None if now.current is None else now.current.bundle_id,
        last_reload=None if now.last_reload is None else now.last_reload.outcome,
        degraded=degraded,
        models=models,
    )
    return reply(found, status=200 if status == "ready" else 503)


def _model(name: str | None, now: SlotState) -> ModelReady:
    return ModelReady(
        model=name,
        state=now.state,
        bundle_id=None if now.current is None else now.current.bundle_id,
        fallback=now.fallback,
        held=now.held,
        last_reload=None if now.last_reload is None else now.last_reload.outcome,
    )


async def _store_answers(state: State) -> bool:
    try:
        answers = await asyncio.wait_for(state.storage.run(state.store.ping), STORE_SECONDS)
    except OverloadedError:
        return False  # it was not asked
    except (ServiceError, TimeoutError):
        answers = False
    if not answers:
        state.store_watch.doubt()
    return answers
