"""Sentences say what the numbers say, with their thresholds, and claim no cause."""

from __future__ import annotations

import dataclasses

import pytest

from service.engine import LoadedBundle
from service.explain import explain_item
from service.query import Query
from service.sentences import of_item, of_reasons

COMEDIES = (0, 3, 6, 9)


def _with_contributions(told, *values: float):
    first = told.factors[0]
    return tuple(dataclasses.replace(first, factor=i, contribution=v) for i, v in enumerate(values))


@pytest.mark.parametrize(
    ("values", "word"),
    [((0.5, 0.5), "mostly"), ((0.26, 0.25, 0.25, 0.24), "partly"), ((0.2,) * 5, "weakly"), ((-1.0,), "not raised")],
)
def test_of_reasons_degree_follows_the_share_of_the_largest(loaded: LoadedBundle, values, word: str) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    assert word in of_reasons(loaded, _with_contributions(told, *values), ())


def test_of_reasons_undecoded_factor_gets_no_name(loaded: LoadedBundle) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    nameless = dataclasses.replace(told.factors[0], status="undecoded", attribute=None, value=None)
    sentence = of_reasons(loaded, (nameless,), ())
    assert "factor 0, which is not decoded" in sentence
    assert "Comedy" not in sentence
    unsure = dataclasses.replace(told.factors[0], status="ambiguous")
    assert "perhaps genre Comedy" in of_reasons(loaded, (unsure,), ())


def test_of_item_names_history_titles_and_place(loaded: LoadedBundle) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    sentence = of_item(loaded, told, told.factors)
    best = max(told.history, key=lambda h: h.contribution)
    assert sentence.startswith(f"Ranked {told.rank}; its score ")
    assert (loaded.catalogue.titles[best.item_ix] or "") in sentence
    assert "associated" in sentence
    assert "because" not in sentence


def test_of_item_seen_says_so_first(loaded: LoadedBundle) -> None:
    assert explain_item(loaded, Query(history=COMEDIES), 3).sentence.startswith("Already in the history")


def test_of_item_without_a_title_shows_the_id(loaded: LoadedBundle) -> None:
    assert loaded.catalogue.titles[49] is None
    assert "item m49" in explain_item(loaded, Query(history=(49,)), 46).sentence
