"""Counterfactuals hold on the live model, need every item they name, and cost what they may."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from service.engine import LoadedBundle
from service.explaining.counterfactual import find_counterfactual
from service.explaining.explain import Extras, explain_item
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


def test_find_counterfactual_says_what_changes_in_the_list(loaded: LoadedBundle) -> None:
    query = Query(history=HISTORY, n=5)
    before = [item.item_ix for item in loaded.recommend(query).items]
    found = find_counterfactual(loaded, query, before[2], order_for(loaded, query, before[2]))
    after = list_without(loaded, query, found.remove)
    assert before[2] in found.items_out
    assert list(found.items_in) == [ix for ix in after if ix not in before]
    assert list(found.items_out) == [ix for ix in before if ix not in after]
    assert found.kept == pytest.approx(len(set(before) & set(after)) / 5)
    assert found.replacement == found.items_in[0]


def brute_force(loaded: LoadedBundle, query: Query, item: int) -> int | None:
    """The size of the smallest set there is, by asking for every list."""
    top = dataclasses.replace(query, n=query.offset + query.n, offset=0)
    seen = frozenset(query.history) if query.exclude_seen else frozenset()
    for size in range(1, min(LIMITS.removals, len(query.history) - 1) + 1):
        for removed in combinations(query.history, size):
            kept = tuple(ix for ix in query.history if ix not in removed)
            answer = loaded.recommend(dataclasses.replace(top, history=kept, exclude=top.exclude | seen))
            if item not in [listed.item_ix for listed in answer.items]:
                return size
    return None


@pytest.mark.parametrize("kind", ["loaded", "direct", "steered"])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"offset": 2, "n": 3},
        {"shift": np.array([0.6, 0.0, 0.0, 0.0], dtype=np.float32)},
        {"exclude_seen": False},
        {"candidates": tuple(range(3, 24))},
        {"exclude": frozenset(range(30, 50))},
        {"condition": ("soft", "any")},
        {"condition": ("strict", "any"), "n": 3},
        {"condition": ("both", "all"), "n": 2},
    ],
    ids=str,
)
def test_find_counterfactual_is_as_small_as_there_is(request, kind: str, asked: dict) -> None:
    """Every question that the list can be asked, against the lists of all sets of up to five."""
    loaded = request.getfixturevalue(kind)
    if "condition" in asked:
        mode, match = asked["condition"]
        asked = asked | {"condition": loaded.condition(["Comedy", "Drama"], match=match, mode=mode)}
    query = Query(**({"history": HISTORY, "n": 5} | asked))
    items = [item.item_ix for item in loaded.recommend(query).items]
    for item in items:
        found = find_counterfactual(loaded, query, item, order_for(loaded, query, item))
        smallest = brute_force(loaded, query, item)
        assert (len(found.remove) if found.valid and not found.offered else None) == smallest, found.reason
        assert bool(found.remove) == found.valid == (found.reason is None) == (found.kept is not None)


def plain_list(loaded: LoadedBundle, query: Query, removed: tuple[int, ...]) -> list[int]:
    """What somebody gets who never had these items: they may be listed themselves."""
    kept = tuple(ix for ix in query.history if ix not in removed)
    return [item.item_ix for item in loaded.recommend(dataclasses.replace(query, history=kept)).items]


def test_find_counterfactual_with_its_items_on_offer_is_what_a_plain_request_lists(
    loaded: LoadedBundle, monkeypatch
) -> None:
    """Only where none works while they are kept off; that there are some of both is the control. Sets are kept small
    here: six films do not resist the removal of five."""
    few = dataclasses.replace(LIMITS, removals=2)
    monkeypatch.setattr("service.explaining.counterfactual.LIMITS", few)
    monkeypatch.setattr("tests.service.core.test_counterfactual.LIMITS", few)
    strict = offered = 0
    for start in range(12):
        query = Query(history=tuple(sorted({(start + step) % 40 for step in (0, 3, 6, 9, 13, 17)})), n=6)
        before = [item.item_ix for item in loaded.recommend(query).items]
        for item in before:
            found = find_counterfactual(loaded, query, item, order_for(loaded, query, item))
            if not found.offered:
                strict += found.valid
                continue
            offered += 1
            after = plain_list(loaded, query, found.remove)
            assert brute_force(loaded, query, item) is None
            assert item not in after and item in list_without(loaded, query, found.remove)
            assert found.items_in == tuple(ix for ix in after if ix not in before)
            assert found.offered == tuple(ix for ix in found.items_in if ix in found.remove)
            assert found.replacement not in found.remove
            assert found.valid and found.new_rank is not None and found.new_rank > 6
            fewer = [tuple(ix for ix in found.remove if ix != kept) for kept in found.remove]
            assert all(item in plain_list(loaded, query, removed) for removed in fewer if removed)
    assert strict and offered


def test_find_counterfactual_offers_nothing_that_the_request_excludes(loaded: LoadedBundle) -> None:
    for start in range(12):
        history = tuple(sorted({(start + step) % 40 for step in (0, 3, 6, 9, 13, 17)}))
        query = Query(history=history, n=6, exclude=frozenset(history))
        for item in loaded.recommend(query).items:
            assert not find_counterfactual(loaded, query, item.item_ix, history).offered


def test_find_counterfactual_of_few_candidates_says_that_none_can_be_pushed_out(loaded: LoadedBundle) -> None:
    query = Query(history=HISTORY, n=5, candidates=(12, 13, 14))
    found = find_counterfactual(loaded, query, 12, list(HISTORY))
    assert (found.valid, found.runs) == (False, 1)
    assert "no more than 3 items can be listed" in (found.reason or "")


def test_find_counterfactual_in_vain_says_how_far_it_came(loaded: LoadedBundle) -> None:
    """Items that tell against the target: without them it can only rise."""
    query = Query(history=HISTORY, n=5)
    item = loaded.recommend(query).items[0].item_ix
    against = order_for(loaded, query, item)[-1:]
    found = find_counterfactual(loaded, query, item, against)
    assert (found.valid, found.remove, found.items_in, found.kept) == (False, (), (), None)
    assert "no set of up to 5" in (found.reason or "") and "to place 1" in (found.reason or "")


def test_find_counterfactual_with_a_condition_may_take_the_last_item(loaded: LoadedBundle) -> None:
    """Nobody's list under a soft condition is the model's, so there is something to compare with."""
    asked = loaded.condition(["Horror"])
    query = Query(history=(0,), n=10, condition=asked)
    nobody = {
        i.item_ix for i in loaded.recommend(Query(history=(), n=10, condition=asked, exclude=frozenset({0}))).items
    }
    item = next(i.item_ix for i in loaded.recommend(query).items if i.item_ix not in nobody)
    found = find_counterfactual(loaded, query, item, [0])
    assert (found.valid, found.remove) == (True, (0,))


def test_find_counterfactual_that_does_not_hold_is_not_returned(loaded: LoadedBundle, monkeypatch) -> None:
    """The live model has the last word: here it is made to list the item whatever is removed."""
    query = Query(history=HISTORY, n=5)
    before = loaded.recommend(query)
    item = before.items[4].item_ix
    order = order_for(loaded, query, item)
    assert find_counterfactual(loaded, query, item, order).valid
    monkeypatch.setattr(LoadedBundle, "recommend", lambda *_: before)
    found = find_counterfactual(loaded, query, item, order)
    assert (found.valid, found.remove, found.replacement) == (False, (), None)
    assert "did not hold" in (found.reason or "")


def test_find_counterfactual_of_duplicates_counts_them_once(loaded: LoadedBundle) -> None:
    query = Query(history=HISTORY, n=5)
    item = loaded.recommend(query).items[3].item_ix
    order = order_for(loaded, query, item)
    doubled = dataclasses.replace(query, history=HISTORY + HISTORY[:3])
    assert find_counterfactual(loaded, doubled, item, order) == find_counterfactual(loaded, query, item, order)


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
