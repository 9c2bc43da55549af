"""Top n, ranks and masks against a full sort."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.query import Condition, Query
from service.ranking import allowed_items, log_normaliser, ranks_of, satisfies, shortage, top_n
from tests.builders import builder_catalogue

few_values = hnp.arrays(np.float32, st.integers(1, 30), elements=st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]))


@given(scores=few_values, k=st.integers(0, 40), data=st.data())
def test_top_n_with_ties_and_masks_equals_a_full_stable_sort(scores, k, data) -> None:
    allowed = data.draw(hnp.arrays(np.bool_, len(scores)))
    expected = [ix for ix in np.argsort(-scores, kind="stable") if allowed[ix]][:k]
    assert top_n(scores, allowed, k).tolist() == expected


@given(scores=few_values, data=st.data())
def test_ranks_of_an_item_equal_its_place_in_the_sorted_list(scores, data) -> None:
    item = data.draw(st.integers(0, len(scores) - 1))
    allowed = data.draw(hnp.arrays(np.bool_, len(scores)))
    allowed[item] = True
    order = [ix for ix in np.argsort(-scores, kind="stable") if allowed[ix]]
    assert ranks_of(item, scores[None, :], allowed).tolist() == [1 + order.index(item)]


def test_log_normaliser_of_large_logits_does_not_overflow() -> None:
    found = log_normaliser(np.array([[1000.0, 1000.0], [0.0, 0.0]], dtype=np.float32))
    assert np.allclose(found, [1000.0 + np.log(2), np.log(2)])


def test_satisfies_any_and_all_differ_on_an_item_with_one_of_two_genres() -> None:
    genre = builder_catalogue().attribute("genre")
    assert genre is not None
    any_of, all_of = (satisfies(genre, Condition((0, 1), match=match)) for match in ("any", "all"))
    assert any_of[3] and not all_of[3]  # item 3 is a comedy and nothing else
    assert any_of[21] and all_of[21]  # item 21 is a comedy and a drama


def test_allowed_items_takes_seen_excluded_and_foreign_items_out() -> None:
    query = Query(history=(0, 1), exclude=frozenset({2}), candidates=(0, 2, 3, 4))
    assert np.flatnonzero(allowed_items(6, query, satisfying=None)).tolist() == [3, 4]
    seen_too = Query(history=(0, 1), candidates=(0, 2), exclude_seen=False)
    assert np.flatnonzero(allowed_items(6, seen_too, satisfying=None)).tolist() == [0, 2]


def test_shortage_is_said_only_of_short_lists() -> None:
    assert shortage(10, 10, 0) is None
    assert "3 of 10" in (shortage(3, 10, 0) or "")
