"""Requests that waited for the event loop: at the limit they are answered, past it told to come back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from service.limits import LIMITS
from tests.service.app_client import AppClient, open_client


def asked_late(client: AppClient, path: str, *, seconds: float) -> httpx.Response:
    """The reply to a request whose head arrived so many seconds ago."""

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await client.app({**scope, "prismrec.arrived": time.perf_counter() - seconds}, receive, send)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(late), base_url="http://localhost") as http:
            return await http.get(path)

    return asyncio.run(ask())


def test_request_that_waited_too_long_is_told_to_come_back(tmp_path: Path) -> None:
    with open_client(tmp_path) as client:
        reply = asked_late(client, "/items", seconds=LIMITS.wait_seconds + 0.01)
        assert (reply.status_code, reply.json()["code"]) == (503, "overloaded")
        assert reply.headers["retry-after"] == str(LIMITS.retry_after_seconds)
        assert 'prismrec_connections_cut_total{reason="waited"} 1.0' in client.get("/metrics").text
        assert asked_late(client, "/items", seconds=LIMITS.wait_seconds / 2).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_health_is_answered_however_long_it_waited(tmp_path: Path, path: str) -> None:
    with open_client(tmp_path) as client:
        assert asked_late(client, path, seconds=60).status_code == 200
