"""Explanations of a model with a linear term: both views hold it, and what is measured of them is the whole model."""

from __future__ import annotations

import dataclasses
import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import LoadedBundle
from service.explaining.counterfactual import find_counterfactual
from service.explaining.explain import Extras, explain_item, explain_list
from service.explaining.explanation import ItemExplanation
from service.explaining.fidelity import measure_fidelity
from service.query import Query
from tests.builders import BuilderModel

HISTORY = (4, 7, 13, 20, 31)
N = 50
histories = st.lists(st.integers(0, N - 1), min_size=1, max_size=12).map(tuple)


def best(scores: np.ndarray, *, but: tuple[int, ...], n: int) -> list[int]:
    return [int(j) for j in np.argsort(-scores, kind="stable") if j not in but][:n]


def gap(told: ItemExplanation) -> float:
    """How far the parts are from the score, relative to the larger of the two spans."""
    parts = math.fsum(f.contribution for f in told.factors) + told.other_factors + told.linear
    return abs(told.score - told.base_value - parts) / max(abs(told.score), abs(told.base_value), 1e-3)


@given(history=histories, item=st.integers(0, N - 1), asked=st.sampled_from([None, "any", "all"]))
def test_explain_item_any_history_contributions_sum_to_the_score(direct, history, item, asked) -> None:
    condition = None if asked is None else direct.condition(["Comedy", "Drama"], match=asked)
    told = explain_item(direct, Query(history=history, condition=condition), item)
    assert gap(told) <= 1e-5
    assert told.linear == math.fsum(h.linear for h in told.history)
    whole = told.base_value + math.fsum(f.contribution for f in told.factors) + told.linear + told.residual
    assert whole == pytest.approx(told.score, abs=1e-12)
    by_item = told.history_base + math.fsum(h.contribution for h in told.history)
    assert by_item == pytest.approx(told.score, abs=1e-3)


def test_explain_item_equals_the_twin_in_both_views(direct: LoadedBundle, direct_twin: BuilderModel) -> None:
    shift = np.array([0.5, -1.0, 0.0, 0.0], dtype=np.float32)
    query = Query(history=HISTORY, condition=direct.condition(["Comedy", "Drama"], match="all"), shift=shift)
    told = explain_item(direct, query, 21)  # 21 has both genres, and item 20 points to it
    truth = direct_twin.explain(HISTORY, (21,), condition=(0, 1), weight=0.5, shift=shift.astype(float))
    by_factor = {f.factor: f.contribution for f in told.factors}
    by_item = {h.item_ix: (h.contribution, h.linear) for h in told.history}
    assert np.allclose([by_factor[i] for i in range(4)], truth.latent[0], atol=1e-5)
    assert np.allclose([by_item[ix] for ix in HISTORY], np.column_stack([truth.history[0], truth.linear[0]]), atol=1e-5)
    assert told.base_value == pytest.approx(truth.latent_base[0], abs=1e-4) and told.base_value > 25  # the gain
    assert told.history_base == pytest.approx(truth.history_base[0], abs=1e-4)
    assert told.score == pytest.approx(direct_twin.scores(HISTORY, (0, 1), weight=0.5, shift=shift)[21], abs=1e-4)
    assert told.history[0].item_ix == 20, "the item that points to it stands first in its explanation"


def test_explain_item_whose_explainer_forgets_the_term_shows_it_in_the_residual(direct, monkeypatch) -> None:
    """The positive control of the sums (the loader refuses such a bundle: LINEAR_DAMAGES)."""
    good = direct._graphs.explain

    def forgetful(*args, **options):
        found = good(*args, **options)
        return dataclasses.replace(found, linear=0 * found.linear, history=found.history - found.linear)

    honest = explain_item(direct, Query(history=HISTORY), 21)
    monkeypatch.setattr(direct._graphs, "explain", forgetful)
    told = explain_item(direct, Query(history=HISTORY), 21)
    assert gap(told) > 0.1 > gap(honest)
    assert told.residual == pytest.approx(honest.linear, abs=1e-4)
    assert told.history_residual == pytest.approx(honest.linear, abs=1e-3)


def test_explain_item_explained_share_counts_what_goes_past_the_factors(direct: LoadedBundle) -> None:
    told = explain_item(direct, Query(history=HISTORY), 21)
    decoded = sum(abs(f.contribution) for f in told.factors if f.status == "decoded")
    factors, past = sum(abs(f.contribution) for f in told.factors), sum(abs(h.linear) for h in told.history)
    assert told.explained_share == pytest.approx(decoded / (factors + past))
    assert past > 0.1 * factors


def test_explain_list_credits_history_items_with_their_direct_part(
    direct: LoadedBundle, direct_twin: BuilderModel
) -> None:
    query = Query(history=HISTORY, n=5)
    answer = direct.recommend(query)
    for item, reason in zip(answer.items, explain_list(direct, query, answer), strict=True):
        truth = direct_twin.explain(HISTORY, (item.item_ix,))
        order = [HISTORY[i] for i in np.argsort(-np.abs(truth.history[0]), kind="stable")[:3]]
        assert [h.item_ix for h in reason.history] == order
        assert reason.history[0].linear == pytest.approx(truth.linear[0][HISTORY.index(order[0])], abs=1e-5)


def test_measure_fidelity_equals_the_twin_by_hand(direct: LoadedBundle, direct_twin: BuilderModel) -> None:
    told = explain_item(direct, Query(history=HISTORY), 21)
    order = [h.item_ix for h in sorted(told.history, key=lambda h: -h.contribution)]

    def chance(history: list[int], scores=direct_twin.scores) -> float:
        found = scores(history)
        return float(np.exp(found[21]) / np.exp(found).sum())

    found = measure_fidelity(direct, Query(history=HISTORY, n=5), 21, order, k=3).explanation
    deleted = [chance(order[j:]) / chance(order) for j in (1, 2, 3)]
    inserted = [chance(order[:j]) / chance(order) for j in (1, 2, 3)]
    assert found.del_at_k == pytest.approx(np.mean(deleted), rel=1e-4)
    assert found.ins_at_k == pytest.approx(np.mean(inserted), rel=1e-4)

    def decoder(history: list[int]) -> np.ndarray:
        return direct_twin.logits(direct_twin.encode(history))

    alone = [chance(order[j:], decoder) / chance(order, decoder) for j in (1, 2, 3)]
    assert found.del_at_k != pytest.approx(np.mean(alone), rel=1e-2), "the control: the decoder alone says otherwise"


def test_find_counterfactual_holds_on_the_whole_model_and_needs_every_item(direct, direct_twin) -> None:
    query = Query(history=HISTORY, n=3)
    item = 21
    assert item in [i.item_ix for i in direct.recommend(query).items]
    told = explain_item(direct, query, item, extras=Extras(counterfactual=True))
    found = told.counterfactual
    assert found == find_counterfactual(
        direct, query, item, [h.item_ix for h in sorted(told.history, key=lambda h: -h.contribution)]
    )
    assert found is not None and found.valid and 20 in found.remove  # the item that points to it

    def top(removed: tuple[int, ...]) -> list[int]:
        kept = tuple(ix for ix in HISTORY if ix not in removed)
        return best(direct_twin.scores(kept), but=HISTORY, n=3)

    assert item not in top(found.remove)
    for size in range(len(found.remove)):
        assert all(item in top(smaller) for smaller in combinations(found.remove, size))
