"""Explanations of the planted bundle: they add up, and they name what was planted."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import LoadedBundle
from service.errors import InvalidRequestError, NonFiniteScoreError, UnknownItemError
from service.explaining.explain import Extras, explain_item, explain_list
from service.explaining.explanation import ItemExplanation
from service.limits import LIMITS
from service.query import Query
from tests.builders import BuilderModel

COMEDIES = (0, 3, 6, 9)
histories = st.lists(st.integers(0, 49), min_size=1, max_size=12).map(tuple)


def gap(told: ItemExplanation) -> float:
    """How far the parts are from the score, relative to the larger of the two spans."""
    parts = math.fsum(f.contribution for f in told.factors) + told.other_factors + told.linear
    return abs(told.score - told.base_value - parts) / max(abs(told.score), abs(told.base_value), 1e-3)


@given(history=histories, item=st.integers(0, 49))
def test_explain_item_any_history_contributions_sum_to_the_score(loaded, history, item) -> None:
    told = explain_item(loaded, Query(history=history), item)
    assert gap(told) <= 1e-5
    whole = told.base_value + math.fsum(f.contribution for f in told.factors) + told.other_factors + told.residual
    assert whole == pytest.approx(told.score, abs=1e-12)
    assert told.score == pytest.approx(float(loaded.scores(loaded.encode(history), history, shift=None)[item]), abs=0)


def test_explain_item_shuffled_contributions_fail_the_same_check(loaded: LoadedBundle) -> None:
    """The positive control: the contributions of another item do not add up to this one's score."""
    told, other = (explain_item(loaded, Query(history=COMEDIES), ix) for ix in (12, 2))
    assert gap(told) <= 1e-5
    assert gap(dataclasses.replace(told, factors=other.factors)) > 1e-2


def test_explain_item_equals_the_twin_in_both_views(loaded: LoadedBundle, twin: BuilderModel) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    truth = twin.explain(COMEDIES, (12,))
    by_factor = {f.factor: f.contribution for f in told.factors}
    by_item = {h.item_ix: h.contribution for h in told.history}
    assert np.allclose([by_factor[i] for i in range(4)], truth.latent[0], atol=1e-5)
    assert np.allclose([by_item[ix] for ix in COMEDIES], truth.history[0], atol=1e-5)
    assert told.history_residual == pytest.approx(0, abs=1e-4)
    total = told.history_base + math.fsum(by_item.values()) + told.history_residual
    assert total == pytest.approx(told.score, abs=1e-9)


def test_explain_item_for_a_comedy_lover_names_the_planted_factor(loaded: LoadedBundle) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    top = told.factors[0]
    assert (top.factor, top.half, top.attribute, top.value, top.status) == (0, "positive", "genre", "Comedy", "decoded")
    assert top.contribution > 0
    assert top.percentile > 90
    assert (top.quality.effect, top.quality.q_value) == (0.2, 0.003)
    assert "you lean to Comedy (factor 0, top" in told.sentence
    assert "mostly" in told.sentence
    horror = explain_item(loaded, Query(history=(2, 5, 8, 11)), 14).factors[0]
    assert (horror.factor, horror.half, horror.value) == (0, "negative", "Horror")


def test_explain_item_undecoded_factor_is_said_to_be_undecoded(loaded: LoadedBundle) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    last = next(f for f in told.factors if f.factor == 3)
    assert (last.status, last.attribute, last.value) == ("undecoded", None, None)
    shift = np.array([0, 0, -9.0, 0], dtype=np.float32)  # into the half of factor 2 that is not decoded
    driven = explain_item(loaded, Query(history=COMEDIES, shift=shift), 7).factors[0]
    assert (driven.factor, driven.half, driven.status, driven.value) == (2, "negative", "undecoded", None)


def test_explain_item_explained_share_counts_decoded_factors_alone(loaded: LoadedBundle) -> None:
    told = explain_item(loaded, Query(history=COMEDIES), 12)
    sizes = {f.factor: (abs(f.contribution), f.status) for f in told.factors}
    decoded = sum(size for size, status in sizes.values() if status == "decoded")
    assert told.explained_share == pytest.approx(decoded / sum(size for size, _ in sizes.values()))
    assert 0 < told.explained_share < 1


def test_explain_item_top_factors_moves_the_rest_into_one_number(loaded: LoadedBundle) -> None:
    whole = explain_item(loaded, Query(history=COMEDIES), 12)
    cut = explain_item(loaded, Query(history=COMEDIES), 12, top_factors=1)
    assert (cut.factors, cut.n_other_factors) == (whole.factors[:1], 3)
    assert cut.other_factors == pytest.approx(sum(f.contribution for f in whole.factors[1:]))
    assert (cut.residual, cut.sentence, whole.other_factors) == (whole.residual, whole.sentence, 0.0)
    assert gap(cut) <= 1e-5


@given(history=histories, data=st.data())
def test_explain_item_permuted_history_changes_nothing(loaded, history, data) -> None:
    shuffled = tuple(data.draw(st.permutations(history)))
    asked = Extras(fidelity_k=3, seed=2)
    first, second = (explain_item(loaded, Query(history=h), 12, extras=asked) for h in (history, shuffled))
    assert first == second


def test_explain_item_under_a_condition_and_a_shift_adds_up(loaded: LoadedBundle, twin: BuilderModel) -> None:
    shift = np.array([0.5, -1.0, 0.0, 0.0], dtype=np.float32)
    query = Query(history=(2, 5), condition=loaded.condition(["Comedy"]), shift=shift)
    told = explain_item(loaded, query, 9)
    truth = twin.explain((2, 5), (9,), condition=(0,), shift=shift.astype(float))
    assert gap(told) <= 1e-5
    assert math.fsum(f.contribution for f in told.factors) == pytest.approx(truth.latent.sum(), abs=1e-4)
    assert told.history_base == pytest.approx(truth.history_base[0], abs=1e-4)


def test_explain_item_rank_is_its_place_in_the_list(loaded: LoadedBundle) -> None:
    for item in loaded.recommend(Query(history=COMEDIES, n=46)).items:
        told = explain_item(loaded, Query(history=COMEDIES), item.item_ix)
        assert (told.rank, told.score, told.seen) == (item.rank, item.score, False)
        assert told.probability == pytest.approx(item.probability)


@pytest.mark.parametrize(
    ("query", "item", "seen", "why"),
    [
        (Query(history=COMEDIES), 3, True, "seen"),
        (Query(history=COMEDIES, exclude=frozenset({12})), 12, False, "excluded"),
        (Query(history=COMEDIES, candidates=(1, 2)), 12, False, "excluded"),
    ],
)
def test_explain_item_that_cannot_be_listed_is_answered_and_flagged(loaded, query, item, seen, why) -> None:
    told = explain_item(loaded, query, item)
    assert (told.rank, told.seen, told.not_listed) == (None, seen, why)
    assert gap(told) <= 1e-5


def test_explain_item_outside_a_strict_condition_is_flagged(loaded: LoadedBundle) -> None:
    query = Query(history=COMEDIES, condition=loaded.condition(["Horror"], mode="strict"))
    assert explain_item(loaded, query, 12).not_listed == "condition"
    assert explain_item(loaded, query, 2).not_listed is None


def test_explain_item_of_a_seen_item_that_may_be_listed_has_a_rank(loaded: LoadedBundle) -> None:
    told = explain_item(loaded, Query(history=COMEDIES, exclude_seen=False), 3)
    assert (told.seen, told.not_listed) == (True, None)
    assert told.rank is not None


@pytest.mark.parametrize("bad", [-1, 50])
def test_explain_item_of_an_unknown_item_is_refused(loaded: LoadedBundle, bad: int) -> None:
    with pytest.raises(UnknownItemError):
        explain_item(loaded, Query(history=COMEDIES), bad)


def test_explain_item_without_anything_known_is_refused_with_a_way_out(loaded: LoadedBundle) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        explain_item(loaded, Query(history=()), 1)
    assert caught.value.errors[0].pointer == "/history"
    assert "/coldstart" in caught.value.hint
    soft = Query(history=(), condition=loaded.condition(["Comedy"]))
    assert gap(explain_item(loaded, soft, 1)) <= 1e-5


@pytest.mark.parametrize("bad", [0, LIMITS.top_factors + 1])
def test_explain_item_top_factors_past_its_limits_is_refused(loaded: LoadedBundle, bad: int) -> None:
    with pytest.raises(InvalidRequestError):
        explain_item(loaded, Query(history=COMEDIES), 1, top_factors=bad)


def test_explain_item_non_finite_explainer_is_an_error(loaded: LoadedBundle, monkeypatch) -> None:
    runner = loaded._graphs
    good = runner.explain

    def broken(*args, **options):
        found = good(*args, **options)
        found.latent[0, 0] = np.nan
        return found

    monkeypatch.setattr(runner, "explain", broken)
    with pytest.raises(NonFiniteScoreError):
        explain_item(loaded, Query(history=COMEDIES), 1)


def test_explain_list_gives_each_item_its_own_reasons(loaded: LoadedBundle) -> None:
    query = Query(history=COMEDIES, n=5)
    answer = loaded.recommend(query)
    reasons = explain_list(loaded, query, answer, top=2)
    assert [r.item_ix for r in reasons] == [i.item_ix for i in answer.items]
    for reason in reasons:
        alone = explain_item(loaded, query, reason.item_ix)
        assert [f.factor for f in reason.factors] == [f.factor for f in alone.factors[:2]]
        assert np.allclose(
            [f.contribution for f in reason.factors], [f.contribution for f in alone.factors[:2]], atol=1e-5
        )
        assert len(reason.history) == 2
        assert reason.sentence.startswith("Recommended ")


def test_explain_list_by_popularity_says_that_it_is_not_personal(loaded: LoadedBundle) -> None:
    query = Query(history=(), n=3)
    reasons = explain_list(loaded, query, loaded.recommend(query))
    assert len(reasons) == 3
    assert all("popular" in r.sentence and not r.factors for r in reasons)
