"""What must hold of whoever steers, over HTTP: a lock holds, no strength is no steering, an erased user is forgotten.

Each property has a control: the same check on something of which it must not hold.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.app_client import AppClient
from tests.service.asked_at_random import (
    Body,
    answered,
    asks,
    clients_of_every_kind,
    histories,
    items,
    quick,
    strengths,
)

WRITES = itertools.count()


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, AppClient]]:
    with clients_of_every_kind(tmp_path_factory) as opened:
        yield opened


@quick
@given(asked=asks(), item=items, names=st.sets(st.sampled_from("012"), min_size=1))
def test_steering_of_strength_zero_is_no_steering(clients, asked, item, names) -> None:
    kind, body = asked
    still: Body = {"factors": dict.fromkeys(sorted(names), 0.0)}
    if kind != "nameless":
        still |= {"attributes": {"genre:Horror": 0}, "lock": ["year"]}
    for path, rest in (("/recommend", {"explain": True}), ("/explain", {"item_id": item}), ("/explain", {})):
        none = answered(clients[kind], path, body | rest | {"steer": None}).content
        assert answered(clients[kind], path, body | rest | {"steer": still}).content == none
        if "item_id" in rest:  # the control
            assert answered(clients[kind], path, body | rest | {"steer": {"factors": {"0": 1.5}}}).content != none


def drift(client: AppClient, users: Sequence[list[str]], field: str, *, lock: list[str]) -> float:
    """How far steering moves lists in a field: total variation between its values' shares, mean over users and pushes.

    Factor 0 carries the genre, factor 1 the year, and both are pushed at once.
    """

    def shares(history: list[str], steer: Body | None) -> Counter[str]:
        reply = client.post("/recommend", {"history": history, "n": 10, "fields": [field], "steer": steer})
        values = [item[field] for item in reply.json()["items"]]
        counted = Counter(v for value in values for v in (value if isinstance(value, list) else [decade(value)]))
        return Counter({value: count / counted.total() for value, count in counted.items()})

    def distance(before: Counter[str], after: Counter[str]) -> float:
        return 0.5 * sum(abs(after[value] - before[value]) for value in before | after)

    pushes = [{"0": genre, "1": year} for genre in (-2, 2) for year in (-2, 2)]
    return fmean(
        distance(still, shares(history, {"factors": push, "lock": lock}))
        for history in users
        for still in [shares(history, None)]
        for push in pushes
    )


def decade(year: int | None) -> str:
    return "unknown" if year is None else f"{year // 10}0s"


def assert_lock_holds(client: AppClient, users: Sequence[list[str]], locked: str) -> None:
    """The locked attribute drifts less than when it is free, and less than the one that is free beside it."""
    field, other = ("genres", "year") if locked == "genre" else ("year", "genres")
    held = drift(client, users, field, lock=[locked])
    assert held < 0.8 * drift(client, users, field, lock=[])
    assert held < drift(client, users, other, lock=[locked])


@pytest.mark.parametrize("locked", ["genre", "year"])
@settings(max_examples=5, deadline=None)
@given(users=st.lists(histories, min_size=6, max_size=6, unique_by=frozenset))
def test_locked_attribute_drifts_less_than_an_unlocked_one(clients, users, locked) -> None:
    assert_lock_holds(clients["conditional"], users, locked)


def test_locked_attribute_drifts_as_far_where_the_lock_is_ignored(clients, monkeypatch) -> None:
    """The control: the property above is one of the lock."""
    users = [["m0", "m3"], ["m1", "m4", "m7"], ["m2"]]
    assert_lock_holds(clients["conditional"], users, "genre")
    monkeypatch.setattr("service.steering.steer._projected_out", lambda shift, locked: shift)
    with pytest.raises(AssertionError):
        assert_lock_holds(clients["conditional"], users, "genre")


@settings(max_examples=12, deadline=None)
@given(liked=histories, steer=st.dictionaries(st.sampled_from("012"), strengths.filter(bool), min_size=1))
def test_erased_user_leaves_no_preferences_behind(clients, liked, steer) -> None:
    client, erased = clients["conditional"], [give(clients["conditional"], liked)]
    steered = {"steer": {"factors": steer}}
    assert client.request("PUT", "/users/7/preferences", json=steered).status_code == 200
    assert client.get("/recommend/7").content == client.post(
        "/recommend", {"history": liked} | steered
    ).content.replace(b'"source":"request"', b'"source":"preferences"')
    assert client.request("DELETE", "/users/7").json() == {"erased": True}
    assert client.get("/users/7/preferences").status_code == 404
    erased.append(give(client, liked))
    assert erased[0] == erased[1] == client.post("/recommend", {"history": liked}).content
    client.request("DELETE", "/users/7")


def give(client: AppClient, liked: list[str]) -> bytes:
    """Store a history for user 7; the list that follows, before anything else is stored."""
    key = {"Idempotency-Key": str(next(WRITES))}
    body = {"interactions": [{"item_id": item} for item in liked]}
    assert client.post("/users/7/interactions", body, headers=key).status_code == 200
    return client.get("/recommend/7").content
