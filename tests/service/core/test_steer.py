"""Steering in standard deviations: it moves what was asked and leaves what was locked."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from service.query import Query
from service.steering.steer import shift_of


def with_directions(loaded: LoadedBundle, *directions: tuple[str, str, list[float]]) -> LoadedBundle:
    """The same bundle with other probe directions (unit length, sd 2)."""
    like = loaded.factors.directions[0]
    made = tuple(
        msgspec.structs.replace(
            like, attribute=a, value=v, vector=tuple((np.array(d) / np.linalg.norm(d)).tolist()), sd=2.0
        )
        for a, v, d in directions
    )
    factors = msgspec.structs.replace(loaded.factors, directions=made)
    return LoadedBundle(dataclasses.replace(loaded.bundle, factors=factors), loaded._graphs)


def refused(loaded: LoadedBundle, **asked: Any) -> list[tuple[str, str]]:
    """(pointer, detail) of each fault of a steering that is refused."""
    with pytest.raises(InvalidRequestError) as caught:
        shift_of(loaded, **asked)
    return [(fault.pointer, fault.detail) for fault in caught.value.errors]


def test_shift_of_factors_and_attributes_is_their_sum_in_sd(loaded: LoadedBundle) -> None:
    sd = loaded.factors.factors[1].sd
    shift = shift_of(loaded, factors={"1": -1.5}, attributes={"genre:Comedy": 0.5})
    assert shift is not None
    assert shift.dtype == np.float32
    assert shift.tolist() == pytest.approx([0.5, -1.5 * sd, 0, 0])


def test_shift_of_an_attribute_goes_along_its_pattern_where_the_map_has_one(loaded: LoadedBundle) -> None:
    (like,) = [d for d in loaded.factors.directions if d.value == "Comedy"]
    made = msgspec.structs.replace(like, pattern=(1.0, 0.0, -0.5, 0.0))
    factors = msgspec.structs.replace(loaded.factors, directions=(made,))
    known = LoadedBundle(dataclasses.replace(loaded.bundle, factors=factors), loaded._graphs)
    shift = shift_of(known, attributes={"genre:Comedy": 2.0})
    assert shift is not None
    assert shift.tolist() == pytest.approx([2.0, 0.0, -1.0, 0.0])


def test_shift_of_nothing_is_none(loaded: LoadedBundle) -> None:
    assert shift_of(loaded) is None
    assert shift_of(loaded, factors={"1": 0.0}, lock=["year"]) is None


def test_shift_of_an_attribute_raises_its_share_in_the_list(loaded: LoadedBundle) -> None:
    genre = loaded.catalogue.attribute("genre")
    assert genre is not None
    shares = []
    for strength in (-3.0, 0.0, 3.0):
        shift = shift_of(loaded, attributes={"genre:Comedy": strength})
        answer = loaded.recommend(Query(history=(0, 2, 1), n=10, shift=shift))
        shares.append(np.mean([0 in genre.rows[item.item_ix] for item in answer.items]))
    assert shares[0] < shares[1] < shares[2]


@given(tilt=st.floats(-0.9, 0.9), strength=st.floats(0.1, 3.0))
def test_shift_of_a_locked_attribute_drifts_less_than_unlocked(loaded, tilt: float, strength: float) -> None:
    tilted = with_directions(loaded, ("genre", "Comedy", [1, tilt, 0, 0]), ("year", "1980s", [0, 1, 0, 0]))
    free = shift_of(tilted, attributes={"genre:Comedy": strength})
    locked = shift_of(tilted, attributes={"genre:Comedy": strength}, lock=["year"])
    assert free is not None
    assert locked is not None
    assert abs(locked[1]) < 1e-6
    assert abs(free[1]) == pytest.approx(abs(2 * strength * tilt / np.hypot(1, tilt)), abs=1e-5)


def test_shift_of_with_several_locked_directions_is_at_right_angles_to_all(loaded: LoadedBundle) -> None:
    rng = np.random.default_rng(1)
    locked = [("year", f"{d}", rng.normal(size=4).tolist()) for d in range(2)]
    locked.append(("year", "twice", locked[0][2]))  # the same direction twice must not matter
    bent = with_directions(loaded, ("genre", "Comedy", [1, 1, 1, 1]), *locked)
    shift = shift_of(bent, attributes={"genre:Comedy": 1.0}, lock=["year"])
    assert shift is not None
    for direction in bent.factors.directions[1:]:
        assert abs(float(np.dot(shift, direction.vector))) < 1e-6


def test_shift_of_a_lock_is_taken_out_along_the_locked_pattern(loaded: LoadedBundle) -> None:
    """What goes with the year in users' latents goes with it out of the shift; its probe reads nothing of it anyway."""
    pattern = np.array([0.5, 1.0, 0.0, 0.0])
    year, comedy = ("year", "1980s", [0, 1, 0, 0]), ("genre", "Comedy", [1, 1, 0, 0])
    plain = with_directions(loaded, comedy, year)
    made = [
        msgspec.structs.replace(d, pattern=tuple(p))
        for d, p in zip(plain.factors.directions, ([1.0, 1.0, 0.0, 0.0], pattern), strict=True)
    ]
    factors = msgspec.structs.replace(plain.factors, directions=tuple(made))
    known = LoadedBundle(dataclasses.replace(plain.bundle, factors=factors), plain._graphs)
    shift = shift_of(known, attributes={"genre:Comedy": 2.0}, lock=["year"])
    assert shift is not None
    assert shift.tolist() == pytest.approx([2.0 - 2.0 * 0.5, 0.0, 0.0, 0.0])


def test_shift_of_a_lock_that_leaves_nothing_is_refused(loaded: LoadedBundle) -> None:
    with pytest.raises(InvalidRequestError, match="no way to move") as caught:
        shift_of(loaded, factors={"1": 1.0}, lock=["year"])
    assert caught.value.errors[0].pointer == "/steer/lock"


@pytest.mark.parametrize("t", [LIMITS.steer_strength, -LIMITS.steer_strength])
def test_shift_of_at_the_limit_is_taken(loaded: LoadedBundle, t: float) -> None:
    assert shift_of(loaded, factors={"0": t}) is not None


@pytest.mark.parametrize("t", [3.001, -3.001, float("nan"), float("inf")])
@pytest.mark.parametrize(("kind", "name"), [("factors", "0"), ("attributes", "genre:Comedy")])
def test_shift_of_past_the_limit_points_to_the_entry(loaded: LoadedBundle, kind: str, name: str, t: float) -> None:
    assert refused(loaded, **{kind: {name: t}}) == [(f"/steer/{kind}/{name}", "must be between -3 and 3 sd")]


@pytest.mark.parametrize("name", ["4", "-1", "x", "", "1.0", "²", "9" * 5000])
def test_shift_of_an_unknown_factor_names_its_place_and_the_allowed_ones(loaded: LoadedBundle, name: str) -> None:
    ((pointer, detail),) = refused(loaded, factors={"0": 1.0, name: 1.0})
    assert pointer == "/steer/factors"
    assert detail == "entry 2: no such factor; factors are numbered 0 to 3"


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("genre:Western", "genre:Comedy, genre:Horror, genre:Drama"),
        ("genre", "genre:Comedy, genre:Horror, genre:Drama"),
        ("year:1066s", "year:2010s, year:1970s"),
        ("colour:red", "genre:Comedy, genre:Horror, year:2010s, year:1970s, genre:Drama"),
        (":", "genre:Comedy, genre:Horror, year:2010s, year:1970s, genre:Drama"),
        ("", "genre:Comedy, genre:Horror, year:2010s, year:1970s, genre:Drama"),
    ],
)
def test_shift_of_an_unknown_attribute_names_what_can_be_steered(loaded: LoadedBundle, name: str, allowed: str) -> None:
    found = refused(loaded, attributes={"genre:Drama": 1.0, name: 1.0})
    assert found == [("/steer/attributes", f"entry 2 cannot be steered; can steer {allowed}")]


def test_shift_of_several_faults_names_each_and_what_is_allowed_once(loaded: LoadedBundle) -> None:
    faults = refused(
        loaded,
        factors={"0": 4.0, "7": 1.0},
        attributes={"genre:Western": 1.0, "genre:Comedy": -9.0, "genre:War": 1.0},
        lock=["colour", "year"],
    )
    assert [pointer for pointer, _ in faults] == [
        "/steer/factors/0",
        "/steer/factors",
        "/steer/attributes",
        "/steer/attributes/genre:Comedy",
        "/steer/attributes",
        "/steer/lock/0",
    ]
    assert sum("genre:Horror" in detail for _, detail in faults) == 1
    assert "Western" not in str(faults) and "War" not in str(faults)


def test_shift_of_a_name_with_a_slash_points_to_it_escaped(loaded: LoadedBundle) -> None:
    odd = with_directions(loaded, ("genre", "a/b~c", [1, 0, 0, 0]))
    ((pointer, _),) = refused(odd, attributes={"genre:a/b~c": 9.0})
    assert pointer == "/steer/attributes/genre:a~1b~0c"


def test_shift_of_an_unknown_or_steered_lock_is_refused(loaded: LoadedBundle) -> None:
    assert refused(loaded, factors={"0": 1.0}, lock=["year", "colour"]) == [
        ("/steer/lock/1", "no such attribute; can lock genre, year")
    ]
    assert refused(loaded, attributes={"genre:Comedy": 1.0}, lock=["genre"]) == [
        ("/steer/lock/0", "an attribute cannot be steered and locked at once")
    ]
    still = shift_of(loaded, factors={"1": 1.0}, attributes={"genre:Comedy": 0.0}, lock=["genre"])
    assert still is not None, "a strength of 0 steers nothing"


def test_shift_of_a_value_asked_for_in_two_ways_adds_up(loaded: LoadedBundle) -> None:
    both = shift_of(loaded, factors={"0": 3.0}, attributes={"genre:Comedy": 3.0})
    assert both is not None
    assert both.tolist() == pytest.approx([3.0 * loaded.factors.factors[0].sd + 3.0, 0, 0, 0])


def test_shift_of_too_many_terms_is_refused(loaded: LoadedBundle) -> None:
    with pytest.raises(InvalidRequestError, match="terms"):
        shift_of(loaded, factors={str(i): 1.0 for i in range(LIMITS.steer_terms + 1)})
