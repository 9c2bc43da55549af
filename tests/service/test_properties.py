"""What must hold of every reply, whatever is asked: over HTTP, on every kind of bundle, for histories drawn at random.

Each property has a control: the same check on something of which it must not hold.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.limits import LIMITS
from tests.builders import make_bundle
from tests.service.app_client import AppClient, give_history, open_client
from tests.service.asked_at_random import N_ITEMS, Body, answered, asks, clients_of_every_kind, items, quick
from tests.service.test_process import _serving


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, AppClient]]:
    with clients_of_every_kind(tmp_path_factory) as opened:
        yield opened


def gaps(told: Body) -> tuple[float, float]:
    """How far both views of an explanation, each with its residual, are from the score."""
    by_factors = math.fsum(f["contribution"] for f in told["factors"]) + told["other_factors"] + told["linear"]
    by_items = math.fsum(h["contribution"] for h in told["history"])
    return (
        abs(told["base_value"] + by_factors + told["residual"] - told["score"]),
        abs(told["history_base"] + by_items + told["history_residual"] - told["score"]),
    )


@quick
@given(asked=asks(), item=items, top=st.none() | st.integers(1, 5))
def test_contributions_add_up_to_the_score_with_a_residual_that_is_float_error(clients, asked, item, top) -> None:
    kind, body = asked
    told = answered(clients[kind], "/explain", body | {"item_id": item, "top_factors": top, "fidelity": False}).json()
    assert max(gaps(told)) < 1e-9 * max(1.0, abs(told["score"]))
    assert abs(told["residual"]) <= 1e-4 * max(1.0, abs(told["score"] - told["base_value"]))
    assert abs(told["history_residual"]) <= 1e-4 * max(1.0, abs(told["score"] - told["history_base"]))
    assert told["linear"] == pytest.approx(math.fsum(h["linear"] for h in told["history"]), abs=1e-9)
    longest = body | {"n": N_ITEMS, "exclude_seen": False, "condition": body["condition"]}
    listed = {item["item_id"]: item for item in answered(clients[kind], "/recommend", longest).json()["items"]}
    if item in listed:  # a strict condition hides the others
        assert told["score"] == pytest.approx(listed[item]["score"], abs=1e-5)
        assert told["probability"] == pytest.approx(listed[item]["probability"], rel=1e-5)


@quick
@given(asked=asks(), item=items, left_out=st.integers(0))
def test_contributions_without_one_of_them_do_not_add_up(clients, asked, item, left_out) -> None:
    """The control: the check sees a part that is missing from either view."""
    kind, body = asked
    told = answered(clients[kind], "/explain", body | {"item_id": item, "fidelity": False}).json()
    for view, gap in (("factors", 0), ("history", 1)):
        parts = list(told[view])
        lost = parts.pop(left_out % len(parts))
        assume(abs(lost["contribution"]) > 1e-6)
        assert gaps(told | {view: parts})[gap] > 1e-7


def gap_of_reasons(item: Body) -> float:
    """How far the short reasons of a listed item are from its score."""
    told = item["reasons"]
    by_factors = math.fsum(f["contribution"] for f in told["factors"]) + told["other_factors"] + told["linear"]
    return abs(told["base_value"] + by_factors - item["score"])


@quick
@given(asked=asks())
def test_short_reasons_of_every_listed_item_add_up_to_its_score(clients, asked) -> None:
    kind, body = asked
    listed = answered(clients[kind], "/recommend", body | {"explain": True}).json()["items"]
    for item in listed:
        size = max(1.0, abs(item["score"] - item["reasons"]["base_value"]))
        assert gap_of_reasons(item) <= 1e-4 * size
        lost = item["reasons"]["factors"][0]["contribution"]  # the control: without one they do not
        short = item | {"reasons": item["reasons"] | {"factors": item["reasons"]["factors"][1:]}}
        assert gap_of_reasons(short) > 1e-4 * size or abs(lost) < 2e-4 * size


@quick
@given(data=st.data(), asked=asks(), item=items)
def test_permuting_the_history_or_naming_an_item_twice_changes_no_byte(clients, data, asked, item) -> None:
    kind, body = asked
    history = body["history"]
    mixed = data.draw(st.permutations([*history, *data.draw(st.lists(st.sampled_from(history), max_size=3))]))
    changed = False
    for path, rest in (
        ("/recommend", {"explain": True}),
        ("/explain", {"item_id": item, "counterfactual": True}),
        ("/explain", {}),
    ):
        first = answered(clients[kind], path, body | rest).content
        assert answered(clients[kind], path, body | rest | {"history": mixed}).content == first
        other = answered(clients[kind], path, body | rest | {"history": [*mixed, "m48", "m49"][-12:]}).content
        changed |= other != first
    assert changed or {"m48", "m49"} <= set(history)  # the control: another history, other bytes


def test_of_a_long_history_order_says_which_items_are_the_latest_and_nothing_else(tmp_path) -> None:
    folder = tmp_path / "models"
    with open_client(tmp_path, slot=Slot(load_bundle(make_bundle(folder, n_items=LIMITS.history + 100)))) as client:
        latest = [f"m{j}" for j in range(LIMITS.history)]
        give_history(client, "7", *(f"m{j}" for j in range(LIMITS.history, LIMITS.history + 50)))
        replies = [
            client.post("/recommend", {"user_id": "7", "history": history, "explain": True})
            for history in (latest, latest[::-1], [*latest[1:], f"m{LIMITS.history}"])
        ]
    assert [reply.json()["history_used"] for reply in replies] == [LIMITS.history] * 3
    assert replies[0].content == replies[1].content
    assert replies[0].json()["items"] != replies[2].json()["items"]


@quick
@given(asked=asks(), item=items)
def test_same_request_is_answered_by_the_same_bytes(clients, asked, item) -> None:
    kind, body = asked
    for path, rest in (("/recommend", {"explain": True}), ("/explain", {"item_id": item, "counterfactual": True})):
        assert answered(clients[kind], path, body | rest).content == answered(clients[kind], path, body | rest).content


SAME_EVERYWHERE: list[tuple[str, Body]] = [
    ("/recommend", {"history": ["m0", "m3", "m7"], "explain": True, "steer": {"factors": {"1": 1}, "lock": ["genre"]}}),
    ("/recommend", {"history": ["m0", "nope", "no"], "condition": {"genres": ["Drama", "Comedy"], "match": "all"}}),
    ("/explain", {"history": ["m2", "m5", "m8"], "item_id": "m11", "counterfactual": True}),
    ("/explain", {"history": ["m2", "m5", "m8"]}),
    ("/coldstart", {"picks": [{"attribute": "genre", "value": "Drama"}, {"factor": 1, "half": "negative"}], "seed": 3}),
]


@pytest.mark.e2e
def test_two_processes_with_other_hash_seeds_answer_the_same_bytes(tmp_path, monkeypatch) -> None:
    make_bundle(tmp_path / "models", steering=True)
    replies, order = [], []
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        with _serving(tmp_path) as (_, client):
            replies.append([client.post(path, json=body).content for path, body in SAME_EVERYWHERE])
        told = subprocess.run(
            [sys.executable, "-c", "print({'a', 'b', 'c', 'd', 'e'})"], capture_output=True, check=True
        )
        order.append(told.stdout)
    assert all(b"bundle_id" in reply for reply in replies[0])
    assert replies[0] == replies[1]
    assert order[0] != order[1]  # the control: the seeds do change what has no order of its own
