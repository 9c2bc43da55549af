"""Counterfactuals of a list: each is asked for once more, so a set that does nothing is found out."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from prismrec.explaining import removals
from service.explaining.counterfactual import find_counterfactual
from tests.prismrec.explaining.users import removal
from tests.service.core.altered import tried


def measured(loaded, asked):
    listed = [item.item_ix for item in loaded.recommend(asked.query).items]
    ticks = iter(range(10_000))
    found = loaded.explainer(asked.query.history, None, None, listed)
    return removals.removals_of(loaded, asked.query, found, clock=lambda: float(next(ticks)))


def test_every_set_is_confirmed_and_changes_the_list(loaded, asked):
    found = measured(loaded, asked)
    assert [one.rank for one in found] == list(range(1, 11))
    assert any(one.size for one in found)
    for one in found:
        assert one.valid == one.confirmed == (one.size > 0)
        assert (one.changed >= 1) == (one.size > 0)
        assert one.cost == pytest.approx(1.0)
        assert one.runs >= 1


def test_set_that_does_nothing_is_not_confirmed(loaded, asked, monkeypatch):
    def boasting(loaded, query, item_ix, order):
        found = find_counterfactual(loaded, query, item_ix, order)
        return dataclasses.replace(found, remove=(order[-1],), valid=True)

    monkeypatch.setattr(removals, "find_counterfactual", boasting)
    found = measured(loaded, asked)
    assert all(one.valid for one in found)
    assert not all(one.confirmed for one in found)


@pytest.mark.parametrize("at_most", [1, 2])
def test_wider_search_finds_what_there_is_and_nothing_else(loaded, asked, at_most):
    history, query = asked.query.history, asked.query
    for item in loaded.recommend(query).items:
        smallest = 0
        for size in range(at_most, 0, -1):
            kept = [[ix for ix in history if ix not in some] for some in combinations(history, size)]
            if (tried(loaded, query, item.item_ix, kept).rank > query.n).any():
                smallest = size
        assert removals.widest_search(loaded, query, item.item_ix, at_most=at_most) == smallest


def test_wider_search_is_for_items_without_a_set_of_one_user_in_ten(loaded, asked, monkeypatch):
    searched = []
    monkeypatch.setattr(removals, "widest_search", lambda _loaded, _query, item_ix: searched.append(item_ix) or 0)
    listed = [item.item_ix for item in loaded.recommend(asked.query).items]
    rng = np.random.default_rng(0)
    for _ in range(200):
        removals.widened_of(loaded, asked.query, [removal(1, 2), removal(2, 0), removal(3, 1)], rng)
    assert 10 <= len(searched) <= 35
    assert set(searched) == {listed[1]}
    assert not any(removals.widened_of(loaded, asked.query, [removal(1, 2)], rng) for _ in range(50))
