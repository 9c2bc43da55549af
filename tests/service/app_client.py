"""The real application over a small planted bundle, called in process: no socket, no lifespan, a loop per client."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from fastapi import FastAPI

from service.app import create_app
from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.settings import Settings
from service.state import State
from service.store import open_store
from service.telemetry.logs import make_log
from tests.builders import make_bundle
from tests.service.declared import undeclared

START = 1_700_000_000


class AppClient:
    """A synchronous client of an application; `log` holds the log lines, `state` the parts.

    Every reply is held against openapi.json: one that its operation does not declare fails the test.
    """

    def __init__(self, app: FastAPI, log: io.BytesIO) -> None:
        self.app = app
        self.log = log
        self._loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    @property
    def state(self) -> State:
        return self.app.state.prismrec

    def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        reply = self._loop.run_until_complete(self._http.request(method, path, **kwargs))
        assert undeclared(reply) is None
        return reply

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.request("GET", path, **kwargs)

    def post(self, path: str, body: Any = None, **kwargs: Any) -> httpx.Response:
        return self.request("POST", path, json=body, **kwargs)

    def raw(self, path: str, content: Any, **headers: str) -> httpx.Response:
        sent = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, content=content, headers=sent)

    def close(self) -> None:
        self.state.store_watch.stop()
        self._loop.run_until_complete(self._http.aclose())
        for workers in (self.state.compute, self.state.storage, self.state.loading):
            workers.close()
        self.state.store.close()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def __enter__(self) -> AppClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@contextmanager
def open_client(
    folder: Path, *, slot: Slot | None = None, store_url: str | None = None, **settings: Any
) -> Iterator[AppClient]:
    """A client of an application whose models, bundle and (unless another is named) store lie in `folder`."""
    log = io.BytesIO()
    models = folder / "models"
    if slot is None:
        slot = Slot(load_bundle(make_bundle(models)))
    made = Settings(
        models=models, store_url=store_url or f"sqlite:///{folder / 'store.sqlite'}", poll_seconds=0, **settings
    )
    store = open_store(made.store_url, clock=lambda: START)
    app = create_app(
        made, slot=slot, store=store, log=make_log("info", stream=log, clock=lambda: START), clock=lambda: START
    )
    with AppClient(app, log) as client:
        yield client


def give_history(client: AppClient, user_id: str, *items: str, key: str = "first") -> None:
    """Store a history for a user, through the API."""
    body = {"interactions": [{"item_id": item, "timestamp": START + place} for place, item in enumerate(items)]}
    reply = client.post(f"/users/{user_id}/interactions", body, headers={"Idempotency-Key": key})
    assert reply.status_code == 200, reply.text


def assert_problem(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The reply is a whole problem of this status and code."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    found = reply.json()
    assert found["code"] == code
    assert found["status"] == status
    assert found["type"] == f"/problems/{code}"
    assert found["detail"] and found["title"] and found["hint"]
    assert found["instance"].endswith(reply.headers["x-request-id"])
    return found
