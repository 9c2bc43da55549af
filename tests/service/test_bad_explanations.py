"""Bad input to what explains, steers or starts cold: refused with the field and what it allows, or flagged.

Every refused request stands beside a good one that differs from it in the field at fault alone: the good one is the
control. Whatever is unknown in a bad one is called SECRET, and no reply may repeat that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import Slot
from service.limits import LIMITS
from tests.builders import make_bundle
from tests.service.app_client import AppClient, assert_problem, give_history, open_client
from tests.service.conftest import HISTORY

SECRET = "SECRET"
Body = dict[str, Any]
LISTED: Body = {"history": ["m0", "m3"]}
WHY: Body = LISTED | {"item_id": "m12"}
PREFERENCES = "/users/42/preferences"
PICK: Body = {"factor": 0, "half": "positive"}
COMEDY: Body = {"attribute": "genre", "value": "Comedy"}


@dataclass(frozen=True)
class Bad:
    """good | bad is refused at `pointer` with all of `words` said; good alone is answered."""

    good: Body
    bad: Body
    pointer: str
    words: tuple[str, ...] = ()


def steered(bad: Body, pointer: str, *words: str, good: Body | None = None) -> Bad:
    return Bad({"steer": good or {}}, {"steer": bad}, f"/steer{pointer}", words)


def picked(*bad: Body, at: str, words: tuple[str, ...], good: tuple[Body, ...] = (PICK,)) -> Bad:
    return Bad({"picks": list(good)}, {"picks": list(bad)}, f"/picks{at}", words)


STEER = {
    "strength-above": steered({"factors": {"0": 3.01}}, "/factors", "-3", "3", good={"factors": {"0": 3}}),
    "strength-below": steered({"factors": {"0": -3.01}}, "/factors", "-3", "3", good={"factors": {"0": -3}}),
    "strength-of-a-value": steered(
        {"attributes": {"genre:Comedy": 4}}, "/attributes", "-3", "3", good={"attributes": {"genre:Comedy": 3}}
    ),
    "strength-as-text": steered({"factors": {"0": SECRET}}, "/factors", "number", good={"factors": {"0": 1}}),
    "strength-of-true": steered({"factors": {"0": True}}, "/factors", "number", good={"factors": {"0": 1}}),
    "factor-past-the-last": steered({"factors": {"4": 1}}, "/factors", "0 to 3", good={"factors": {"3": 1}}),
    "factor-by-name": steered({"factors": {SECRET: 1}}, "/factors", "number", good={"factors": {"0": 1}}),
    "attribute-unknown": steered(
        {"attributes": {f"{SECRET}:Comedy": 1}},
        "/attributes",
        "genre",
        "year",
        good={"attributes": {"genre:Comedy": 1}},
    ),
    "value-unknown": steered({"attributes": {f"genre:{SECRET}": 1}}, "/attributes", "Comedy", "Horror", "Drama"),
    "value-left-out": steered({"attributes": {"genre": 1}}, "/attributes", "genre:Comedy"),
    "lock-unknown": steered({"lock": ["year", SECRET]}, "/lock/1", "genre, year", good={"lock": ["year"]}),
    "steered-and-locked": steered(
        {"attributes": {"genre:Comedy": 1}, "lock": ["year", "genre"]},
        "/lock/1",
        "steered and locked",
        good={"attributes": {"genre:Comedy": 1}, "lock": ["year"]},
    ),
    "lock-leaves-nothing": steered(
        {"factors": {"0": 1}, "lock": ["genre"]}, "/lock", "leave no way", good={"factors": {"0": 1}, "lock": ["year"]}
    ),
    "no-such-part": steered({"speed": 1}, "/speed", "no such field"),
    "no-object": Bad({"steer": {}}, {"steer": [SECRET]}, "/steer", ("an object",)),
    "too-many": steered({"lock": ["year"] * (LIMITS.steer_terms + 1)}, "/lock", str(LIMITS.steer_terms)),
}
CONDITION = {
    "genre-unknown": Bad(
        {"condition": {"genres": ["Drama"]}},
        {"condition": {"genres": ["Drama", SECRET]}},
        "/condition/genres/1",
        ("Comedy, Drama, Horror",),
    ),
    "genre-none": Bad({}, {"condition": {"genres": []}}, "/condition/genres", ("at least 1 item",)),
    "genre-left-out": Bad({}, {"condition": {}}, "/condition/genres", ("needed",)),
    "match": Bad({}, {"condition": {"genres": ["Drama"], "match": SECRET}}, "/condition/match", ("any", "all")),
    "mode": Bad(
        {}, {"condition": {"genres": ["Drama"], "mode": SECRET}}, "/condition/mode", ("soft", "strict", "both")
    ),
}
EXPLAIN = {
    "nobody": Bad(WHY, {"history": None}, "", ("user_id or history",)),
    "nothing-known": Bad(WHY, {"history": [SECRET]}, "/history", ("no known item",)),
    "nothing-liked": Bad(WHY, {"history": []}, "/history", ("no known item",)),
    "nothing-liked-of-a-profile": Bad(LISTED, {"history": []}, "/history", ("at least one known item",)),
    "history-as-text": Bad(WHY, {"history": SECRET}, "/history", ("a list",)),
    "history-too-long": Bad(WHY, {"history": ["m0"] * (LIMITS.history + 1)}, "/history", (str(LIMITS.history),)),
    "item-as-list": Bad(WHY, {"item_id": [SECRET]}, "/item_id", ("string",)),
    "item-too-long": Bad(WHY, {"item_id": SECRET * 20}, "/item_id", (str(LIMITS.id_bytes),)),
    "top-factors-none": Bad(WHY | {"top_factors": 1}, {"top_factors": 0}, "/top_factors", ("1",)),
    "top-factors-past": Bad(WHY, {"top_factors": 1001}, "/top_factors", (str(LIMITS.top_factors),)),
    "n-none": Bad(WHY | {"n": 1}, {"n": 0}, "/n", ("1",)),
    "n-past": Bad(WHY | {"n": LIMITS.n}, {"n": LIMITS.n + 1}, "/n", (str(LIMITS.n),)),
    "fidelity-as-text": Bad(WHY, {"fidelity": SECRET}, "/fidelity", ("boolean",)),
    "no-such-field": Bad(WHY, {"factor": 0}, "/factor", ("no such field",)),
    "fidelity-k-none": Bad(WHY | {"fidelity_k": 1}, {"fidelity_k": 0}, "/fidelity_k", ("1",)),
    "fidelity-k-past": Bad(
        WHY | {"fidelity_k": LIMITS.fidelity_k},
        {"fidelity_k": LIMITS.fidelity_k + 1},
        "/fidelity_k",
        (str(LIMITS.fidelity_k),),
    ),
}
COLDSTART = {
    "nothing": Bad({"picks": [PICK]}, {"picks": []}, "/picks", ("at least 1 item",)),
    "too-many": Bad({"picks": [PICK]}, {"picks": [PICK] * (LIMITS.picks + 1)}, "/picks", (str(LIMITS.picks),)),
    "empty-pick": picked({}, at="/0", words=("factor and half", "attribute and value")),
    "half-a-pick": picked({"factor": 0}, at="/0", words=("factor and half",)),
    "both-ways": picked(PICK | COMEDY, at="/0", words=("either",)),
    "half-unknown": picked({"factor": 0, "half": SECRET}, at="/0/half", words=("negative", "positive")),
    "factor-past-the-last": picked({"factor": 4, "half": "positive"}, at="/0/factor", words=("0 to 3",)),
    "factor-below": picked({"factor": -1, "half": "positive"}, at="/0/factor", words=("0",)),
    "attribute-unknown": picked(
        PICK, COMEDY | {"attribute": SECRET}, at="/1/attribute", words=("genre, year, rating",), good=(COMEDY,)
    ),
    "value-unknown": picked(COMEDY | {"value": SECRET}, at="/0/value", words=("Comedy, Drama, Horror",)),
    "value-not-carried": picked({"attribute": "rating", "value": "low"}, at="/0/value", words=("no direction",)),
    "both-halves": picked(PICK, PICK | {"half": "negative"}, at="/1", words=("contradict",)),
    "half-twice": picked(PICK, PICK, at="/1", words=("twice",)),
    "value-twice": picked(COMEDY, COMEDY, at="/1", words=("twice",), good=(COMEDY,)),
    "strength-none": picked(PICK | {"strength": 0}, at="/0/strength", words=("above 0", "3")),
    "strength-past": picked(PICK | {"strength": 3.1}, at="/0/strength", words=("3",), good=(PICK | {"strength": 3},)),
    "samples-none": Bad({"picks": [PICK]}, {"samples": 0}, "/samples", ("1",)),
    "samples-past": Bad({"picks": [PICK]}, {"samples": LIMITS.samples + 1}, "/samples", (str(LIMITS.samples),)),
    "diversity-below": Bad({"picks": [PICK], "diversity": 0}, {"diversity": -0.1}, "/diversity", ("0",)),
    "diversity-past": Bad({"picks": [PICK], "diversity": 1}, {"diversity": 1.1}, "/diversity", ("1",)),
    "field-unknown": Bad({"picks": [PICK]}, {"fields": ["year", SECRET]}, "/fields/1", ("title", "genres")),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    """One that may be written to: preferences are put."""
    with open_client(tmp_path_factory.mktemp("bad")) as found:
        give_history(found, "42", *HISTORY)
        yield found


def rows() -> Iterator[Any]:
    """Every bad request on every route that takes it."""
    for name, row in STEER.items():
        yield pytest.param("/recommend", LISTED, row, id=f"recommend-{name}")
        yield pytest.param("/explain", WHY, row, id=f"explain-{name}")
        yield pytest.param(PREFERENCES, {}, row, id=f"preferences-{name}")
    yield pytest.param(PREFERENCES, {}, Bad({"steer": {}}, {"steer": None}, "/steer", ("an object",)), id="preferences")
    for name, row in CONDITION.items():
        yield pytest.param("/recommend", LISTED, row, id=f"recommend-{name}")
        yield pytest.param("/explain", WHY, row, id=f"explain-{name}")
        yield pytest.param("/coldstart", {"picks": [PICK]}, row, id=f"coldstart-{name}")
    for name, row in EXPLAIN.items():
        yield pytest.param("/explain", {}, row, id=f"explain-{name}")
    for name, row in COLDSTART.items():
        yield pytest.param("/coldstart", {}, row, id=f"coldstart-{name}")


def faults(reply: httpx.Response, row: Bad) -> list[str]:
    """What is wrong with the refusal of a bad request; nothing, if all is well."""
    found = []
    if SECRET in reply.text:
        found.append("it repeats what was sent")
    if reply.status_code != 422:
        return [*found, f"it was answered {reply.status_code}"]
    problem = reply.json()
    errors = problem.get("errors") or [{"pointer": None, "detail": ""}]
    if not any(str(error["pointer"]).startswith(row.pointer) and error["pointer"] is not None for error in errors):
        found.append(f"it points at {[error['pointer'] for error in errors]}")
    said = " ".join([problem["detail"], problem["hint"], *(error["detail"] for error in errors)])
    return found + [f"it does not say {word}" for word in row.words if word not in said]


@pytest.mark.parametrize(("path", "base", "row"), list(rows()))
def test_bad_request_is_refused_with_the_field_and_what_is_allowed(
    client: AppClient, path: str, base: Body, row: Bad
) -> None:
    method, good = "PUT" if path == PREFERENCES else "POST", base | row.good
    answer = client.request(method, path, json=good)
    assert answer.status_code == 200, answer.text
    reply = client.request(method, path, json=good | row.bad)
    assert faults(reply, row) == [], reply.text
    assert_problem(reply, 422, "invalid-request")


def test_refusal_that_is_wrong_in_any_way_is_seen() -> None:
    """The control of the table: what it looks for."""

    def reply(pointer: str, detail: str, status: int = 422) -> httpx.Response:
        problem = {"detail": detail, "hint": "", "errors": [{"pointer": pointer, "detail": detail}]}
        return httpx.Response(status, json=problem)

    row = Bad({}, {}, "/steer/lock", ("genre, year",))
    assert faults(reply("/steer/lock/0", "can lock genre, year"), row) == []
    assert faults(reply("/steer/lock/0", "can lock genre, year"), Bad({}, {}, "/n")) == [
        "it points at ['/steer/lock/0']"
    ]
    assert faults(reply("/steer/lock/0", "cannot lock it"), row) == ["it does not say genre, year"]
    assert faults(reply("/steer/lock/0", f"cannot lock {SECRET}, only genre, year"), row) == [
        "it repeats what was sent"
    ]
    assert faults(reply("/steer/lock/0", "can lock genre, year", status=500), row) == ["it was answered 500"]


@pytest.mark.parametrize(
    ("path", "missing", "there", "code"),
    [
        ("/explain/42?item_id={}", SECRET, "m12", "unknown-item"),
        ("/explain/{}?item_id=m12", SECRET, "42", "unknown-user"),
        ("/items/{}", SECRET, "m12", "unknown-item"),
        ("/users/{}/preferences", SECRET, "42", "unknown-user"),
        ("/factors/{}", "4", "3", "unknown-factor"),
    ],
)
def test_what_is_not_there_is_not_found_and_not_repeated(
    client: AppClient, path: str, missing: str, there: str, code: str
) -> None:
    assert client.request("PUT", PREFERENCES, json={"steer": {"lock": ["year"]}}).status_code == 200
    found = client.get(path.format(missing))
    assert_problem(found, 404, code)
    assert SECRET not in found.text
    assert client.get(path.format(there)).status_code == 200


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"seen": False, "not_listed": None, "unknown_items": []}),
        ({"item_id": "m0"}, {"seen": True, "not_listed": "seen", "rank": None}),
        ({"item_id": "m49"}, {"seen": False, "not_listed": None, "rank": 31}),
        (
            {"item_id": "m2", "condition": {"genres": ["Comedy"], "mode": "strict"}},
            {"seen": False, "not_listed": "condition", "rank": None},
        ),
        ({"history": ["m0", "m3", "nope"]}, {"unknown_items": ["nope"], "history_used": 2}),
    ],
)
def test_explanation_of_what_was_not_recommended_is_answered_and_flagged(
    client: AppClient, change: Body, expected: Body
) -> None:
    told = client.post("/explain", WHY | {"counterfactual": True} | change).json()
    assert {name: told[name] for name in expected} == expected
    assert told["sentence"] and told["factors"]
    listed = told["rank"] is not None and told["rank"] <= 10
    assert told["counterfactual"]["valid"] is listed
    assert (told["counterfactual"]["reason"] is None) is listed


def test_undecoded_factor_is_answered_without_a_name_wherever_it_stands(client: AppClient) -> None:
    told = client.post("/explain", WHY).json()
    unnamed = [factor for factor in told["factors"] if factor["status"] == "undecoded"]
    assert unnamed
    assert all(factor["attribute"] is factor["value"] is None for factor in unnamed)
    assert client.post("/recommend", LISTED | {"steer": {"factors": {"3": 2}}}).status_code == 200
    started = client.post("/coldstart", {"picks": [{"factor": 3, "half": "positive"}]}).json()
    assert started["picks"][0]["status"] == "undecoded" and "undecoded" in started["picks"][0]["note"]
    decoded = client.post("/coldstart", {"picks": [PICK]}).json()["picks"][0]  # the control
    assert (decoded["status"], decoded["note"]) == ("decoded", None)


def test_bundle_that_cannot_be_steered_or_conditioned_says_what_it_can(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path / "models", attributes=False, n_conditions=0)
    with open_client(tmp_path, slot=Slot(load_bundle(folder))) as nameless:
        steered = nameless.post("/recommend", LISTED | {"steer": {"attributes": {f"genre:{SECRET}": 1}}})
        conditioned = nameless.post("/recommend", LISTED | {"condition": {"genres": [SECRET]}})
        assert nameless.post("/recommend", LISTED | {"steer": {"factors": {"0": 1}}}).status_code == 200
    assert faults(steered, Bad({}, {}, "/steer/attributes", ("no directions",))) == []
    assert faults(conditioned, Bad({}, {}, "/condition", ("no attribute",))) == []
