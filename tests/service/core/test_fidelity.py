"""Fidelity recomputed by hand with the numpy twin, and better for the explanation's order than for its reverse."""

from __future__ import annotations

import numpy as np
import pytest

from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.explain import Extras, explain_item
from service.fidelity import measure_fidelity
from service.limits import LIMITS
from service.query import Query
from tests.builders import BuilderModel

MIXED = (0, 3, 6, 2, 5, 8, 11, 1)  # comedies, then horror, then a drama


def supporting(loaded: LoadedBundle, item: int) -> list[int]:
    told = explain_item(loaded, Query(history=MIXED), item)
    return [h.item_ix for h in sorted(told.history, key=lambda h: -h.contribution)]


def chance(twin: BuilderModel, history: list[int], item: int) -> float:
    logits = twin.logits(twin.encode(history))
    return float(np.exp(logits[item]) / np.exp(logits).sum())


def rank(twin: BuilderModel, history: list[int], item: int) -> int:
    logits = twin.logits(twin.encode(history))
    return 1 + sum(logits[j] > logits[item] for j in range(50) if j not in MIXED)


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


def test_measure_fidelity_short_history_cuts_k(loaded: LoadedBundle) -> None:
    assert measure_fidelity(loaded, Query(history=(3,)), 12, [3], k=5).k == 1


@pytest.mark.parametrize("k", [0, LIMITS.fidelity_k + 1])
def test_measure_fidelity_k_past_its_limits_is_refused(loaded: LoadedBundle, k: int) -> None:
    with pytest.raises(InvalidRequestError):
        measure_fidelity(loaded, Query(history=(3,)), 12, [3], k=k)


def test_explain_item_returns_fidelity_only_when_asked(loaded: LoadedBundle) -> None:
    assert explain_item(loaded, Query(history=MIXED), 12).fidelity is None
    asked = explain_item(loaded, Query(history=MIXED), 12, extras=Extras(fidelity_k=3)).fidelity
    assert asked == measure_fidelity(loaded, Query(history=MIXED), 12, supporting(loaded, 12), k=3)
