"""Bundles, hot swap and readiness, over the real watcher and slot."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

from bundle.errors import MemoryShortError
from bundle.writer import point_current
from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from tests.builders import damage, make_bundle
from tests.service.app_client import AppClient, assert_problem, open_client


def test_bundles_tell_what_is_served(client: AppClient) -> None:
    found = client.get("/bundles").json()
    assert found["items"] == [{"model": "demo", "version": "1", "serving": True}]
    serving = found["serving"]
    assert serving["bundle_id"] == client.get("/factors").json()["bundle_id"]
    assert {entry["file"] for entry in serving["sha256"]} >= {"encoder.onnx", "decoder.onnx", "items.json"}
    assert serving["n_items"] == 50


def test_reload_takes_up_a_new_version_and_goes_back(own_client: AppClient, tmp_path: Path) -> None:
    before = own_client.get("/factors").json()["bundle_id"]
    make_bundle(tmp_path / "models", version="2", seed=1)
    taken = own_client.post("/bundles/reload").json()
    assert (taken["changed"], taken["version"]) == (True, "2")
    assert own_client.post("/recommend", {"history": ["m0"]}).json()["bundle_id"] == taken["bundle_id"] != before
    back = own_client.post("/bundles/reload", {"version": "1"}).json()
    assert (back["bundle_id"], back["changed"]) == (before, True)
    assert own_client.get("/bundles").json()["last_reload"] == {"state": "ok", "reason": None}


def test_reload_of_what_is_served_loads_and_counts_nothing_and_needs_no_memory(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with open_client(tmp_path, slot=Slot()) as client:
        watcher, load = client.state.watcher, Mock(wraps=client.state.watcher._loads._load)
        watcher._loads._load = load
        first = client.post("/bundles/reload").json()
        load.side_effect = MemoryShortError("there is no room for another")
        for body in (None, {}, {"version": "1"}):
            again = client.post("/bundles/reload", body)
            assert (again.status_code, again.json()) == (200, first | {"changed": False})
        assert (first["changed"], load.call_count) == (True, 1)
        metrics = client.get("/metrics").text
        assert 'prismrec_bundle_reloads_total{model="demo"} 1.0' in metrics
        assert 'prismrec_bundle_reload_failures_total{model="demo",reason="memory"} 0.0' in metrics
        (tmp_path / "models" / "demo" / "1" / "items.json").touch()  # the control: something may have changed
        assert_problem(client.post("/bundles/reload"), 507, "no-memory")


def test_version_held_by_a_reload_is_shown_until_the_pointer_names_it(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    make_bundle(tmp_path / "models", version="2", seed=1)
    with open_client(tmp_path, slot=Slot()) as client:

        def shown() -> tuple[bool, bool, bool]:
            bundles, ready = client.get("/bundles").json(), client.get("/health/ready").json()
            metrics = client.get("/metrics").text
            assert ready["degraded"] == []
            gauge = f'prismrec_bundle_held{{model="demo"}} {float(bundles["models"][0]["held"])}' in metrics
            return bundles["models"][0]["held"], ready["models"][0]["held"], gauge

        assert not client.post("/bundles/reload").json()["held"]
        assert shown() == (False, False, True)
        assert client.post("/bundles/reload", {"version": "1"}).json()["held"]
        assert shown() == (True, True, True)
        point_current(tmp_path / "models" / "demo", "1")
        client.state.watcher.check()
        assert shown() == (False, False, True)
        lines = [line for line in map(json.loads, client.log.getvalue().splitlines()) if line["event"] == "bundle"]
        assert [(line.get("held"), line.get("kept")) for line in lines] == [(None, None), (True, None), (None, True)]


def test_refused_reload_keeps_the_old_bundle_and_stays_ready(own_client: AppClient, tmp_path: Path) -> None:
    before = own_client.get("/factors").json()["bundle_id"]
    damage(make_bundle(tmp_path / "models", version="2", seed=1), "flipped-bit")
    assert_problem(own_client.post("/bundles/reload"), 422, "bundle-refused")
    ready = own_client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json() | {"bundle_id": before} == ready.json()
    assert ready.json()["last_reload"] == "failed"
    assert own_client.post("/recommend", {"history": ["m0"]}).json()["bundle_id"] == before
    assert 'prismrec_bundle_reload_failures_total{model="demo",reason="hash"} 1.0' in own_client.get("/metrics").text


def test_reload_of_what_is_not_there_is_not_found(own_client: AppClient) -> None:
    for version in ("9", "..", "../1", "1/../1", "/etc", "current"):
        assert_problem(own_client.post("/bundles/reload", {"version": version}), 404, "unknown-bundle")


def test_reload_takes_no_location(own_client: AppClient) -> None:
    assert_problem(own_client.post("/bundles/reload", {"url": "http://x/y"}), 422, "invalid-request")


def test_service_without_a_bundle_is_live_not_ready_and_recovers_by_itself(tmp_path: Path) -> None:
    with open_client(tmp_path, slot=Slot()) as client:
        watcher = client.state.watcher
        watcher.check()
        assert client.get("/health/live").status_code == 200
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "no_bundle")
        refused = client.post("/recommend", {"history": ["m0"]})
        assert_problem(refused, 503, "no-bundle")
        assert int(refused.headers["retry-after"]) > 0
        assert client.get("/bundles").json()["serving"] is None
        make_bundle(tmp_path / "models")
        watcher.check()
        assert client.get("/health/ready").json()["status"] == "ready"
        assert client.post("/recommend", {"history": ["m0"]}).status_code == 200


def test_draining_service_is_not_ready(own_client: AppClient) -> None:
    own_client.state.draining = True
    ready = own_client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "draining")


def test_reply_names_the_bundle_that_made_it_during_a_swap(own_client: AppClient, tmp_path: Path) -> None:
    old = own_client.state.slot.require()
    new = load_bundle(make_bundle(tmp_path / "models", version="2", seed=1))
    answers = {}
    for loaded in (old, new):
        own_client.state.slot.swap(loaded, own_client.state.slot.last_reload)
        answers[loaded.bundle_id] = own_client.post("/recommend", {"history": ["m0"], "n": 3}).json()
    assert all(answer["bundle_id"] == name for name, answer in answers.items())
    assert len(answers) == 2
