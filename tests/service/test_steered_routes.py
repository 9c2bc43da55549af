"""Over HTTP, a bundle whose linear term follows who steers: every route that takes `steer`, and the cold start."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.engine import LoadedBundle
from service.steering.outcome import drift_of
from tests.builders import builder_model, make_bundle
from tests.service.app_client import AppClient, open_client

HORROR = ["m2", "m5", "m8"]
UP = {"factors": {"0": 1.0}}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppClient, AppClient]]:
    """Of a bundle that follows, and of the same without that."""
    folders = [tmp_path_factory.mktemp(name) for name in ("follows", "stays")]
    bundles = [make_bundle(folders[0] / "models", steering=True), make_bundle(folders[1] / "models", linear=True)]
    slots = [Slot(load_bundle(bundle)) for bundle in bundles]
    with open_client(folders[0], slot=slots[0]) as one, open_client(folders[1], slot=slots[1]) as other:
        yield one, other


def said(client: AppClient, path: str, body: dict[str, object]) -> dict[str, object]:
    """The reply without the one field that names the bundle."""
    reply = client.post(path, body)
    assert reply.status_code == 200, reply.text
    return {name: value for name, value in reply.json().items() if name != "bundle_id"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/recommend", {"history": HORROR, "n": 20, "explain": True}),
        ("/recommend", {"history": HORROR, "condition": {"genres": ["Drama"]}, "n": 20}),
        ("/explain", {"history": HORROR, "item_id": "m11", "counterfactual": True}),
        ("/explain", {"history": HORROR}),
    ],
)
def test_replies_to_who_does_not_steer_are_the_same_with_and_without_the_graph(clients, path, body) -> None:
    follows, stays = clients
    assert said(follows, path, body) == said(stays, path, body)
    if "item_id" in body or path == "/recommend":  # the control
        steered = body | {"steer": UP}
        assert said(follows, path, steered) != said(stays, path, steered)


def test_explain_of_who_steers_adds_up_and_says_what_recommend_scored(clients) -> None:
    follows, _ = clients
    listed = said(follows, "/recommend", {"history": HORROR, "steer": UP, "n": 3})["items"]
    for item in listed:
        told = said(follows, "/explain", {"history": HORROR, "steer": UP, "item_id": item["item_id"], "n": 3})
        assert told["score"] == pytest.approx(item["score"], abs=1e-5)
        assert told["rank"] == item["rank"]
        parts = math.fsum(f["contribution"] for f in told["factors"]) + told["other_factors"] + told["linear"]
        assert abs(told["residual"]) <= 1e-4 * max(1.0, abs(told["score"] - told["base_value"]))
        assert told["base_value"] + parts + told["residual"] == pytest.approx(told["score"], abs=1e-9)
        by_item = told["history_base"] + math.fsum(h["contribution"] for h in told["history"])
        assert by_item + told["history_residual"] == pytest.approx(told["score"], abs=1e-9)
        assert abs(told["history_residual"]) <= 1e-3 * max(1.0, abs(told["score"]))


def test_recommend_batch_steers_each_request_for_itself(clients) -> None:
    follows, _ = clients
    asked = [{"history": HORROR, "n": 5}, {"history": HORROR, "n": 5, "steer": UP}]
    results = said(follows, "/recommend/batch", {"requests": asked})["results"]
    for entry, result in zip(asked, results, strict=True):
        alone = said(follows, "/recommend", entry)["items"]
        assert [item["item_id"] for item in result["result"]["items"]] == [item["item_id"] for item in alone]
    assert results[0]["result"]["items"] != results[1]["result"]["items"]


def test_coldstart_is_moved_as_far_as_the_twin_says(clients) -> None:
    """In a strong cold start the planted items come first, and by more than without the term."""
    picks = {"picks": [{"factor": 0, "half": "positive", "strength": 1.0}], "n": 10, "fields": ["genres"]}
    follows, stays = (said(client, "/coldstart", picks)["items"] for client in clients)
    gained = builder_model(steering=True).followed(1.0)
    assert all(gained[int(item["item_id"][1:])] > 0 for item in follows[:5])

    def chance(items: list[dict[str, object]]) -> float:
        return math.fsum(item["probability"] for item in items if "Comedy" in item["genres"])

    assert chance(follows) > 1.2 * chance(stays)


@pytest.mark.parametrize("offset", [0, 5])
def test_reply_says_what_the_steering_changed(clients, offset: int) -> None:
    """Against the same places of the list that the same request gets without `steer`; shares as the items show them."""
    follows, _ = clients
    body = {"history": HORROR, "n": 10, "offset": offset, "fields": ["genres"]}
    plain = said(follows, "/recommend", body)
    assert plain["steering"] is None
    steer = {"attributes": {"genre:Drama": 2.0}, "factors": {"0": 1.0}, "lock": ["year"]}
    found = said(follows, "/recommend", body | {"steer": steer})
    was, now = ([item["item_id"] for item in reply["items"]] for reply in (plain, found))
    told = found["steering"]
    assert (told["source"], told["compared_with"], told["ignored"]) == ("request", "model", [])
    assert told["items_in"] == [item for item in now if item not in was] != []
    assert told["items_out"] == [item for item in was if item not in now]
    assert [share["value"] for share in told["shares"]] == ["Drama", "Comedy"]
    for share in told["shares"]:
        for when, reply in (("before", plain), ("after", found)):
            having = [share["value"] in item["genres"] for item in reply["items"]]
            assert share[when] == pytest.approx(sum(having) / len(having))
    assert [lock["attribute"] for lock in told["locked"]] == ["year"]
    assert 0.0 <= told["locked"][0]["drift"] <= 1.0


@pytest.mark.parametrize("path", ["/recommend", "/recommend/batch"])
def test_drift_of_a_lock_stands_beside_that_of_the_same_steering_without_it(clients, path: str) -> None:
    follows, _ = clients

    def found(**asked: object) -> dict[str, Any]:
        body = {"history": HORROR, "n": 10, "fields": ["year"], **asked}
        if path == "/recommend":
            return said(follows, path, body)
        result: dict[str, Any] = said(follows, path, {"requests": [body]})["results"][0]["result"]
        return result

    year = served_by(follows).catalogue.attribute("year")
    assert year is not None
    push = {"factors": {"1": 3.0, "0": 1.0}}
    plain, free, locked = (
        [int(item["item_id"][1:]) for item in found(**asked)["items"]]
        for asked in ({}, {"steer": push}, {"steer": push | {"lock": ["year"]}})
    )
    (told,) = found(steer=push | {"lock": ["year"]})["steering"]["locked"]
    assert told == {
        "attribute": "year",
        "drift": drift_of(year, plain, locked),
        "unlocked": drift_of(year, plain, free),
    }
    assert told["unlocked"] > told["drift"], "the control: the two differ here"
    assert found(steer=push)["steering"]["locked"] == []


def test_pushes_that_cancel_are_a_steering_that_says_so(clients) -> None:
    follows, _ = clients
    plain = said(follows, "/recommend", {"history": HORROR})
    direction = next(d for d in served_by(follows).factors.directions if d.value == "Comedy")
    sds = [factor.sd for factor in served_by(follows).factors.factors]
    pattern = direction.pattern or [direction.sd * part for part in direction.vector]
    against = {str(i): -part / sd for i, (part, sd) in enumerate(zip(pattern, sds, strict=True))}
    assert all(abs(strength) <= 3.0 for strength in against.values())
    found = said(
        follows, "/recommend", {"history": HORROR, "steer": {"attributes": {"genre:Comedy": 1.0}, "factors": against}}
    )
    assert found["items"] == plain["items"]
    told = found["steering"]
    assert told["note"] == "the pushes cancel out exactly, so nothing moves: this is the list without steering"
    assert (told["source"], told["items_in"], told["items_out"]) == ("request", [], [])
    almost = against | {"0": against["0"] + 0.5}  # the control
    moved = said(
        follows, "/recommend", {"history": HORROR, "steer": {"attributes": {"genre:Comedy": 1.0}, "factors": almost}}
    )
    assert "cancel out" not in (moved["steering"]["note"] or "")


def test_steering_where_no_item_can_be_listed_says_so(clients) -> None:
    follows, _ = clients
    for nothing in ({"candidates": []}, {"offset": 5, "candidates": ["m1"]}):
        found = said(follows, "/recommend", {"history": HORROR, "steer": UP | {"lock": ["year"]}, **nothing})
        assert found["items"] == []
        assert found["steering"]["note"] == "there is no item here to list, with steering or without"
        assert found["steering"]["locked"] == [{"attribute": "year", "drift": 0.0, "unlocked": None}]


def served_by(client: AppClient) -> LoadedBundle:
    """What the client's application serves."""
    return client.state.models.take().loaded


def test_batch_says_of_each_steering_what_the_single_request_says(clients) -> None:
    follows, _ = clients
    asked = [{"history": HORROR[:k], "steer": {"factors": {"0": k - 1.5}}} for k in range(1, 4)]
    results = said(follows, "/recommend/batch", {"requests": [*asked, {"history": HORROR}]})["results"]
    alone = [said(follows, "/recommend", entry)["steering"] for entry in asked]
    assert [result["result"]["steering"] for result in results] == [*alone, None]
    assert len({str(one) for one in alone}) == 3


@pytest.mark.parametrize("steer", [{}, {"factors": {"0": 0}}, {"attributes": {"genre:Comedy": 0}, "lock": ["year"]}])
def test_steering_that_asks_for_nothing_is_null(clients, steer) -> None:
    follows, _ = clients
    assert said(follows, "/recommend", {"history": HORROR, "steer": steer}) == said(
        follows, "/recommend", {"history": HORROR}
    )
