"""A replaced bundle is gone with its last request, without the collector of cycles; nothing else of a request stays."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundle.errors import BundleError
from service.bundles.loader import load_bundle
from service.bundles.memory import _give_back_soon
from service.bundles.slot import Slot
from service.engine import LoadedBundle
from service.graphs import open_session
from tests.builders import damage, make_bundle
from tests.faults.soaking import QUESTIONS
from tests.service.app_client import AppClient, open_client

N_ITEMS = 100
WRITE = {"interactions": [{"item_id": "m3"}]}


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[AppClient]:
    for version in ("1", "2"):
        make_bundle(tmp_path / "models", name="demo", version=version, n_items=N_ITEMS, steering=True)
    with open_client(tmp_path, slot=Slot(load_bundle(tmp_path / "models/demo/1"))) as opened:
        yield opened


def ask_all(client: AppClient) -> None:
    written = client.post("/users/user/interactions", WRITE, headers={"Idempotency-Key": "key"})
    assert written.status_code == 200
    for path, body in QUESTIONS:
        assert client.post(path, body).status_code == 200
    for path in ("/items/m3/similar", "/factors", "/health/ready", "/metrics", "/explain/user?item_id=m12"):
        assert client.get(path).status_code == 200
    assert client.post("/recommend", {"history": ["m3"], "n": 0}).status_code == 422


def swapped_away(client: AppClient) -> weakref.ref[Any]:
    """What was served, after another version has taken its place."""
    served = weakref.ref(client.state.models.default.slot.require())
    assert client.post("/bundles/reload", {"model": "demo", "version": "2"}).json()["version"] == "2"
    return served


def test_swapped_bundle_is_freed_by_its_last_reference(without_collector: None, client: AppClient) -> None:
    ask_all(client)
    assert swapped_away(client)() is None


def test_swapped_bundle_that_is_part_of_a_cycle_is_found_out(without_collector: None, client: AppClient) -> None:
    bundle = client.state.models.default.slot.require()
    bundle.memo["itself"] = bundle
    del bundle
    ask_all(client)
    assert swapped_away(client)() is not None


def left_of_refused(client: AppClient, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many sessions are still there once a version was loaded and refused, twice; they hold a bundle's weights."""
    made: list[weakref.ref[Any]] = []

    def opened(content: bytes) -> Any:
        session = open_session(content)
        made.append(weakref.ref(session))
        return session

    monkeypatch.setattr("service.bundles.loader.open_session", opened)
    damage(client.state.settings.models / "demo" / "2", "golden-off")
    for _ in range(2):
        reply = client.post("/bundles/reload", {"model": "demo", "version": "2"})
        assert (reply.status_code, reply.json()["code"]) == (422, "bundle-refused")
    assert len(made) >= 2 * 4
    return sum(session() is not None for session in made)


def test_refused_bundle_is_freed_with_its_refusal(
    without_collector: None, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert left_of_refused(client, monkeypatch) == 0


def test_refused_bundle_that_is_part_of_a_cycle_is_found_out(
    without_collector: None, client: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(folder: Path) -> LoadedBundle:
        try:
            return load_bundle(folder)
        except BundleError as error:
            error.itself = error  # type: ignore[attr-defined]
            raise

    client.state.watcher._loads._load = load
    assert left_of_refused(client, monkeypatch) > 0


def test_memory_is_given_back_once_more_when_the_replaced_bundle_has_gone(
    monkeypatch: pytest.MonkeyPatch, without_collector: None, client: AppClient
) -> None:
    soon: list[object] = []
    monkeypatch.setattr("service.bundles.memory._give_back_soon", lambda: soon.append(1))
    assert client.post("/bundles/reload", {"model": "demo", "version": "2"}).json()["changed"]
    held = client.state.models.default.slot.require()
    assert client.post("/bundles/reload", {"model": "demo", "version": "1"}).json()["changed"]
    assert not soon  # a request still holds it
    del held
    assert len(soon) == 1


def test_pages_go_back_on_a_thread_that_nobody_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    done = threading.Event()

    def trim(_: int) -> int:
        given.append(threading.current_thread().daemon)
        done.set()
        return 1

    monkeypatch.setattr("service.bundles.memory._TRIM", trim)
    monkeypatch.setattr("service.bundles.memory.SOON_SECONDS", 0.0)
    _give_back_soon()
    assert done.wait(10)
    assert all(given)
