"""Counterfactuals of a list: each is asked for once more, so a set that does nothing is found out."""

from __future__ import annotations

import dataclasses

import pytest

from prismrec.explaining import removals
from service.counterfactual import find_counterfactual


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
