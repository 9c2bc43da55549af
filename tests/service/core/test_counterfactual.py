"""Counterfactuals hold on the live model, need every item they name, and cost what they may."""

from __future__ import annotations

from itertools import combinations

import pytest

from service.counterfactual import find_counterfactual
from service.engine import LoadedBundle
from service.explain import Extras, explain_item
from service.limits import LIMITS
from service.query import Query

HISTORY = (0, 2, 5, 8, 1, 16)


def order_for(loaded: LoadedBundle, query: Query, item: int) -> list[int]:
    told = explain_item(loaded, query, item)
    return [h.item_ix for h in sorted(told.history, key=lambda h: -h.contribution)]


def list_without(loaded: LoadedBundle, query: Query, removed: tuple[int, ...]) -> list[int]:
    kept = tuple(ix for ix in query.history if ix not in removed)
    answer = loaded.recommend(Query(history=kept, n=query.n, exclude=frozenset(query.history)))
    return [item.item_ix for item in answer.items]


@pytest.mark.parametrize("place", range(5))
def test_find_counterfactual_of_a_listed_item_is_valid_and_needs_every_item(loaded: LoadedBundle, place: int) -> None:
    query = Query(history=HISTORY, n=5)
    before = [item.item_ix for item in loaded.recommend(query).items]
    item = before[place]
    found = find_counterfactual(loaded, query, item, order_for(loaded, query, item))
    assert found.valid, found.reason
    assert 1 <= len(found.remove) <= LIMITS.removals
    after = list_without(loaded, query, found.remove)
    assert item not in after
    assert found.new_rank is not None
    assert found.new_rank > 5
    assert found.replacement in set(after) - set(before)
    for size in range(len(found.remove)):
        for smaller in combinations(found.remove, size):
            assert item in list_without(loaded, query, smaller), "an item was named that is not needed"


def test_find_counterfactual_of_the_whole_catalogue_cannot_exist(loaded: LoadedBundle) -> None:
    """The control: with a list of everything nothing can be taken off it."""
    query = Query(history=HISTORY, n=44)
    found = find_counterfactual(loaded, query, 12, order_for(loaded, query, 12))
    assert (found.valid, found.remove, found.replacement) == (False, (), None)
    assert "no more than 44 items can be listed" in (found.reason or "")
    assert found.runs == 1


@pytest.mark.parametrize(("item", "why"), [(0, "cannot be listed"), (2, "cannot be listed")])
def test_find_counterfactual_of_a_seen_item_says_why_there_is_none(loaded: LoadedBundle, item: int, why: str) -> None:
    found = find_counterfactual(loaded, Query(history=HISTORY, n=5), item, list(HISTORY))
    assert not found.valid
    assert why in (found.reason or "")


def test_find_counterfactual_of_an_item_far_down_says_why_there_is_none(loaded: LoadedBundle) -> None:
    last = loaded.recommend(Query(history=HISTORY, n=44)).items[-1].item_ix
    found = find_counterfactual(loaded, Query(history=HISTORY, n=5), last, list(HISTORY))
    assert "not among the top 5" in (found.reason or "")


def test_find_counterfactual_never_empties_the_history(loaded: LoadedBundle) -> None:
    item = loaded.recommend(Query(history=(0,), n=3)).items[0].item_ix
    found = find_counterfactual(loaded, Query(history=(0,), n=3), item, [0])
    assert (found.valid, found.remove) == (False, ())


def test_explain_item_with_a_counterfactual_says_it_in_words(loaded: LoadedBundle) -> None:
    query = Query(history=HISTORY, n=5)
    item = loaded.recommend(query).items[4].item_ix
    assert explain_item(loaded, query, item).counterfactual is None
    told = explain_item(loaded, query, item, extras=Extras(counterfactual=True))
    assert told.counterfactual is not None
    assert told.counterfactual.valid
    assert told.counterfactual.replacement is not None
    title = loaded.catalogue.titles[told.counterfactual.replacement]
    assert f"it would be replaced by {title}" in told.sentence
