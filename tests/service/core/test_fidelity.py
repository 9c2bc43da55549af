"""Fidelity recomputed by hand with the numpy twin, and better for the explanation's order than for its reverse."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.explaining.curves import factor_steps, history_steps
from service.explaining.explain import Extras, explain_item
from service.explaining.fidelity import measure_factors, measure_fidelity
from service.limits import LIMITS
from service.query import Query
from tests.builders import BuilderModel

MIXED = (0, 3, 6, 2, 5, 8, 11, 1)  # comedies, then horror, then a drama
SHIFT = np.array([0.4, -0.7, 0.0, 0.2], dtype=np.float32)


def supporting(loaded: LoadedBundle, item: int) -> list[int]:
    told = explain_item(loaded, Query(history=MIXED), item)
    return [h.item_ix for h in sorted(told.history, key=lambda h: -h.contribution)]


def supporting_factors(loaded: LoadedBundle, query: Query, item: int) -> list[int]:
    told = explain_item(loaded, query, item)
    return [f.factor for f in sorted(told.factors, key=lambda f: -f.contribution)]


def softmax(logits: np.ndarray, item: int) -> float:
    return float(np.exp(logits[item]) / np.exp(logits).sum())


def place(logits: np.ndarray, item: int) -> int:
    return 1 + sum(logits[j] > logits[item] for j in range(50) if j not in MIXED)


def chance(twin: BuilderModel, history: list[int], item: int) -> float:
    return softmax(twin.logits(twin.encode(history)), item)


def rank(twin: BuilderModel, history: list[int], item: int) -> int:
    return place(twin.logits(twin.encode(history)), item)


def test_measure_fidelity_equals_the_twin_by_hand(loaded: LoadedBundle, twin: BuilderModel) -> None:
    order, k, n = supporting(loaded, 12), 3, 5
    found = measure_fidelity(loaded, Query(history=MIXED, n=n), 12, order, k=k)
    whole = chance(twin, order, 12)
    deleted = [chance(twin, order[j:], 12) / whole for j in (1, 2, 3)]
    inserted = [chance(twin, order[:j], 12) / whole for j in (1, 2, 3)]
    assert found.explanation.del_at_k == pytest.approx(np.mean(deleted), rel=1e-4)
    assert found.explanation.ins_at_k == pytest.approx(np.mean(inserted), rel=1e-4)
    assert found.explanation.pos_at_k == np.mean([rank(twin, order[j:], 12) <= n for j in (1, 2, 3)])
    assert found.explanation.neg_at_k == np.mean([rank(twin, order[:-j], 12) <= n for j in (1, 2, 3)])
    assert (found.k, found.n, found.random_orders) == (k, n, 1)


def test_measure_fidelity_explanation_beats_random_and_its_reverse_does_not(loaded: LoadedBundle) -> None:
    """The second half is the positive control: the measure tells a bad order from a good one."""
    order, query = supporting(loaded, 12), Query(history=MIXED, n=5)
    good = measure_fidelity(loaded, query, 12, order, k=4, random_orders=8)
    bad = measure_fidelity(loaded, query, 12, order[::-1], k=4, random_orders=8)
    assert good.explanation.del_at_k < good.random.del_at_k < bad.explanation.del_at_k
    assert good.explanation.ins_at_k > good.random.ins_at_k > bad.explanation.ins_at_k
    assert good.random == bad.random  # same seed, same random orders


def test_measure_fidelity_depends_on_its_seed_alone(loaded: LoadedBundle) -> None:
    order, query = supporting(loaded, 12), Query(history=MIXED, n=5)
    runs = [measure_fidelity(loaded, query, 12, order, k=3, seed=seed) for seed in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0].random != runs[2].random
    assert runs[0].explanation == runs[2].explanation


def test_history_steps_of_several_orders_are_those_of_each(direct: LoadedBundle) -> None:
    orders = [list(MIXED), list(MIXED[::-1]), sorted(MIXED)]
    query = Query(history=MIXED, n=5)
    together = history_steps(direct, query, 12, orders, k=6)
    for place, order in enumerate(orders):
        alone = history_steps(direct, query, 12, [order], k=6)
        assert together.without_first[place] == pytest.approx(alone.without_first[0], abs=1e-5)
        assert together.only_first[place] == pytest.approx(alone.only_first[0], abs=1e-5)
        assert np.array_equal(together.listed_without_first[place], alone.listed_without_first[0])
        assert np.array_equal(together.listed_without_last[place], alone.listed_without_last[0])
    assert not np.allclose(together.only_first[0], together.only_first[1], atol=1e-2)


@pytest.mark.parametrize("shift", [None, SHIFT])
def test_measure_factors_equals_the_twin_by_hand(steered, steered_twin, shift) -> None:
    query, k = Query(history=MIXED, n=5, shift=shift), 3
    order = supporting_factors(steered, query, 12)
    mu, moved = steered_twin.encode(MIXED), np.zeros(4) if shift is None else shift.astype(float)
    told = steered_twin.linear.scores(MIXED, np.zeros(3))

    def scores(kept: list[int]) -> np.ndarray:
        here = np.isin(np.arange(4), kept)
        return steered_twin.logits(np.where(here, mu + moved, 0)) + told + np.where(here, moved, 0) @ steered_twin.along

    whole, steps = softmax(scores(order), 12), (1, 2, 3)
    found = measure_factors(steered, query, 12, order, k=k)
    assert found.explanation.del_at_k == pytest.approx(
        np.mean([softmax(scores(order[j:]), 12) / whole for j in steps]), rel=1e-4
    )
    assert found.explanation.ins_at_k == pytest.approx(
        np.mean([softmax(scores(order[:j]), 12) / whole for j in steps]), rel=1e-4
    )
    assert found.explanation.pos_at_k == np.mean([place(scores(order[j:]), 12) <= 5 for j in steps])
    assert found.explanation.neg_at_k == np.mean([place(scores(order[:-j]), 12) <= 5 for j in steps])


def test_measure_factors_explanation_beats_its_reverse(loaded: LoadedBundle) -> None:
    query = Query(history=MIXED, n=5)
    order = supporting_factors(loaded, query, 12)
    good = measure_factors(loaded, query, 12, order, k=2, random_orders=8)
    bad = measure_factors(loaded, query, 12, order[::-1], k=2, random_orders=8)
    assert good.explanation.del_at_k < good.random.del_at_k < bad.explanation.del_at_k
    assert good.explanation.ins_at_k > good.random.ins_at_k > bad.explanation.ins_at_k
    assert good.random == bad.random


def test_factor_steps_end_at_the_whole_and_at_nothing(loaded: LoadedBundle) -> None:
    """The last of the insertions is the score itself, and the last of the deletions is z = 0."""
    query, k = Query(history=MIXED, n=5), loaded.n_latent
    order = supporting_factors(loaded, query, 12)
    steps = factor_steps(loaded, query, 12, [order], k=k)
    assert np.exp(steps.only_first[0, -1]) == pytest.approx(1.0, rel=1e-5)
    told = explain_item(loaded, query, 12)
    base = loaded.scores(np.zeros(k, dtype=np.float32), MIXED, shift=None).astype(np.float64)
    assert np.exp(steps.without_first[0, -1]) == pytest.approx(softmax(base, 12) / told.probability, rel=1e-4)


def test_measure_fidelity_short_history_cuts_k(loaded: LoadedBundle) -> None:
    assert measure_fidelity(loaded, Query(history=(3,)), 12, [3], k=5).k == 1
    assert measure_factors(loaded, Query(history=(3,)), 12, [0, 1, 2, 3], k=5).k == 4


@pytest.mark.parametrize("k", [0, LIMITS.fidelity_k + 1])
def test_measure_fidelity_k_past_its_limits_is_refused(loaded: LoadedBundle, k: int) -> None:
    with pytest.raises(InvalidRequestError):
        measure_fidelity(loaded, Query(history=(3,)), 12, [3], k=k)
    with pytest.raises(InvalidRequestError):
        measure_factors(loaded, Query(history=(3,)), 12, [0, 1, 2, 3], k=k)


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 2], [0, 1, 2, 4]])
def test_measure_factors_of_an_order_that_is_not_of_all_is_refused(loaded: LoadedBundle, order: list[int]) -> None:
    with pytest.raises(InvalidRequestError):
        measure_factors(loaded, Query(history=(3,)), 12, order)


def test_curves_of_a_vanishing_probability_stay_finite(direct: LoadedBundle) -> None:
    """A condition's gain of 30 puts all others e^-30 down; ratios of such probabilities are taken in logarithms."""
    query = Query(history=MIXED, condition=direct.condition(["Comedy"]), n=5)
    found = measure_fidelity(direct, query, 2, list(MIXED), k=5)
    assert np.isfinite(dataclasses.astuple(found.explanation)).all()


def test_explain_item_returns_fidelity_of_both_views_only_when_asked(loaded: LoadedBundle) -> None:
    query = Query(history=MIXED)
    assert explain_item(loaded, query, 12).fidelity is None
    asked = explain_item(loaded, query, 12, extras=Extras(fidelity_k=3), top_factors=1).fidelity
    assert asked is not None
    assert dataclasses.replace(asked, factors=None) == measure_fidelity(loaded, query, 12, supporting(loaded, 12), k=3)
    assert asked.factors == measure_factors(loaded, query, 12, supporting_factors(loaded, query, 12), k=3)
