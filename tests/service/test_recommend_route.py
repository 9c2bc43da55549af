from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.engine import LoadedBundle
from service.graphs import GraphRunner
from service.limits import LIMITS
from service.workers import Workers
from tests.builders import make_bundle
from tests.service.app_client import AppClient, assert_problem, give_history, open_client
from tests.service.conftest import HISTORY

HORROR = ["m2", "m5", "m8"]


def test_recommend_for_a_stored_user_and_for_the_same_history_agree(client: AppClient) -> None:
    by_user = client.post("/recommend", {"user_id": "42", "n": 5}).json()
    by_history = client.post("/recommend", {"history": list(HISTORY), "n": 5}).json()
    by_get = client.get("/recommend/42?n=5").json()
    assert by_user == by_history == by_get
    assert [item["rank"] for item in by_user["items"]] == [1, 2, 3, 4, 5]
    assert (by_user["source"], by_user["requested"], by_user["returned"], by_user["history_used"]) == ("model", 5, 5, 4)
    assert not {item["item_id"] for item in by_user["items"]} & set(HISTORY)
    scores = [item["score"] for item in by_user["items"]]
    assert scores == sorted(scores, reverse=True)


def test_recommend_for_a_lover_of_comedies_lists_more_of_them(client: AppClient) -> None:
    def comedies(history: list[str]) -> int:
        items = client.post("/recommend", {"history": history, "n": 10, "fields": ["genres"]}).json()["items"]
        assert all("title" not in item for item in items)
        return sum("Comedy" in item["genres"] for item in items)

    assert comedies(list(HISTORY)) > 5 > comedies(HORROR)


def test_recommend_with_user_and_history_adds_the_two(client: AppClient) -> None:
    both = client.post("/recommend", {"user_id": "42", "history": HORROR, "n": 5}).json()
    joined = client.post("/recommend", {"history": [*HISTORY, *HORROR], "n": 5}).json()
    assert both == joined
    assert both["history_used"] == 7


def test_recommend_for_an_unknown_user_points_to_history_and_coldstart(client: AppClient) -> None:
    found = assert_problem(client.post("/recommend", {"user_id": "nobody"}), 404, "unknown-user")
    assert "history" in found["detail"] and "/coldstart" in found["detail"]
    assert client.post("/recommend", {"user_id": "nobody", "history": ["m0"]}).status_code == 200


def test_recommend_without_anybody_is_invalid(client: AppClient) -> None:
    found = assert_problem(client.post("/recommend", {"n": 3}), 422, "invalid-request")
    assert "user_id or history" in found["detail"]


def test_recommend_names_unknown_items_and_never_guesses(client: AppClient) -> None:
    some = client.post("/recommend", {"history": ["m0", "nope", "nope", "-1"], "n": 3}).json()
    assert some["unknown_items"] == ["nope", "-1"]
    assert some["items"] == client.post("/recommend", {"history": ["m0"], "n": 3}).json()["items"]
    none = client.post("/recommend", {"history": ["nope"], "n": 3}).json()
    assert (none["source"], none["history_used"]) == ("popularity", 0)


def test_recommend_with_an_empty_history_is_declared_popularity(client: AppClient) -> None:
    found = client.post("/recommend", {"history": [], "n": 3}).json()
    assert found["source"] == "popularity"
    shares = [item["score"] for item in found["items"]]
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("mode", ["soft", "strict", "both"])
def test_recommend_under_a_condition_states_how_far_it_is_satisfied(client: AppClient, mode: str) -> None:
    body = {"history": list(HISTORY), "n": 5, "fields": ["genres"], "condition": {"genres": ["Horror"], "mode": mode}}
    found = client.post("/recommend", body).json()
    share = sum("Horror" in item["genres"] for item in found["items"]) / 5
    assert found["condition_satisfied"] == pytest.approx(share)
    if mode != "soft":
        assert share == 1
    assert found["items"] == client.get(f"/recommend/42?n=5&genres=Horror&mode={mode}").json()["items"] or mode


def test_recommend_by_query_with_several_genres_is_the_same_as_by_body(client: AppClient) -> None:
    body = {"user_id": "42", "n": 3, "condition": {"genres": ["Comedy", "Drama"], "match": "all", "mode": "strict"}}
    by_query = client.get("/recommend/42?n=3&genres=Comedy&genres=Drama&match=all&mode=strict")
    assert by_query.json() == client.post("/recommend", body).json()


def test_recommend_under_an_unknown_genre_points_at_it(client: AppClient) -> None:
    found = assert_problem(
        client.post("/recommend", {"history": ["m0"], "condition": {"genres": ["Comedy", "Opera"]}}),
        422,
        "invalid-request",
    )
    assert found["errors"][0]["pointer"] == "/condition/genres/1"


def test_genres_where_items_have_no_attributes_are_pointed_at_also_as_a_parameter(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "models", n_conditions=0, attributes=False)
    with open_client(tmp_path, slot=Slot(load_bundle(bundle))) as bare:
        give_history(bare, "42", "m0")
        asked = {"user_id": "42", "condition": {"genres": ["Comedy"]}}
        by_body = assert_problem(bare.post("/recommend", asked), 422, "invalid-request")
        by_query = assert_problem(bare.get("/recommend/42?genres=Comedy"), 422, "invalid-request")
    assert [found["errors"][0]["pointer"] for found in (by_body, by_query)] == ["/condition", "/genres"]


class SenselessReasons(GraphRunner):
    """Lists are as they should be; of some histories what explains them is NaN."""

    def __init__(self, good: GraphRunner) -> None:
        self.__dict__.update(good.__dict__)

    def explain(self, history: Any, *args: Any, **options: Any) -> Any:
        found = super().explain(history, *args, **options)
        return replace(found, linear=found.linear * np.nan) if 7 in history else found


def test_batch_with_reasons_that_are_not_finite_fails_in_that_entry_alone(tmp_path: Path) -> None:
    loaded = load_bundle(make_bundle(tmp_path / "models"))
    slot = Slot(LoadedBundle(loaded.bundle, SenselessReasons(loaded._graphs)))
    asked = [{"history": [item], "explain": True} for item in ("m0", "m7", "m1")]
    with open_client(tmp_path, slot=slot) as client:
        results = client.post("/recommend/batch", {"requests": asked}).json()["results"]
        assert_problem(client.post("/recommend", asked[1]), 500, "non-finite-score")
    assert [result["status"] for result in results] == ["ok", "problem", "ok"]
    assert results[1]["problem"]["code"] == "non-finite-score"


def test_recommend_offset_continues_the_list(client: AppClient) -> None:
    whole = client.post("/recommend", {"user_id": "42", "n": 6}).json()["items"]
    rest = client.post("/recommend", {"user_id": "42", "n": 3, "offset": 3}).json()
    assert rest["items"] == whole[3:]
    assert rest["offset"] == 3


def test_recommend_masks_exclusions_and_candidates(client: AppClient) -> None:
    top = client.post("/recommend", {"user_id": "42", "n": 2}).json()["items"][0]["item_id"]
    without = client.post("/recommend", {"user_id": "42", "n": 40, "exclude_items": [top]}).json()
    assert top not in {item["item_id"] for item in without["items"]}
    among = client.post("/recommend", {"user_id": "42", "candidates": ["m1", "m2", "zz"]}).json()
    assert {item["item_id"] for item in among["items"]} == {"m1", "m2"}
    assert among["unknown_items"] == ["zz"]
    assert among["short_reason"]
    seen = client.post("/recommend", {"user_id": "42", "candidates": list(HISTORY), "exclude_seen": False}).json()
    assert seen["returned"] == 4


def test_recommend_steered_to_horror_has_more_of_it(client: AppClient) -> None:
    def share(steer: dict[str, object] | None) -> float:
        body = {"history": ["m1"], "n": 10, "fields": ["genres"], "steer": steer}
        return sum("Horror" in item["genres"] for item in client.post("/recommend", body).json()["items"]) / 10

    assert share({"factors": {"0": -2.5}}) > share(None) > share({"factors": {"0": 2.5}}) - 0.01
    assert share({"attributes": {"genre:Horror": 2.5}, "lock": ["year"]}) > share(None)


@pytest.mark.parametrize(
    "steer",
    [
        {"factors": {"99": 1.0}},
        {"factors": {"x": 1.0}},
        {"factors": {"0": 3.1}},
        {"attributes": {"genre:Opera": 1.0}},
        {"attributes": {"genre": 1.0}},
        {"factors": {"0": 1.0}, "lock": ["colour"]},
    ],
)
def test_recommend_with_impossible_steering_points_into_steer(client: AppClient, steer: dict[str, object]) -> None:
    found = assert_problem(client.post("/recommend", {"history": ["m0"], "steer": steer}), 422, "invalid-request")
    assert found["errors"][0]["pointer"].startswith("/steer")


def test_recommend_with_explain_gives_each_item_its_reasons(client: AppClient) -> None:
    found = client.post("/recommend", {"user_id": "42", "n": 3, "explain": True}).json()
    for item in found["items"]:
        assert item["reasons"]["sentence"]
        assert item["reasons"]["factors"]
        assert {reason["item_id"] for reason in item["reasons"]["history"]} <= set(HISTORY)
    top = found["items"][0]["reasons"]["factors"]
    assert any((reason["attribute"], reason["value"]) == ("genre", "Comedy") for reason in top)
    plain = client.post("/recommend", {"user_id": "42", "n": 3}).json()
    assert [item["item_id"] for item in plain["items"]] == [item["item_id"] for item in found["items"]]


def test_recommend_with_an_unknown_field_names_those_there_are(client: AppClient) -> None:
    found = assert_problem(
        client.post("/recommend", {"history": ["m0"], "fields": ["title", "director"]}), 422, "invalid-request"
    )
    assert found["errors"][0]["pointer"] == "/fields/1"
    assert "genres" in found["detail"]


@pytest.mark.parametrize(
    ("field", "at", "past"),
    [
        ("n", LIMITS.n, LIMITS.n + 1),
        ("offset", LIMITS.offset, LIMITS.offset + 1),
        ("history", ["m0"] * LIMITS.history, ["m0"] * (LIMITS.history + 1)),
        ("exclude_items", ["m0"] * LIMITS.exclude, ["m0"] * (LIMITS.exclude + 1)),
        ("candidates", [1] * LIMITS.candidates, [1] * (LIMITS.candidates + 1)),
        ("user_id", "a" * LIMITS.id_bytes, "a" * (LIMITS.id_bytes + 1)),
        ("history", ["é" * (LIMITS.id_bytes // 2)], ["é" * (LIMITS.id_bytes // 2) + "x"]),
    ],
)
def test_recommend_at_the_limit_is_answered_and_one_past_it_refused(
    client: AppClient, field: str, at: object, past: object
) -> None:
    base: dict[str, object] = {"history": ["m0"]}
    assert client.post("/recommend", base | {field: at}).status_code == 200
    found = assert_problem(client.post("/recommend", base | {field: past}), 422, "invalid-request")
    assert found["errors"][0]["pointer"].startswith(f"/{field}")


def test_batch_answers_each_request_by_itself(client: AppClient) -> None:
    one = {"user_id": "42", "n": 2, "explain": True}
    requests = [one, {"user_id": "nobody"}, {"history": ["m0"], "n": -1}, "text", {"history": HORROR, "n": 2}]
    found = client.post("/recommend/batch", {"requests": requests}).json()
    assert [result["status"] for result in found["results"]] == ["ok", "problem", "problem", "problem", "ok"]
    assert [r["problem"]["code"] for r in found["results"][1:4]] == [
        "unknown-user",
        "invalid-request",
        "invalid-request",
    ]
    assert found["results"][2]["problem"]["errors"][0]["pointer"] == "/n"
    alone = client.post("/recommend", one).json()
    assert [i["item_id"] for i in found["results"][0]["result"]["items"]] == [i["item_id"] for i in alone["items"]]
    assert found["results"][0]["result"]["bundle_id"] == found["bundle_id"]


@pytest.mark.parametrize("asked", [{"user_id": "../x"}, {"history": ["a\nb"]}, {"history": [""]}])
def test_batch_entry_with_an_id_that_is_not_taken_is_refused_alone_and_in_words(
    client: AppClient, asked: dict[str, Any]
) -> None:
    good, bad = client.post("/recommend/batch", {"requests": [{"history": ["m1"]}, asked]}).json()["results"]
    alone = client.post("/recommend", asked)
    assert good["status"] == "ok" and alone.status_code == 422
    assert bad["problem"]["code"] == "invalid-request"
    assert bad["problem"]["errors"] == alone.json()["errors"]


def test_batch_at_the_limit_is_answered_and_one_past_it_refused(client: AppClient) -> None:
    one = {"history": ["m0"], "n": 1}
    assert len(client.post("/recommend/batch", {"requests": [one] * LIMITS.batch}).json()["results"]) == LIMITS.batch
    assert_problem(client.post("/recommend/batch", {"requests": [one] * (LIMITS.batch + 1)}), 422, "invalid-request")
    assert_problem(client.post("/recommend/batch", {"requests": []}), 422, "invalid-request")


def test_batch_past_its_deadline_does_not_go_on_with_the_rest(own_client: AppClient, monkeypatch) -> None:
    answered: list[int] = []

    def slow(*_: object) -> tuple[None, ...]:
        answered.append(1)
        time.sleep(0.1)
        return (None, None)

    monkeypatch.setattr("service.routes.recommend.explain_list", slow)
    requests = [{"history": ["m0"], "n": 2, "explain": True}] * 20
    own_client.state.compute = Workers("batch", threads=1, queue=0, deadline=0.15)
    assert_problem(own_client.post("/recommend/batch", {"requests": requests}), 504, "deadline")
    time.sleep(0.3)
    assert len(answered) < 5


def test_recommend_without_a_store_answers_for_histories(own_client: AppClient) -> None:
    give_history(own_client, "1", "m0")
    own_client.state.store.close()
    reply = own_client.post("/recommend", {"user_id": "1"})
    assert_problem(reply, 503, "storage-unavailable")
    assert reply.headers["retry-after"]
    assert own_client.post("/recommend", {"history": ["m0"]}).status_code == 200
    assert_problem(own_client.request("DELETE", "/users/1"), 503, "storage-unavailable")
    ready = own_client.get("/health/ready")
    assert (ready.status_code, ready.json()["degraded"]) == (200, ["store"])
