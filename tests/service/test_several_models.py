"""Several models side by side: who answers, what is said of it, and that each is swapped alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from bundle.writer import point_current
from service.bundles.loader import load_bundle
from service.bundles.slot import ReloadReport, Slot
from tests.builders import damage, make_bundle
from tests.service.app_client import AppClient, assert_problem, give_history, open_client

HISTORY = ["m0", "m3", "m6"]
SPLIT = "demo:0.5,other:0.5"


def two_models(folder: Path, *, take_other: bool = True, **settings: Any) -> Any:
    make_bundle(folder / "models", name="demo")
    make_bundle(folder / "models", name="other", n_items=60, seed=5)
    opened = open_client(folder, slot=Slot(), serve="demo,other", **settings)

    class Opened:
        def __enter__(self) -> AppClient:
            client = opened.__enter__()
            for name in ("demo", "other") if take_other else ("demo",):
                client.state.models.place(name).watcher.check()
            return client

        def __exit__(self, *error: Any) -> None:
            opened.__exit__(*error)

    return Opened()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """Two models and an even split; read from it only."""
    with two_models(tmp_path_factory.mktemp("both"), split=SPLIT) as client:
        for user in range(8):
            give_history(client, str(user), *HISTORY, key=f"of-{user}")
        yield client


@pytest.fixture
def own(tmp_path: Path) -> Iterator[AppClient]:
    with two_models(tmp_path, split=SPLIT) as client:
        yield client


def arms(client: AppClient) -> dict[str, str]:
    split = client.state.models.split
    assert split is not None
    return {str(user): split.arm_of(str(user)) for user in range(8)}


def bundle_of(client: AppClient, model: str) -> str:
    return client.state.models.place(model).slot.require().bundle_id


def user_in(client: AppClient, arm: str) -> str:
    return next(user for user, of_user in arms(client).items() if of_user == arm)


ASKED = [
    ("POST", "/recommend", {"history": HISTORY}),
    ("POST", "/explain", {"history": HISTORY, "item_id": "m1"}),
    ("POST", "/explain", {"history": HISTORY}),
    ("POST", "/coldstart", {"picks": [{"factor": 0, "half": "positive"}], "samples": 4}),
    ("GET", "/recommend/0", None),
    ("GET", "/explain/0", None),
    ("GET", "/factors", None),
    ("GET", "/factors/0", None),
    ("GET", "/latent/map", None),
    ("GET", "/items", None),
    ("GET", "/items/m0", None),
    ("GET", "/items/m0/similar", None),
    ("GET", "/conditions", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_named_model_answers_and_an_unknown_one_is_not_found(
    both: AppClient, method: str, path: str, body: dict[str, Any] | None
) -> None:
    def ask(model: str) -> httpx.Response:
        if body is None:
            return both.request(method, path, params={"model": model})
        return both.request(method, path, json={**body, "model": model})

    for model in ("demo", "other"):
        found = ask(model).json()
        assert found["bundle_id"] == bundle_of(both, model)
        assert (found.get("model", model), found.get("arm")) == (model, None)
    problem = assert_problem(ask("nobody"), 404, "unknown-model")
    assert problem["hint"] == "served are demo, other"


def test_request_without_a_user_goes_to_the_default_model(both: AppClient) -> None:
    for path, body in (
        ("/recommend", {"history": HISTORY}),
        ("/coldstart", {"picks": [{"factor": 0, "half": "negative"}]}),
    ):
        found = both.post(path, body).json()
        assert (found["model"], found["arm"], found["bundle_id"]) == ("demo", None, bundle_of(both, "demo"))


def test_user_is_answered_by_their_arm_everywhere(both: AppClient) -> None:
    assert set(arms(both).values()) == {"demo", "other"}
    for user, arm in arms(both).items():
        found = [
            both.post("/recommend", {"user_id": user}),
            both.get(f"/recommend/{user}"),
            both.post("/explain", {"user_id": user, "item_id": "m1"}),
            both.get(f"/explain/{user}"),
            both.post("/coldstart", {"picks": [{"factor": 0, "half": "positive"}], "user_id": user, "samples": 4}),
        ]
        assert {(reply.json()["arm"], reply.json()["model"]) for reply in found} == {(arm, arm)}
        assert {reply.json()["bundle_id"] for reply in found} == {bundle_of(both, arm)}


def test_named_model_goes_before_the_arm(both: AppClient) -> None:
    found = both.post("/recommend", {"user_id": user_in(both, "other"), "model": "demo"}).json()
    assert (found["model"], found["arm"]) == ("demo", None)


def test_batch_is_answered_by_several_models_and_each_result_says_which(both: AppClient) -> None:
    entries = [
        {"user_id": user_in(both, "demo")},
        {"user_id": user_in(both, "other")},
        {"history": HISTORY},
        {"history": HISTORY, "model": "other"},
        {"history": HISTORY, "model": "nobody"},
        {"history": HISTORY, "n": 0},
    ]
    reply = both.post("/recommend/batch", {"requests": entries}).json()
    results = [entry["result"] and (entry["result"]["model"], entry["result"]["arm"]) for entry in reply["results"]]
    assert results == [("demo", "demo"), ("other", "other"), ("demo", None), ("other", None), None, None]
    assert [entry["problem"]["code"] for entry in reply["results"][4:]] == ["unknown-model", "invalid-request"]
    assert reply["bundle_id"] is None
    alone = [both.post("/recommend", entry).json() for entry in entries[:4]]
    assert [e["result"]["bundle_id"] for e in reply["results"][:4]] == [one["bundle_id"] for one in alone]
    listed = [[item["item_id"] for item in e["result"]["items"]] for e in reply["results"][:4]]
    assert listed == [[item["item_id"] for item in one["items"]] for one in alone]
    one = both.post("/recommend/batch", {"requests": [entries[3], entries[5]]}).json()
    assert one["bundle_id"] == bundle_of(both, "other")


def test_bundles_and_readiness_tell_of_every_model(both: AppClient) -> None:
    found = both.get("/bundles").json()
    assert {(entry["model"], entry["serving"]) for entry in found["items"]} == {("demo", True), ("other", True)}
    told = [(m["model"], m["default"], m["share"], m["state"], m["serving"]["bundle_id"]) for m in found["models"]]
    assert told == [
        ("demo", True, 0.5, "serving", bundle_of(both, "demo")),
        ("other", False, 0.5, "serving", bundle_of(both, "other")),
    ]
    assert found["serving"] == found["models"][0]["serving"]
    ready = both.get("/health/ready").json()
    assert [entry["bundle_id"] for entry in ready["models"]] == [bundle_of(both, m) for m in ("demo", "other")]
    assert (ready["status"], ready["degraded"]) == ("ready", [])


def test_lists_are_counted_by_the_model_that_made_them(own: AppClient) -> None:
    for model in ("demo", "other", "other"):
        own.post("/recommend", {"history": HISTORY, "model": model})
    text = own.get("/metrics").text
    assert 'prismrec_lists_total{arm="",model="demo",source="model"} 1.0' in text
    assert 'prismrec_lists_total{arm="",model="other",source="model"} 2.0' in text
    assert text.count("prismrec_bundle_info{") == 2


def test_arm_without_a_bundle_is_stood_in_for_and_said(tmp_path: Path) -> None:
    with two_models(tmp_path, take_other=False, split=SPLIT) as client:
        user = user_in(client, "other")
        give_history(client, user, *HISTORY)
        found = client.post("/recommend", {"user_id": user}).json()
        assert (found["model"], found["arm"]) == ("demo", "other")
        assert found["bundle_id"] == bundle_of(client, "demo")
        assert_problem(client.post("/recommend", {"user_id": user, "model": "other"}), 503, "no-bundle")
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["degraded"]) == (200, ["models"])
        stood_in = 'prismrec_split_stand_ins_total{arm="other"} 2.0'  # the list, and the history that was stored
        assert stood_in in client.get("/metrics").text
        assert 'prismrec_lists_total{arm="other",model="demo",source="model"} 1.0' in client.get("/metrics").text
        client.state.models.place("other").watcher.check()
        assert client.post("/recommend", {"user_id": user}).json()["model"] == "other"
        assert stood_in in client.get("/metrics").text


def test_default_model_without_a_bundle_is_not_ready_though_another_serves(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models", name="other", seed=5)
    with open_client(tmp_path, slot=Slot(), serve="demo,other") as client:
        for place in client.state.models.places:
            place.watcher.check()
        assert client.get("/health/ready").status_code == 503
        assert_problem(client.post("/recommend", {"history": HISTORY}), 503, "no-bundle")
        assert client.post("/recommend", {"history": HISTORY, "model": "other"}).status_code == 200
        batch = client.post(
            "/recommend/batch", {"requests": [{"history": HISTORY}, {"history": HISTORY, "model": "other"}]}
        )
        codes = [entry["problem"] and entry["problem"]["code"] for entry in batch.json()["results"]]
        assert codes == ["no-bundle", None]
        assert_problem(client.post("/recommend/batch", {"requests": [{"history": HISTORY}]}), 503, "no-bundle")


def test_without_the_setting_the_only_model_may_be_named(client: AppClient) -> None:
    found = client.post("/recommend", {"history": HISTORY, "model": "demo"}).json()
    assert (found["model"], found["arm"]) == ("demo", None)
    problem = assert_problem(client.post("/recommend", {"history": HISTORY, "model": "other"}), 404, "unknown-model")
    assert problem["hint"] == "served are demo"


def test_any_name_waits_for_the_first_bundle_of_the_only_model(tmp_path: Path) -> None:
    with open_client(tmp_path, slot=Slot()) as client:
        assert_problem(client.post("/recommend", {"history": HISTORY, "model": "demo"}), 503, "no-bundle")
        assert client.get("/health/ready").json()["models"][0]["model"] is None
    with open_client(tmp_path, slot=Slot(), model="demo") as client:
        assert_problem(client.post("/recommend", {"history": HISTORY, "model": "demo"}), 503, "no-bundle")
        assert_problem(client.post("/recommend", {"history": HISTORY, "model": "other"}), 404, "unknown-model")


def test_model_is_swapped_refused_and_rolled_back_alone(own: AppClient, tmp_path: Path) -> None:
    models = tmp_path / "models"
    before = {name: bundle_of(own, name) for name in ("demo", "other")}
    make_bundle(models, name="other", version="2", seed=6)
    taken = own.post("/bundles/reload", {"model": "other"}).json()
    assert (taken["model"], taken["version"], taken["changed"]) == ("other", "2", True)
    assert (bundle_of(own, "demo"), bundle_of(own, "other")) == (before["demo"], taken["bundle_id"])
    point_current(models / "other", "1")  # by the pointer
    own.state.models.place("other").watcher.check()
    assert bundle_of(own, "other") == before["other"]
    own.post("/bundles/reload", {"model": "other", "version": "2"})
    back = own.post("/bundles/reload", {"model": "other", "version": "1"}).json()  # by name
    assert (back["bundle_id"], bundle_of(own, "demo")) == (before["other"], before["demo"])
    damage(make_bundle(models, name="other", version="3", seed=7), "flipped-bit")
    assert_problem(own.post("/bundles/reload", {"model": "other"}), 422, "bundle-refused")
    found = own.get("/bundles").json()
    assert [m["last_reload"] and m["last_reload"]["state"] for m in found["models"]] == ["ok", "failed"]
    assert bundle_of(own, "other") == before["other"]
    assert own.get("/health/ready").json()["degraded"] == []
    assert_problem(own.post("/bundles/reload", {"model": "nobody"}), 404, "unknown-model")


def test_preferences_are_checked_against_and_bound_to_the_users_arm(own: AppClient) -> None:
    user = user_in(own, "other")
    put = own.request("PUT", f"/users/{user}/preferences", json={"steer": {"factors": {"0": 1.0}}})
    assert put.json()["bundle_id"] == bundle_of(own, "other")
    give_history(own, user, *HISTORY)
    assert own.post("/recommend", {"user_id": user}).json()["steering"]["ignored"] == []
    elsewhere = own.post("/recommend", {"user_id": user, "model": "demo"}).json()
    assert "another bundle" in elsewhere["steering"]["ignored"][0]
    path = f"/users/{user}/preferences"
    put = own.request("PUT", path, json={"steer": {"factors": {"0": 1.0}}}, params={"model": "demo"})
    assert put.json()["bundle_id"] == bundle_of(own, "demo")
    assert_problem(own.request("PUT", path, json={"steer": {}}, params={"model": "x"}), 404, "unknown-model")


def test_watchers_of_all_models_start_and_stop_with_the_application(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models", name="demo")
    make_bundle(tmp_path / "models", name="other", seed=5)
    with open_client(tmp_path, slot=Slot(), serve="demo,other") as client:

        async def live() -> None:
            async with client.app.router.lifespan_context(client.app):
                for _ in range(500):
                    if all(place.slot.current is not None for place in client.state.models.places):
                        return
                    await asyncio.sleep(0.01)

        client._loop.run_until_complete(live())
        assert [place.slot.require().manifest.name for place in client.state.models.places] == ["demo", "other"]
        threads = [place.watcher._thread for place in client.state.models.places]
        assert not any(thread is None or thread.is_alive() for thread in threads)


class Gated:
    """A loader that waits, so that reloads meet."""

    def __init__(self) -> None:
        self.loads, self.gate = 0, Event()

    def __call__(self, folder: Path) -> Any:
        self.loads += 1
        assert self.gate.wait(10)
        return load_bundle(folder)


def test_reloads_at_once_share_one_load_and_another_version_is_a_conflict(own: AppClient, tmp_path: Path) -> None:
    make_bundle(tmp_path / "models", version="2", seed=9)
    load = Gated()
    reports: list[ReloadReport] = []
    watcher = own.state.watcher
    watcher._loads._load = load
    watcher._listener = lambda report, _: reports.append(report)

    async def all_at_once() -> list[httpx.Response]:
        posts = [own._http.post("/bundles/reload", json={"version": "2"}) for _ in range(16)]
        posts += [own._http.post("/bundles/reload", json={"version": "1"}) for _ in range(4)]
        waiting = [asyncio.ensure_future(post) for post in posts]
        gone = asyncio.ensure_future(own._http.post("/bundles/reload", json={"version": "2"}))
        await asyncio.sleep(0.2)
        gone.cancel()  # a client that goes away takes nothing from the others
        load.gate.set()
        return await asyncio.gather(*waiting)

    replies = own._loop.run_until_complete(all_at_once())
    assert [reply.status_code for reply in replies] == [200] * 16 + [409] * 4
    assert {reply.json()["version"] for reply in replies[:16]} == {"2"}
    assert (load.loads, len(reports)) == (1, 1)
    assert own.post("/bundles/reload", {"version": "1"}).json()["version"] == "1"
