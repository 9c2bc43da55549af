"""Conditions as a contract: every mode, match and number of values, on every kind of model, by every way to ask.

What an item has is computed here from the planted catalogue. A strict list holds nothing else and says when it is
short; a soft one states the share that it measures; a model without an input refuses soft and names strict.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from tests.builders import make_bundle
from tests.builders.catalogue import GENRES, item_genres
from tests.service.app_client import AppClient, give_history, open_client
from tests.service.conftest import HISTORY

N_ITEMS, N = 50, 12
KINDS: dict[str, dict[str, Any]] = {
    "without": {"n_conditions": 0},
    "input": {},
    "rule": {"linear": True},
    "partial": {"n_conditions": 2},
}
SOFT = {"without": (), "input": GENRES, "rule": GENRES, "partial": GENRES[:2]}
MODES, MATCHES = ("soft", "strict", "both"), ("any", "all")
VALUES = [*(list(c) for k in (1, 2, 3) for c in itertools.combinations(GENRES, k)), ["Drama", "Comedy", "Drama"]]
SAID = [(mode, match, values) for mode in MODES for match in MATCHES for values in VALUES]
Reply = dict[str, Any]


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, AppClient]]:
    with ExitStack() as opened:
        found = {}
        for kind, said in KINDS.items():
            folder = tmp_path_factory.mktemp(kind)
            slot = Slot(load_bundle(make_bundle(folder / "models", **said)))
            found[kind] = opened.enter_context(open_client(folder, slot=slot))
            give_history(found[kind], "42", *HISTORY)
        yield found


def satisfies(item_ix: int, values: list[str], match: str) -> bool:
    has = {GENRES[genre] for genre in item_genres(item_ix)}
    return bool(has & set(values)) if match == "any" else set(values) <= has


def asked(client: AppClient, values: list[str], match: str, mode: str, **more: Any) -> dict[str, Any]:
    """The replies of every route that lists, by its name."""
    condition = {"genres": values, "match": match, "mode": mode}
    body = {"user_id": "42", "n": N, "condition": condition, **more}
    found = {"post": client.post("/recommend", body)}
    batch = client.post("/recommend/batch", {"requests": [body, body]})
    assert batch.status_code == 200
    first, second = batch.json()["results"]
    assert first == second or first["status"] == "problem" == second["status"]
    found["batch"] = first
    picks = [{"factor": 1, "half": "positive"}]
    cold = {name: value for name, value in more.items() if name == "exclude_items"}
    found["coldstart"] = client.post("/coldstart", {"picks": picks, "n": N, "condition": condition, **cold})
    if not more:
        query = "&".join(f"genres={value}" for value in values)
        found["get"] = client.get(f"/recommend/42?n={N}&{query}&match={match}&mode={mode}")
    return found


def as_reply(found: Any) -> tuple[int, Reply]:
    """Status and body, of a batch's entry too."""
    if isinstance(found, dict):
        return (200, found["result"]) if found["status"] == "ok" else (found["problem"]["status"], found["problem"])
    return found.status_code, found.json()


def check_list(reply: Reply, values: list[str], match: str, mode: str, open_items: set[int]) -> None:
    """What is promised of a list, whichever route gave it. open_items: what may be listed without the condition."""
    listed = [int(item["item_id"][1:]) for item in reply["items"]]
    has = [satisfies(ix, values, match) for ix in listed]
    could = {ix for ix in open_items if mode == "soft" or satisfies(ix, values, match)}
    assert set(listed) <= could and len(listed) == len(set(listed)) == min(N, len(could)) == reply["returned"]
    assert reply["condition_satisfied"] == (pytest.approx(sum(has) / len(has)) if has else None)
    assert (reply["short_reason"] is not None) == (len(listed) < N)
    if reply["short_reason"]:
        assert reply["short_reason"].startswith(f"{len(listed)} of {N}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("mode", "match", "values"), SAID)
def test_condition_is_kept_by_every_route(clients, kind: str, mode: str, match: str, values: list[str]) -> None:
    seen = {int(item[1:]) for item in HISTORY}
    refused = mode != "strict" and not set(values) <= set(SOFT[kind])
    replies = {}
    for route, found in asked(clients[kind], values, match, mode).items():
        status, reply = as_reply(found)
        if refused:
            check_refusal(kind, route, status, reply, values)
            continue
        assert status == 200, (route, reply)
        check_list(reply, values, match, mode, set(range(N_ITEMS)) - (set() if route == "coldstart" else seen))
        replies[route] = [item["item_id"] for item in reply["items"]]
    assert refused or replies["post"] == replies["get"] == replies["batch"]


def place_of(route: str, part: str) -> str:
    """Where a part of a condition stands: in a body, or as a parameter of its own."""
    return f"/{part}" if route == "get" else f"/condition/{part}"


def check_refusal(kind: str, route: str, status: int, reply: Reply, values: list[str]) -> None:
    (error,) = reply["errors"]
    assert status == 422, route
    if kind == "without":
        assert error["pointer"] == place_of(route, "mode")
        assert "strict" in error["detail"]
    else:
        first = next(place for place, value in enumerate(values) if value not in SOFT[kind])
        assert error["pointer"] == place_of(route, f"genres/{first}")
        assert "Comedy, Drama" in error["detail"] and "Horror" not in error["detail"] and "strict" in error["detail"]


@pytest.mark.parametrize("kind", ["input", "rule"])
@pytest.mark.parametrize(("match", "values", "least"), [("any", ["Horror"], 0.8), ("all", ["Comedy", "Drama"], 0.15)])
def test_soft_lists_what_is_asked_for_where_nothing_else_is_known(clients, kind, match, values, least) -> None:
    """The control is the list without a condition; three items of fifty have both values."""
    condition = {"genres": values, "match": match, "mode": "soft"}
    free, soft = (
        clients[kind].post("/recommend", {"history": [], "n": N, **said}).json()
        for said in ({}, {"condition": condition})
    )
    had = sum(satisfies(int(item["item_id"][1:]), values, match) for item in free["items"]) / N
    assert soft["condition_satisfied"] >= least > had or soft["condition_satisfied"] > had + 0.3
    assert soft["source"] == "model" and free["source"] == "popularity"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_values_named_twice_or_in_another_order_change_nothing(clients, kind: str, mode: str) -> None:
    if mode != "strict" and kind == "without":
        return
    for match in MATCHES:
        once, twice = (
            asked(clients[kind], values, match, mode)
            for values in (["Comedy", "Drama"], ["Drama", "Comedy", "Comedy", "Drama"])
        )
        for route in once:
            assert as_reply(once[route]) == as_reply(twice[route])


@pytest.mark.parametrize("kind", ["input", "rule"])
@pytest.mark.parametrize("mode", MODES)
def test_condition_meets_candidates_and_exclusions(clients, kind: str, mode: str) -> None:
    """Four candidates, of them one excluded, one not a horror film."""
    more = {"candidates": ["m2", "m5", "m1", "m8"], "exclude_items": ["m5"]}
    found = asked(clients[kind], ["Horror"], "any", mode, **more)
    wanted = {"m2", "m8", "m1"} if mode == "soft" else {"m2", "m8"}
    for route in ("post", "batch"):
        _, reply = as_reply(found[route])
        assert {item["item_id"] for item in reply["items"]} == wanted
        assert reply["short_reason"] and reply["condition_satisfied"] == pytest.approx(2 / len(wanted))
    _, cold = as_reply(found["coldstart"])
    assert "m5" not in {item["item_id"] for item in cold["items"]}


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_values_that_no_item_has_is_an_empty_list_with_its_reason(clients, kind: str) -> None:
    for route, found in asked(clients[kind], ["Comedy", "Horror"], "all", "strict").items():
        status, reply = as_reply(found)
        assert (status, reply["items"], reply["condition_satisfied"]) == (200, [], None), route
        assert reply["short_reason"].startswith(f"0 of {N}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_unknown_value_lists_the_allowed_ones(clients, kind: str, mode: str) -> None:
    for route, found in asked(clients[kind], ["Comedy", "Opera"], "any", mode).items():
        status, reply = as_reply(found)
        (error,) = reply["errors"]
        assert status == 422, route
        if kind == "without" and mode != "strict":
            assert error["pointer"] == place_of(route, "mode")
            continue
        assert error["pointer"] == place_of(route, "genres/1")
        assert ", ".join(GENRES if mode == "strict" else SOFT[kind]) in error["detail"]
        assert "Opera" not in str(reply)


@pytest.mark.parametrize("kind", KINDS)
def test_explanation_of_an_item_that_a_strict_condition_hides_says_so(clients, kind: str) -> None:
    for mode in MODES:
        body = {"user_id": "42", "item_id": "m1", "condition": {"genres": ["Horror"], "mode": mode}}
        reply = clients[kind].post("/explain", body)
        if mode != "strict" and kind in {"without", "partial"}:
            assert reply.status_code == 422
            continue
        assert reply.json()["not_listed"] == (None if mode == "soft" else "condition")
