"""Stored preferences on a bundle: never an error, and never a push against what was locked."""

from __future__ import annotations

import dataclasses
import json

import msgspec
import pytest

from service.engine import LoadedBundle
from service.steering.preferences import UNREADABLE, apply
from service.store.protocol import Preferences


def stored(loaded: LoadedBundle, steer: object, bundle_id: str | None = None) -> Preferences:
    return Preferences(json.dumps(steer), bundle_id or loaded.bundle_id, 0)


def test_preferences_of_this_bundle_are_followed_whole(loaded: LoadedBundle) -> None:
    found = apply(loaded, stored(loaded, {"factors": {"0": 1.0}, "lock": ["year"]}))
    assert found.shift is not None and found.ignored == ()
    assert dict(found.terms.factors) == {"0": 1.0}


def test_preferences_of_another_bundle_keep_values_and_locks(loaded: LoadedBundle) -> None:
    steer = {
        "factors": {"0": 1.0, "3": 1.0},
        "attributes": {"genre:Comedy": 1.0, "genre:War": 1.0},
        "lock": ["year", "mood"],
    }
    found = apply(loaded, stored(loaded, steer, "another"))
    assert found.shift is not None
    assert (dict(found.terms.factors), dict(found.terms.attributes), found.terms.lock) == (
        {},
        {"genre:Comedy": 1.0},
        ["year"],
    )
    assert [text.partition(":")[0] for text in found.ignored] == ["factors 0, 3", "genre", "lock mood"]


def test_preferences_whose_lock_leaves_no_way_here_move_nothing(loaded: LoadedBundle) -> None:
    (comedy,) = [d for d in loaded.factors.directions if d.value == "Comedy"]
    made = [
        msgspec.structs.replace(d, vector=comedy.vector) if d.attribute == "year" else d
        for d in loaded.factors.directions
    ]
    factors = msgspec.structs.replace(loaded.factors, directions=tuple(made))
    same = LoadedBundle(dataclasses.replace(loaded.bundle, factors=factors), loaded._graphs)
    asked = stored(same, {"attributes": {"genre:Comedy": 1.0}, "lock": ["year"]}, "another")
    found = apply(same, asked)
    assert found.shift is None
    assert found.ignored == ("all: the locked attributes leave no way to move what was asked for",)
    assert apply(loaded, asked).shift is not None, "the control: where there is a way it is gone"


@pytest.mark.parametrize("text", ["", "[]", '{"factors": {"x": 1}}', '{"speed": 1}', '{"factors": {"0": "1"}}'])
def test_preferences_that_cannot_be_read_move_nothing_and_say_so(loaded: LoadedBundle, text: str) -> None:
    found = apply(loaded, Preferences(text, loaded.bundle_id, 0))
    assert (found.shift, found.ignored) == (None, (UNREADABLE,))


def test_preferences_beyond_todays_bounds_move_nothing_and_say_so(loaded: LoadedBundle) -> None:
    found = apply(loaded, stored(loaded, {"factors": {"0": 99.0}}))
    assert found.shift is None and found.ignored == ("all: an entry of /steer is not valid",)
