"""Each problem that openapi.json declares of an operation is brought about there, and no test's reply is another.

A code is brought about on every operation that declares it, by the service in that trouble; one that cannot come about
is a code too many. That none is missing the clients of all other tests see to (AppClient, tests.service.declared).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import numpy as np
import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.engine import LoadedBundle
from service.errors import STATUS, StorageFullError, StorageUnavailableError
from service.graphs import GraphRunner
from service.http import operation as operations_of_http
from service.store.broken import BrokenStore
from service.store.sqlite import SqliteStore
from tests.builders import damage, make_bundle
from tests.service import declared
from tests.service.app_client import AppClient, give_history, open_client
from tests.service.conftest import HISTORY
from tests.service.make_examples import GETS, INTERACTIONS, POSTS, PREFERENCES

READ, ADMIN = "read-key-0123456789", "admin-key-0123456789"
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Sent:
    """A good request to an operation, to be spoilt."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] | None = None

    def to(self, client: AppClient, **more: Any) -> httpx.Response:
        given = {"json": self.body, "headers": self.headers} | more
        return client.request(self.method, self.path, **given)


GOOD: dict[str, Sent] = {
    **{name: Sent("GET", path) for name, path in GETS.items()},
    **{name: Sent("POST", path, body) for name, (path, body) in POSTS.items()},
    "append_interactions": Sent("POST", "/users/42/interactions", INTERACTIONS, {"Idempotency-Key": "new"}),
    "put_preferences": Sent("PUT", "/users/42/preferences", PREFERENCES),
    "get_preferences": Sent("GET", "/users/42/preferences"),
    "erase_preferences": Sent("DELETE", "/users/42/preferences"),
    "export_user": Sent("GET", "/users/42/export"),
    "erase_user": Sent("DELETE", "/users/42"),
    "list_problems": Sent("GET", "/problems"),
    "metrics": Sent("GET", "/metrics"),
}
FOR_A_USER = {
    "explain": Sent("POST", "/explain", {"user_id": "42"}),
    "coldstart": Sent("POST", "/coldstart", POSTS["coldstart"][1] | {"user_id": "42"}),
}
"""The examples of these speak of a history in the body, so no store is asked."""
Bring = Callable[[Path, list[str]], dict[str, httpx.Response]]
"""Given a folder and the operations that declare a code, what each of them answers when it comes about."""


def ask(client: AppClient, names: list[str], **more: Any) -> dict[str, httpx.Response]:
    return {name: (FOR_A_USER.get(name) or GOOD[name]).to(client, **more) for name in names}


@contextmanager
def known(folder: Path, **settings: Any) -> Iterator[AppClient]:
    with open_client(folder, **settings) as client:
        give_history(client, "42", *HISTORY)
        yield client


def with_query(query: str) -> Bring:
    def bring(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
        with known(folder) as client:
            return ask(client, names, params=query)

    return bring


def with_headers(**headers: str) -> Bring:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    def bring(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
        with known(folder) as client:
            return {name: GOOD[name].to(client, json=None, content=b"{}", headers=JSON | sent) for name in names}

    return bring


def with_header(**headers: str) -> Bring:
    """The good request, with one header more."""

    def bring(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
        with known(folder) as client:
            return {name: GOOD[name].to(client, headers=headers) for name in names}

    return bring


def late(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    """A body that never ends, sent to whom it may."""

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    with known(folder) as client:
        client.state.limits = replace(client.state.limits, body_seconds=0.001)
        return {name: GOOD[name].to(client, json=None, content=never(), headers=JSON) for name in names}


def keyed(key: str | None) -> Bring:
    def bring(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
        with open_client(folder, read_keys=READ, admin_keys=ADMIN) as client:
            return ask(client, names, headers={} if key is None else {"X-API-Key": key})

    return bring


def crashing(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    def crash(*_: Any) -> None:
        raise RuntimeError("planted")

    with pytest.MonkeyPatch.context() as patch, known(folder) as client:
        patch.setattr(operations_of_http, "_check_query", crash)
        return ask(client, names, params="n=1")


def overloaded(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    with known(folder) as client:
        client.state.limits = replace(client.state.limits, wait_seconds=-1.0)
        return ask(client, names)


def too_late(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    """Every thread is at work on something else."""
    with pytest.MonkeyPatch.context() as patch, known(folder) as client:
        patch.setattr(SqliteStore, "quick", False)  # as an engine beyond a network: its reads have a deadline
        gate = Event()
        for pool in (client.state.compute, client.state.storage, client.state.loading):
            patch.setattr(pool, "_deadline", 0.001)
            for _ in range(pool._pool._max_workers):
                pool._pool.submit(gate.wait, 60)
        try:
            return ask(client, names)
        finally:
            gate.set()


def empty(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    with open_client(folder, slot=Slot()) as client:
        return ask(client, names)


def broken_store(error: StorageUnavailableError | StorageFullError) -> Bring:
    class Refusing(BrokenStore):
        def _refuse(self) -> Any:
            raise error

    def bring(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
        with open_client(folder) as client:
            client.state.store.close()
            client.state.store = Refusing(StorageUnavailableError("broken"))
            return ask(client, names)

    return bring


class Senseless(GraphRunner):
    """Gives NaN for everybody."""

    def __init__(self, good: GraphRunner) -> None:
        self.__dict__.update(good.__dict__)

    def encode(self, *args: Any) -> Any:
        return np.full_like(super().encode(*args), np.nan)

    def scores(self, *args: Any, **options: Any) -> Any:
        for chunk in super().scores(*args, **options):
            yield np.full_like(chunk, np.nan)


def senseless(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    loaded = load_bundle(make_bundle(folder / "models"))
    with known(folder, slot=Slot(LoadedBundle(loaded.bundle, Senseless(loaded._graphs)))) as client:
        return ask(client, names)


def elsewhere(changed: dict[str, Sent]) -> Bring:
    """The same with other requests."""

    def bring(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
        with known(folder) as client:
            return {name: changed[name].to(client) for name in names}

    return bring


def of_model(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    with known(folder) as client:
        return {
            name: GOOD[name].to(client, json=GOOD[name].body | {"model": "none"})
            if GOOD[name].method == "POST"
            else GOOD[name].to(client, params="model=none")
            for name in names
        }


def of_nobody(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    bodies = {"recommend": {"user_id": "nobody"}, "explain": {"user_id": "nobody"}}
    with open_client(folder) as client:
        return {
            name: client.request(GOOD[name].method, GOOD[name].path.replace("42", "nobody"), json=bodies.get(name))
            for name in names
        }


def in_conflict(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    """A key with another body; another version while one is being loaded."""
    with known(folder) as client:
        found = {"append_interactions": GOOD["append_interactions"].to(client, headers={"Idempotency-Key": "first"})}
        make_bundle(folder / "models", version="2", seed=9)
        gate, loads = Event(), client.state.watcher._loads
        load = loads._load
        loads._load = lambda *args: gate.wait(10) and load(*args)

        async def both() -> httpx.Response:
            first = asyncio.ensure_future(client._http.post("/bundles/reload", json={"version": "2"}))
            await asyncio.sleep(0)
            second = asyncio.ensure_future(client._http.post("/bundles/reload", json={"version": "1"}))
            done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
            gate.set()
            await asyncio.gather(first, second)
            return done.pop().result()

        return found | {"reload_bundle": client._loop.run_until_complete(both())}


def refused(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    with known(folder) as client:
        damage(make_bundle(folder / "models", version="2", seed=1), "flipped-bit")
        return {"reload_bundle": client.post("/bundles/reload", {"version": "2"})}


def without_memory(folder: Path, names: list[str]) -> dict[str, httpx.Response]:
    with open_client(folder, memory=1) as client:
        return {"reload_bundle": client.post("/bundles/reload")}


BRING: dict[str, Bring] = {
    "malformed": late,
    "unauthorized": keyed(None),
    "forbidden": keyed(READ),
    "cross-site": with_header(origin="https://evil.example"),
    "misdirected": with_header(host="evil.example"),
    "not-found": elsewhere({"get_problem": Sent("GET", "/problems/none")}),
    "unknown-user": of_nobody,
    "unknown-preferences": elsewhere({name: GOOD[name] for name in ("get_preferences", "erase_preferences")}),
    "unknown-item": elsewhere(
        {
            "explain": Sent("POST", "/explain", {"history": ["m0"], "item_id": "none"}),
            "explain_user": Sent("GET", "/explain/42?item_id=none"),
            "get_item": Sent("GET", "/items/none"),
            "similar_items": Sent("GET", "/items/none/similar"),
        }
    ),
    "unknown-factor": elsewhere({"get_factor": Sent("GET", "/factors/999")}),
    "unknown-model": of_model,
    "unknown-bundle": elsewhere({"reload_bundle": Sent("POST", "/bundles/reload", {"version": "9"})}),
    "conflict": in_conflict,
    "too-large": with_headers(content_length="99999999"),
    "unsupported-media-type": with_headers(content_encoding="gzip"),
    "invalid-request": with_query("colour=red"),
    "bundle-refused": refused,
    "internal": crashing,
    "non-finite-score": senseless,
    "overloaded": overloaded,
    "no-bundle": empty,
    "storage-unavailable": broken_store(StorageUnavailableError("gone")),
    "deadline": too_late,
    "no-memory": without_memory,
    "storage-full": broken_store(StorageFullError("full")),
}


def declaring(code: str) -> list[str]:
    told = f"{STATUS[code]} {code}"
    return [operation.name for operation in declared.operations() if told in operation.replies]


@pytest.mark.parametrize("code", sorted({*STATUS} - {"method-not-allowed"}))
def test_declared_problem_comes_about_on_every_operation_that_declares_it(tmp_path: Path, code: str) -> None:
    names = declaring(code)
    assert names, "declared by nobody"
    replies = BRING[code](tmp_path, names)
    told = {name: f"{reply.status_code} {reply.json().get('code')}" for name, reply in replies.items()}
    assert told == dict.fromkeys(names, f"{STATUS[code]} {code}")
    for reply in replies.values():
        for header in declared_headers(STATUS[code]):
            assert reply.headers[header]


def declared_headers(status: int) -> list[str]:
    return {401: ["www-authenticate"], 503: ["retry-after"]}.get(status, [])


def test_method_that_no_path_has_is_declared_by_nobody() -> None:
    assert declaring("method-not-allowed") == []


def test_reply_that_is_not_declared_is_found_out() -> None:
    request = httpx.Request("GET", "http://test/items/m0")
    problem = {"code": "conflict"}
    headers = {"content-type": declared.PROBLEM}
    assert declared.undeclared(httpx.Response(200, json={}, request=request)) is None
    for status in (409, 404):
        reply = httpx.Response(status, json=problem, headers=headers, request=request)
        assert declared.undeclared(reply) == f"get_item answered {status} conflict, which openapi.json does not declare"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/items/a%2Fb", "get_item"),
        ("/items/a%2Fb/similar", "similar_items"),
        ("/recommend/batch", "recommend_user"),
        ("/users/42/export", "export_user"),
        ("/nothing", None),
    ],
)
def test_reply_is_held_against_its_own_operation(path: str, name: str | None) -> None:
    reply = httpx.Response(418, request=httpx.Request("GET", f"http://test{path}"))
    assert (declared.undeclared(reply) or "None").split()[0] == (name or "None")
