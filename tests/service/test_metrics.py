"""What the metrics say: of lists and their scores, of explanations, of bundles and pools; how many series there are."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.bundles.slot import ReloadReport, Slot
from service.errors import OverloadedError
from service.telemetry.answered import Answered
from service.telemetry.drift import ScoreRange
from service.telemetry.metrics import BUCKETS, MOST_DEL, Metrics, Served
from service.telemetry.observing import observed_pool, tell_reload
from tests.builders import make_bundle
from tests.service.app_client import AppClient, give_history, open_client
from tests.service.every_operation import ask_everything

FEW_SERIES = 500
"""Of one model, when strangers ask what is not there."""
MOST_SERIES, MODEL_SERIES = 750, 150
"""When everything there is has been asked, well and badly: of the service, and for each model that is served."""
ROUTE_SERIES = len(BUCKETS) + 3 + 1
"""What a route adds: its histogram, and a count by method and status."""
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def values_of(text: str) -> Values:
    """(name, sorted labels) -> value, by Prometheus' own parser."""
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def value(client: AppClient, name: str, **labels: str) -> float:
    """A sample of /metrics; 0 where there is none yet."""
    return values_of(client.get("/metrics").text).get((f"prismrec_{name}", tuple(sorted(labels.items()))), 0.0)


@pytest.fixture
def observed(tmp_path: Path):
    """A client whose bundle came in by the watcher, as it does in a process."""
    make_bundle(tmp_path / "models")
    with open_client(tmp_path, slot=Slot()) as client:
        assert client.state.watcher.check() is not None
        yield client


def test_stages_of_a_list_are_timed_and_those_of_the_warm_up_are_not(observed: AppClient) -> None:
    assert value(observed, "stage_seconds_count", stage="encode") == 1  # the golden histories, all at once
    before = {stage: value(observed, "stage_seconds_count", stage=stage) for stage in ("encode", "decode", "explain")}
    assert before["explain"] == 0
    observed.post("/recommend", {"history": ["m0", "m3"]})
    after = {stage: value(observed, "stage_seconds_count", stage=stage) for stage in before}
    assert {stage: after[stage] - before[stage] for stage in before} == {"encode": 1, "decode": 1, "explain": 0}
    observed.post("/recommend", {"history": ["m0", "m3"], "explain": True})
    assert value(observed, "stage_seconds_count", stage="explain") == 1
    assert value(observed, "stage_seconds_count", stage="queue") == 1  # a list with reasons goes to the pool


def test_store_is_timed(observed: AppClient) -> None:
    give_history(observed, "42", "m0", "m3")
    before = value(observed, "stage_seconds_count", stage="store")
    observed.post("/recommend", {"user_id": "42"})
    assert value(observed, "stage_seconds_count", stage="store") == before + 1


def test_served_bundle_is_named_and_leaves_with_the_next(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models", version="1")
    with open_client(tmp_path, slot=Slot()) as client:
        client.state.watcher.check()
        first = client.state.slot.require().bundle_id
        make_bundle(tmp_path / "models", version="2")
        client.state.watcher.check()
        second = client.state.slot.require().bundle_id
        found = [key[1] for key in values_of(client.get("/metrics").text) if key[0] == "prismrec_bundle_info"]
        assert [dict(labels)["bundle_id"] for labels in found] == [second] != [first]
        assert value(client, "bundle_reloads_total", model="demo") == 2


def test_metrics_hear_of_a_bundle_once_it_is_taken_not_in_its_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(Metrics, "expect", lambda *_: heard.append(threading.current_thread().name))
    make_bundle(tmp_path / "models")
    with open_client(tmp_path, slot=Slot()) as client:
        client.state.watcher.check()
        assert client.state.slot.current is not None
    assert heard == [threading.current_thread().name], "a load that was given up on ends at any time, beside others"


def test_metrics_remember_few_bundles_that_are_not_served() -> None:
    metrics = Metrics()
    for number in range(50):
        metrics.expect(Served("m", str(number), f"id{number}"))
    metrics.serving("id49")
    assert len(metrics._known) < 10


def test_refused_bundle_is_counted_by_reason() -> None:
    metrics = Metrics()
    metrics.watch_model("m")
    assert 'prismrec_bundle_reload_failures_total{model="m",reason="hash"} 0.0' in metrics.render().decode()
    report = ReloadReport("failed", 0.0, "m", "1", reason="hash", detail="x")

    class Deaf:
        def warning(self, *_: object, **__: object) -> None: ...

    tell_reload(Deaf(), metrics, report, None)  # type: ignore[arg-type]
    assert 'prismrec_bundle_reload_failures_total{model="m",reason="hash"} 1.0' in metrics.render().decode()


def test_ready_follows_the_slot_and_the_drain(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with open_client(tmp_path, slot=Slot()) as client:
        assert value(client, "ready") == 0
        client.state.watcher.check()
        assert value(client, "ready") == 1
        client.state.draining = True
        assert value(client, "ready") == 0


def test_pool_says_what_waits_and_what_it_refused() -> None:
    metrics, gate = Metrics(), threading.Event()
    pool = observed_pool(metrics, lambda *_: None, "compute", threads=1, queue=2, deadline=5)

    async def scenario() -> None:
        running = [asyncio.ensure_future(pool.run(gate.wait)) for _ in range(3)]
        await asyncio.sleep(0.01)
        with pytest.raises(OverloadedError):
            await pool.run(gate.wait)
        text = metrics.render().decode()
        assert 'prismrec_workers_queued{pool="compute"} 2.0' in text
        assert 'prismrec_workers_busy{pool="compute"} 3.0' in text
        assert 'prismrec_workers_room{pool="compute"} 3.0' in text
        assert 'prismrec_workers_refused_total{pool="compute",reason="full"} 1.0' in text
        gate.set()
        await asyncio.gather(*running)

    asyncio.run(scenario())
    assert 'prismrec_workers_queued{pool="compute"} 0.0' in metrics.render().decode()
    pool.close()


def test_late_work_is_counted() -> None:
    metrics, gate = Metrics(), threading.Event()
    pool = observed_pool(metrics, lambda *_: None, "compute", threads=1, queue=0, deadline=0.02)

    async def scenario() -> None:
        with pytest.raises(Exception, match="no answer"):
            await pool.run(gate.wait)

    asyncio.run(scenario())
    gate.set()
    pool.close()
    assert 'prismrec_workers_refused_total{pool="compute",reason="late"} 1.0' in metrics.render().decode()


def test_fidelity_is_counted_beside_random_orders() -> None:
    metrics = Metrics()
    metrics.observe_explanation("m", explained=0.4, at_random=0.8)
    metrics.observe_explanation("m")  # one without a measurement
    metrics.observe_explanation("far", explained=0.1, at_random=1e300)
    text = metrics.render().decode()
    assert f'prismrec_explanation_del_at_k_sum{{model="far",order="random"}} {MOST_DEL}' in text
    assert 'prismrec_explanation_del_at_k_sum{model="m",order="explanation"} 0.4' in text
    assert 'prismrec_explanation_del_at_k_sum{model="m",order="random"} 0.8' in text
    assert 'prismrec_explanation_del_at_k_count{model="m",order="random"} 1.0' in text
    assert 'prismrec_explanations_total{kind="item",model="m"} 2.0' in text


def test_score_of_another_bundle_is_not_placed() -> None:
    metrics = Metrics()
    metrics.expect(Served("m", "1", "one", ScoreRange(-3.0, 1.0)))
    metrics.observe_score("one", 0.05)
    metrics.observe_score("unheard of", 0.05)
    assert 'prismrec_list_score_position_count{model="m"} 1.0' in metrics.render().decode()


def ask_oddly(client: AppClient, rounds: int) -> int:
    """Five requests a round with paths, users, items, models, methods and request ids that come once each."""
    for n in range(rounds):
        client.get(f"/scan/{n}.php")
        client.get(f"/users/u{n}", headers={"X-Request-ID": f"r{n}", "X-API-Key": f"k{n}"})
        client.post("/recommend", {"history": [f"x{n}"], "model": f"model-{n}" if n % 2 else None})
        client.get(f"/items/i{n}/similar", params={"model": f"model-{n}"})
        client.request(f"VERB{n}", f"/web/{n}.js")
    return 5 * rounds


def test_series_stay_few_whatever_odd_is_asked(own_client: AppClient) -> None:
    ask_oddly(own_client, 2)
    first = values_of(own_client.get("/metrics").text)
    assert ask_oddly(own_client, 400) == 2000
    again = values_of(own_client.get("/metrics").text)
    counted = [
        sum(n for (name, _), n in found.items() if name == "prismrec_requests_total") for found in (first, again)
    ]
    assert counted[1] - counted[0] == 2001
    assert len(again) - len(first) <= ROUTE_SERIES  # /metrics itself was seen for the first time
    assert len(again) < FEW_SERIES
    assert not [key for key in again if key[0].endswith("_created")]


def test_series_by_path_would_be_found_out(own_client: AppClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.http.middleware._Exchange.route", property(lambda self: self.scope["path"]))
    ask_oddly(own_client, 20)
    assert len(values_of(own_client.get("/metrics").text)) > FEW_SERIES  # the control


def test_series_of_all_that_can_be_asked_are_bounded(tmp_path: Path) -> None:
    models = ["demo", "other"]
    for name in models:
        make_bundle(tmp_path / "models", name=name)
    with open_client(tmp_path, slot=Slot(), serve="demo,other", split="demo:0.5,other:0.5") as client:
        for model in models:
            client.state.models.place(model).watcher.check()
        for _ in ask_everything(client):
            pass
        for n in range(20):
            give_history(client, f"u{n}", "m0", "m3", key=f"k{n}")
            client.get(f"/explain/u{n}", params={"item_id": "m9"})
            client.get(f"/recommend/u{n}")
        for page in ("/", "/docs", "/openapi.json", *(f"/web/{name}.js" for name in ("api", "list", "steer", "why"))):
            assert client.get(page).status_code == 200
        found = values_of(client.get("/metrics").text)
    by_model = [key for key in found if {"model", "arm"} & set(dict(key[1]))]
    print(f"{len(found)} series, {len(by_model)} of them by model or arm")
    assert len(found) - len(by_model) < MOST_SERIES
    assert len(by_model) <= len(models) * MODEL_SERIES


def test_plain_list_is_placed_and_one_that_was_shaped_is_not(observed: AppClient) -> None:
    def placed() -> float:
        return value(observed, "list_score_position_count", model="demo")

    observed.post("/recommend", {"history": ["m0", "m3"]})
    observed.post("/recommend/batch", {"requests": [{"history": ["m0"]}, {"history": ["m3"], "n": 2}, {"n": 0}]})
    assert placed() == 3
    shaped: list[dict[str, object]] = [
        {"offset": 5},
        {"candidates": ["m9", "m12"]},
        {"condition": {"genres": ["Comedy"], "mode": "strict"}},
        {"steer": {"factors": {"0": 1.0}}},
    ]
    for extra in shaped:
        assert observed.post("/recommend", {"history": ["m0", "m3"], **extra}).status_code == 200
    observed.post("/recommend", {"history": []})  # popularity is nobody's score
    assert placed() == 3


def test_explanations_are_counted_with_their_fidelity(observed: AppClient) -> None:
    history = ["m0", "m3", "m6"]
    told = observed.post("/explain", {"history": history, "item_id": "m9"}).json()
    assert value(observed, "explanation_del_at_k_sum", order="explanation", model="demo") == pytest.approx(
        told["fidelity"]["explanation"]["del_at_k"]
    )
    assert value(observed, "explanation_del_at_k_sum", order="random", model="demo") == pytest.approx(
        told["fidelity"]["random"]["del_at_k"]
    )
    observed.post("/explain", {"history": history, "item_id": "m9", "fidelity": False})
    observed.post("/explain", {"history": history})
    assert value(observed, "explanation_del_at_k_count", order="explanation", model="demo") == 1
    assert value(observed, "explanations_total", kind="item", model="demo") == 2
    assert value(observed, "explanations_total", kind="profile", model="demo") == 1


def test_bundle_that_comes_back_is_known_however_old_it_is() -> None:
    metrics = Metrics()
    for number in range(5):
        metrics.expect(Served("m", str(number), f"id{number}"))
    metrics.expect(Served("m", "1", "id1"))
    metrics.serving("id1")
    assert 'bundle_id="id1"' in metrics.render().decode()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (404, "refused"), (499, "refused"), (500, "failed"), (503, "unavailable"), (504, "late")],
)
def test_answer_is_counted_and_timed_by_model_and_arm(status: int, outcome: str) -> None:
    metrics = Metrics()
    for arm in (None, "b"):
        metrics.observe_answer(Answered("a", "x", arm), status=status, seconds=0.002)
    found = values_of(metrics.render().decode())
    for arm in ("", "b"):
        by = (("arm", arm), ("model", "a"))
        assert found["prismrec_answers_total", (*by, ("outcome", outcome))] == 1
        assert found["prismrec_answer_seconds_sum", by] == 0.002
