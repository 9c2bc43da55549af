"""Sets ranked by effects that add up, on planted scores; and what the search asks of the model."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from service.engine import LoadedBundle
from service.explaining.explain import explain_item
from service.explaining.removals import FIRST, RemovalSearch, grow, margins_of
from service.limits import LIMITS
from service.query import Query

HISTORY = (0, 2, 5, 8, 1, 16, 10, 20, 25, 30)


def planted(seed: int, *, count: int = 9, rivals: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """full [1 + J] with the item on top; effects [C, 1 + J]."""
    rng = np.random.default_rng(seed)
    full = np.append(3.0, rng.normal(size=rivals)).astype(np.float32)
    return full, rng.normal(0.2, 0.4, size=(count, 1 + rivals)).astype(np.float32)


def exhaustive(full: np.ndarray, effects: np.ndarray, n: int, size: int) -> float:
    rows = [full - effects[list(places)].sum(axis=0) for places in combinations(range(len(effects)), size)]
    return float(margins_of(np.stack(rows), n).min())


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [1, 5])
def test_grow_finds_the_best_set_of_additive_effects(seed: int, n: int) -> None:
    full, effects = planted(seed)
    for size, sets in grow(full, effects, n=n, sizes=5).items():
        best = full - effects[list(sets[0])].sum(axis=0)
        assert all(len(set(places)) == size for places in sets) and len(set(sets)) == len(sets)
        assert margins_of(best[None], n)[0] == pytest.approx(exhaustive(full, effects, n, size), abs=0.05)


def test_grow_of_effects_mixed_up_finds_worse_sets() -> None:
    """The control: the effects are what ranks the sets."""
    found, truth = [], []
    for seed in range(8):
        full, effects = planted(seed)
        wrong = grow(full, np.random.default_rng(seed).permutation(effects), n=5, sizes=3)[3][0]
        found.append(float(margins_of((full - effects[list(wrong)].sum(axis=0))[None], 5)[0]))
        truth.append(exhaustive(full, effects, 5, 3))
    assert np.mean(found) > np.mean(truth) + 0.5


def test_grow_stops_where_there_are_no_more_candidates() -> None:
    full, effects = planted(0, count=3)
    assert {size: len(sets) for size, sets in grow(full, effects, n=5, sizes=3).items()} == {2: 3, 3: 1}


def test_margins_are_the_distance_from_the_nth_best() -> None:
    rows = np.array([[2.0, 5.0, 1.0, 3.0], [2.0, 0.0, 1.0, 1.5]], dtype=np.float32)
    assert margins_of(rows, 2).tolist() == [-1.0, 1.0]
    assert margins_of(rows, 3).tolist() == [1.0, 2.0]
    assert np.isinf(margins_of(rows, 4)).all()


def by_support(loaded: LoadedBundle, query: Query, item: int) -> list[int]:
    told = explain_item(loaded, query, item)
    return [h.item_ix for h in sorted(told.history, key=lambda h: -h.contribution)]


def test_search_of_a_long_history_tries_those_that_matter(loaded: LoadedBundle, monkeypatch) -> None:
    """With room for four of ten it still finds what the search over all of them finds, in fewer runs."""
    query = Query(history=HISTORY, n=5)
    for item in (i.item_ix for i in loaded.recommend(query).items):
        order = by_support(loaded, query, item)
        whole = RemovalSearch(loaded, query, item, n=5)
        every = whole.find(order, at_most=5)
        with monkeypatch.context() as patched:
            patched.setattr(
                "service.explaining.removals.LIMITS", dataclasses.replace(LIMITS, counterfactual_candidates=4)
            )
            fewer = RemovalSearch(loaded, query, item, n=5)
            found = fewer.find(order, at_most=5)
        assert every is not None and found is not None and len(found.items) == len(every.items)
        assert fewer.runs < whole.runs


def test_search_takes_only_what_it_may(loaded: LoadedBundle) -> None:
    query = Query(history=HISTORY, n=5)
    item = loaded.recommend(query).items[4].item_ix
    worst = by_support(loaded, query, item)[-2:]
    search = RemovalSearch(loaded, query, item, n=5)
    found = search.find([*worst, 49], at_most=5)  # 49 is not in the history
    assert found is None or set(found.items) <= set(worst)
    assert search.runs <= 1 + 2 + FIRST
    assert RemovalSearch(loaded, query, item, n=5).find([], at_most=5) is None
