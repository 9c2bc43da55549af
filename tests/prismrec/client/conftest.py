"""The client against the real application in process, and against scripted replies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from prismrec.client import AsyncClient, Client, ClientError, RetryPolicy
from tests.service.app_client import AppClient, give_history, open_client
from tests.service.conftest import HISTORY

BASE = "http://localhost"


class Bridge(httpx.BaseTransport):
    """Lets a synchronous client ask an ASGI application: every request goes through the application's own loop."""

    def __init__(self, app: AppClient) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        found = self._app.request(request.method, str(request.url), content=request.read(), headers=request.headers)
        return httpx.Response(found.status_code, headers=found.headers, content=found.content, request=request)


@dataclass(frozen=True)
class Pair:
    """Both clients of one application. `ask` calls a method on both and gives both answers."""

    app: AppClient
    waits: Client
    awaited: AsyncClient

    def ask(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return self.call(self.waits, name, *args, **kwargs), self.call(self.awaited, name, *args, **kwargs)

    def call(self, client: Client | AsyncClient, name: str, *args: Any, **kwargs: Any) -> Any:
        found = getattr(client, name)(*args, **kwargs)
        return self.app._loop.run_until_complete(found) if asyncio.iscoroutine(found) else found


def pair_of(app: AppClient, base_url: str = BASE) -> Pair:
    waits = Client(base_url, http=httpx.Client(transport=Bridge(app)))
    awaited = AsyncClient(base_url, http=httpx.AsyncClient(transport=httpx.ASGITransport(app.app)))
    return Pair(app, waits, awaited)


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Shared: what a test writes is of a user of its own."""
    with open_client(tmp_path_factory.mktemp("client")) as app:
        give_history(app, "42", *HISTORY)
        yield pair_of(app)


@pytest.fixture
def own_pair(tmp_path: Path) -> Iterator[Pair]:
    """With an application of its own."""
    with open_client(tmp_path) as app:
        give_history(app, "42", *HISTORY)
        yield pair_of(app)


@dataclass
class Script:
    """Answers each request with the next entry (the last one for ever); keeps requests and waits. No time passes but
    what is waited, and `took` seconds for each request."""

    answers: list[Any]
    took: float = 0.0
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    now: float = 100.0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.now += self.took
        found = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(found, Exception):
            raise found
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


Ask = Callable[..., Any]


@pytest.fixture(params=["waits", "awaited"])
def scripted(request: pytest.FixtureRequest) -> Callable[..., Ask]:
    """`scripted(script, retry=...)` gives ask(method name, *args, **kwargs) of one client; the test runs with both."""

    def make(script: Script, *, retry: RetryPolicy | None = None, key: Any = None) -> Ask:
        def ask(name: str, *args: Any, **kwargs: Any) -> Any:
            given: Any = {"clock": lambda: script.now, "retry": retry, "key": key}
            transport = httpx.MockTransport(script.answer)
            if request.param == "waits":
                with httpx.Client(transport=transport) as http:
                    return getattr(Client(BASE, http=http, sleep=script.sleep, **given), name)(*args, **kwargs)

            async def run() -> Any:
                async with httpx.AsyncClient(transport=transport) as http:
                    client = AsyncClient(BASE, http=http, sleep=script.asleep, **given)
                    return await getattr(client, name)(*args, **kwargs)

            return asyncio.run(run())

        return ask

    return make


def problem_reply(code: str, status: int, **headers: str) -> httpx.Response:
    """A problem as the service makes them."""
    body = {
        "type": f"/problems/{code}",
        "title": "title",
        "status": status,
        "detail": "what happened",
        "instance": "urn:prismrec:request:abc",
        "code": code,
        "hint": "what to do",
        "errors": [{"pointer": "/n", "detail": "must be at least 1"}],
    }
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json"} | named)


LIVE = {"status": "live"}


def live() -> httpx.Response:
    """A good reply, to health_live."""
    return httpx.Response(200, json=LIVE)


def error_of(ask: Ask, name: str, *args: Any, **kwargs: Any) -> ClientError:
    """What a call raises."""
    with pytest.raises(ClientError) as raised:
        ask(name, *args, **kwargs)
    return raised.value
