"""How requests call the store: once for many, within one deadline, and never unmeasured."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from service.errors import StorageUnavailableError
from service.state import State
from service.store.sqlite import SqliteStore
from service.telemetry.stages import STORE
from service.workers import Workers
from tests.service.app_client import AppClient, assert_problem, give_history, open_client

DEADLINE = 3600.0
"""A clock that is moved makes hours of a moment, so nothing here depends on how busy the machine is."""


class SlowStore:
    """The real store, as one across a network; every call takes `seconds` by the clock that the workers read."""

    quick = False

    def __init__(self, state: State, monkeypatch: pytest.MonkeyPatch, *, seconds: float = 0.0) -> None:
        self._store = state.store
        self._seconds = seconds
        self._passed = 0.0
        self.calls: list[str] = []
        monkeypatch.setattr("service.workers.monotonic", lambda: time.monotonic() + self._passed)
        state.store = self  # type: ignore[assignment]
        state.storage = Workers("storage", threads=2, queue=16, deadline=DEADLINE)
        state.compute = Workers("compute", threads=2, queue=16, deadline=DEADLINE)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._store, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            self._passed += self._seconds
            return call(*args, **kwargs)

        return called


CHAINED: dict[str, Callable[[AppClient], Any]] = {
    "batch": lambda client: client.post("/recommend/batch", {"requests": [{"user_id": "1"}, {"history": ["m0"]}]}),
    "explain": lambda client: client.post("/explain", {"user_id": "1", "item_id": "m12"}),
    "list": lambda client: client.post("/recommend", {"user_id": "1", "explain": True}),
    "user": lambda client: client.get("/users/1"),
}


@pytest.mark.parametrize("of", CHAINED)
def test_steps_of_a_request_share_one_deadline(own_client: AppClient, monkeypatch: pytest.MonkeyPatch, of: str) -> None:
    give_history(own_client, "1", "m0", "m3")
    slow = SlowStore(own_client.state, monkeypatch, seconds=DEADLINE / 3)
    assert CHAINED[of](own_client).status_code == 200, "positive control: who has time left is answered"
    slow._seconds = DEADLINE
    assert_problem(CHAINED[of](own_client), 504, "deadline")


def test_batch_asks_the_store_once_for_all_its_users(own_client: AppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for user in "abc":
        give_history(own_client, user, "m0", "m3", key=user)
    asked = [{"user_id": user, "n": 1} for user in "abcabd"] + [{"history": ["m0"]}, {"user_id": "d", "history": []}]
    before = own_client.post("/recommend/batch", {"requests": asked}).json()["results"]
    slow = SlowStore(own_client.state, monkeypatch)
    each = [own_client.post("/recommend", one) for one in asked]
    assert slow.calls == ["known"] * 7, "positive control: one by one they are seven reads"
    slow.calls.clear()
    results = own_client.post("/recommend/batch", {"requests": asked}).json()["results"]
    assert slow.calls == ["known_many"]
    assert [one["status"] for one in results] == ["ok"] * 5 + ["problem"] + ["ok"] * 2
    assert [one["result"] for one in results] == [one["result"] for one in before]
    assert [one["result"]["items"] for one in results if one["result"]] == [
        reply.json()["items"] for reply in each if reply.status_code == 200
    ]


def test_batch_without_users_does_not_ask_the_store(own_client: AppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowStore(own_client.state, monkeypatch)
    own_client.post("/recommend/batch", {"requests": [{"history": ["m0"]}, {"n": 0}]})
    assert slow.calls == []


def test_batch_beside_a_store_that_does_not_answer_lists_for_histories(
    own_client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowStore(own_client.state, monkeypatch)

    def refuse(_: Any) -> None:
        raise StorageUnavailableError("broken")

    monkeypatch.setattr(slow, "known_many", refuse, raising=False)
    asked = [{"user_id": "a"}, {"history": ["m0"]}, {"user_id": "b", "history": ["m0"]}]
    results = own_client.post("/recommend/batch", {"requests": asked}).json()["results"]
    assert [one["status"] for one in results] == ["problem", "ok", "problem"]
    assert {one["problem"]["code"] for one in results if one["problem"]} == {"storage-unavailable"}


WRITE = {"interactions": [{"item_id": "m1"}]}
STEER = {"steer": {"factors": {"1": 1.0}}}
CALLS: tuple[tuple[str, str, dict[str, Any], int], ...] = (
    ("POST", "/users/1/interactions", {"json": WRITE, "headers": {"Idempotency-Key": "k"}}, 1),
    ("PUT", "/users/1/preferences", {"json": STEER}, 1),
    ("GET", "/users/1/preferences", {}, 1),
    ("GET", "/users", {}, 1),
    ("GET", "/users/1", {}, 2),
    ("GET", "/users/1/export", {}, 1),
    ("POST", "/recommend/batch", {"json": {"requests": [{"user_id": "1"}] * 3}}, 1),
    ("DELETE", "/users/1/preferences", {}, 1),
    ("DELETE", "/users/1", {}, 1),
)


@pytest.mark.parametrize("quick", [True, False])
def test_every_call_of_the_store_is_measured(own_client: AppClient, quick: bool) -> None:
    seen: list[str] = []
    own_client.state.observe = lambda stage, started, ended: seen.append(stage) if ended >= started else None
    own_client.state.store.quick = quick
    for method, path, sent, calls in CALLS:
        seen.clear()
        assert own_client.request(method, path, **sent).status_code == 200, path
        assert seen.count(STORE) == calls, (method, path)
    own_client.state.store.close()
    seen.clear()
    assert_problem(own_client.request("DELETE", "/users/1"), 503, "storage-unavailable")
    assert seen == [STORE], "one that fails, too"


CLIENTS = 64


def _statuses_at_once(client: AppClient, monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """What CLIENTS lists for a stored user are answered with, all of them asked before the store answers the first."""
    gate, state = Event(), client.state
    known, answered = state.store.known, Counter[int]()

    def wait_and_read(user_id: str) -> Any:
        gate.wait()
        return known(user_id)

    async def ask() -> None:
        answered[(await client._http.get("/recommend/1")).status_code] += 1

    async def release() -> None:
        while state.storage.busy + answered.total() < CLIENTS:
            await asyncio.sleep(0.01)
        gate.set()

    async def all_at_once() -> None:
        await asyncio.gather(*(ask() for _ in range(CLIENTS)), release())

    monkeypatch.setattr(state.store, "known", wait_and_read)
    monkeypatch.setattr("service.workers.monotonic", lambda: 0.0)  # nobody is late, however busy the machine
    client._loop.run_until_complete(all_at_once())
    return answered


def test_lists_over_a_network_wait_for_their_turn_as_those_on_the_event_loop_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SqliteStore, "quick", False)
    with open_client(tmp_path) as client:
        give_history(client, "1", "m0", "m3")
        assert _statuses_at_once(client, monkeypatch) == {200: CLIENTS}


def test_lists_that_find_too_little_room_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqliteStore, "quick", False)
    with open_client(tmp_path) as client:
        give_history(client, "1", "m0", "m3")
        client.state.storage.close()
        client.state.storage = Workers("storage", threads=8, queue=16, deadline=DEADLINE)
        assert _statuses_at_once(client, monkeypatch) == {200: 24, 503: CLIENTS - 24}
