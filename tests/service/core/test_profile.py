"""A user's place in the factors, and the items that put them there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.explaining.profile import profile
from service.limits import Limits
from service.query import Query
from tests.builders import BuilderModel


def test_profile_of_a_comedy_lover_with_one_horror_names_both_sides(loaded: LoadedBundle) -> None:
    found = profile(loaded, Query(history=(0, 3, 6, 9, 2)))
    first = found.factors[0]
    assert (first.factor, first.half, first.value) == (0, "positive", "Comedy")
    assert first.percentile > 85
    genre = loaded.catalogue.attribute("genre")
    assert genre is not None
    assert {item.item_ix for item in first.items} == {0, 3, 6, 9}  # the horror film pulls the other way
    assert all(item.pull > 0 for item in first.items)
    assert "you lean to Comedy (factor 0, top" in found.sentence


def test_profile_pulls_equal_leave_one_out_on_the_twin(loaded: LoadedBundle, twin: BuilderModel) -> None:
    history = (0, 3, 2)
    found = profile(loaded, Query(history=history))
    factor = next(f for f in found.factors if f.factor == 0)
    sd = loaded.factors.factors[0].sd
    for item in factor.items:
        rest = [ix for ix in history if ix != item.item_ix]
        assert item.pull == pytest.approx((twin.encode(history)[0] - twin.encode(rest)[0]) / sd, abs=1e-4)


def test_profile_lists_decoded_factors_only_and_counts_the_others(loaded: LoadedBundle) -> None:
    found = profile(loaded, Query(history=(0, 3)))
    assert all(f.status in {"decoded", "ambiguous"} and f.attribute for f in found.factors)
    assert sorted([*found.undecoded, *(f.factor for f in found.factors)]) == [0, 1, 2, 3]
    assert 3 in found.undecoded
    assert "not decoded" in found.sentence
    away = [abs(f.percentile - 50) for f in found.factors]
    assert away == sorted(away, reverse=True)


@given(history=st.lists(st.integers(0, 49), min_size=1, max_size=8, unique=True), data=st.data())
def test_profile_of_a_permuted_history_is_the_same(loaded, history, data) -> None:
    shuffled = tuple(data.draw(st.permutations(history)))
    assert profile(loaded, Query(history=tuple(history))) == profile(loaded, Query(history=shuffled))


def test_profile_of_a_long_history_tries_the_newest_and_says_how_many(loaded: LoadedBundle, monkeypatch) -> None:
    monkeypatch.setattr("service.explaining.profile.LIMITS", Limits(leave_one_out_cells=20))
    found = profile(loaded, Query(history=(9, 8, 7, 6, 5, 4, 3, 2, 1, 0)))
    assert found.considered == 2
    assert {item.item_ix for f in found.factors for item in f.items} <= {0, 1}


def test_profile_without_a_history_is_refused(loaded: LoadedBundle) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        profile(loaded, Query(history=()))
    assert caught.value.errors[0].pointer == "/history"


def test_profile_with_a_shift_places_the_shifted_point(loaded: LoadedBundle) -> None:
    shift = np.array([-9.0, 0, 0, 0], dtype=np.float32)
    found = profile(loaded, Query(history=(0, 3), shift=shift))
    assert found.factors[0].half == "negative"
