"""/metrics: for Prometheus."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import PlainTextResponse
from starlette.responses import Response

from service.http.openapi import errors
from service.http.operation import resource
from service.state import state_of
from service.telemetry.metrics import CONTENT_TYPE

router = resource("operations")


@router.get("/metrics", response_class=PlainTextResponse, responses=errors())
async def metrics(request: Request) -> Response:
    """Counters and histograms in Prometheus' text format."""
    return Response(state_of(request).metrics.render(), media_type=CONTENT_TYPE)
