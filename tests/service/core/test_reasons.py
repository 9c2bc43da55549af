"""The short reasons of a list add up to its scores, for every kind of model, and agree with the long explanation."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.writer import write_bundle
from service.bundles.loader import load_bundle
from service.engine import LoadedBundle
from service.explaining.explain import explain_item, explain_list
from service.explaining.explanation import ItemReasons
from service.query import Query
from tests.builders import builder_model
from tests.builders.folder import make_payload

N = 50
MODELS = ("loaded", "plain", "direct", "steered")
histories = st.lists(st.integers(0, N - 1), min_size=0, max_size=12).map(tuple)
shifts = st.none() | st.lists(st.floats(-3, 3, width=32), min_size=4, max_size=4)
conditions = st.sampled_from([None, ("any", "soft"), ("all", "soft"), ("any", "both"), ("any", "strict")])


def parts_of(reason: ItemReasons) -> float:
    return math.fsum(
        (reason.base_value, *(f.contribution for f in reason.factors), reason.other_factors, reason.linear)
    )


def query_of(bundle: LoadedBundle, history, asked, shift, *, n: int = 5) -> Query:
    condition = None
    if asked is not None:
        match, mode = asked
        condition = bundle.condition(["Comedy", "Drama"], match=match, mode=mode if bundle.soft_values else "strict")
    moved = None if shift is None else np.array(shift, dtype=np.float32)
    return Query(history=history, n=n, condition=condition, shift=moved)


@pytest.mark.parametrize("model", MODELS)
@given(history=histories, asked=conditions, shift=shifts)
def test_explain_list_reasons_of_any_model_add_up_to_the_scores(request, model, history, asked, shift) -> None:
    bundle = request.getfixturevalue(model)
    query = query_of(bundle, history, asked, shift)
    answer = bundle.recommend(query)
    for item, reason in zip(answer.items, explain_list(bundle, query, answer, top=2), strict=True):
        assert abs(parts_of(reason) - item.score) <= 1e-4 * max(abs(item.score), 1e-2)
        assert len(reason.factors) <= 2 and reason.sentence.endswith(".")


@pytest.mark.parametrize("left_out", ["other_factors", "linear", "base_value"])
def test_explain_list_reasons_without_one_of_the_parts_do_not_add_up(direct: LoadedBundle, left_out: str) -> None:
    """The control of the sums."""
    query = query_of(direct, (4, 7, 20), ("any", "soft"), None)
    answer = direct.recommend(query)
    reason = explain_list(direct, query, answer, top=2)[0]
    score = answer.items[0].score
    assert abs(parts_of(reason) - score) <= 1e-4 * abs(score)
    assert abs(parts_of(dataclasses.replace(reason, **{left_out: 0.0})) - score) > 1e-3 * abs(score)


@given(history=histories.filter(len), asked=conditions, shift=shifts, item=st.integers(0, N - 1))
def test_explain_item_adds_up_to_the_last_digits_under_whatever_a_condition_adds(
    steered, history, asked, shift, item
) -> None:
    """A gain of 30 leaves a float32 2e-6: the parts of a score are told finer than that."""
    told = explain_item(steered, query_of(steered, history, asked, shift), item)
    assert abs(told.residual) <= 1e-4 * max(abs(told.score - told.base_value), 1e-2)
    assert told.condition_gain == 0 or told.base_value == pytest.approx(told.condition_gain, abs=3)


def test_explain_item_where_a_condition_adds_hundreds_is_as_exact_as_without(tmp_path, monkeypatch) -> None:
    """The control: the same sums without what explain does about rounding."""
    model = builder_model(linear=True)
    assert model.linear is not None
    model = dataclasses.replace(model, linear=dataclasses.replace(model.linear, gamma=0.0, gain=1000.0))
    payload, manifest_of = make_payload(model, name="demo", version="1")
    bundle = load_bundle(write_bundle(tmp_path / "demo", "1", payload, manifest_of))
    query = query_of(bundle, (4, 7, 20), ("any", "soft"), (0.5, -1.0, 0.0, 0.0))
    items = [ix for ix in range(N) if bundle.satisfied(query.condition, [ix])]
    exact = max(abs(explain_item(bundle, query, ix).residual) for ix in items)
    by_history = max(abs(explain_item(bundle, query, ix).history_residual) for ix in items)
    monkeypatch.setattr("service.explaining.bases.ROUNDING", -1.0)
    rounded = max(abs(explain_item(bundle, query, ix).residual) for ix in items)
    assert exact < 3e-6 and by_history < 3e-6 and rounded > 3e-5


def test_condition_gain_is_what_the_condition_adds_to_the_same_score(
    direct: LoadedBundle, loaded: LoadedBundle
) -> None:
    asked = query_of(direct, (4, 7, 20), ("any", "soft"), None)
    plain = dataclasses.replace(asked, condition=None)
    has, lacks = 21, 2  # a comedy with drama, and a horror film
    assert explain_item(direct, asked, has).condition_gain > 25
    assert explain_item(direct, asked, lacks).condition_gain == 0
    assert explain_item(direct, plain, has).condition_gain == 0
    told, unasked = explain_item(direct, asked, has), explain_item(direct, plain, has)
    assert told.base_value - told.condition_gain == pytest.approx(unasked.base_value, abs=1e-6)
    by_factors = query_of(loaded, (4, 7, 20), ("any", "soft"), None)
    assert explain_item(loaded, by_factors, has).condition_gain == 0


def test_explain_list_agrees_with_the_explanation_of_each_item(steered: LoadedBundle) -> None:
    query = query_of(steered, (4, 7, 20), ("any", "soft"), (0.5, -1.0, 0.0, 0.0))
    answer = steered.recommend(query)
    for reason in explain_list(steered, query, answer, top=4):
        told = explain_item(steered, query, reason.item_ix)
        for name in ("base_value", "condition_gain", "linear"):
            assert getattr(reason, name) == pytest.approx(getattr(told, name), abs=1e-5)
        assert [f.shifted for f in sorted(reason.factors, key=lambda f: f.factor)][:2] == [0.5, -1.0]
        assert [f.item_has for f in reason.factors] == [f.item_has for f in told.factors]


def test_factor_says_whether_the_item_has_what_it_is_read_as(loaded: LoadedBundle) -> None:
    comedy, horror, unknown = 3, 2, 49
    query = Query(history=(0, 3, 6, 9))
    by_factor = {ix: {f.factor: f for f in explain_item(loaded, query, ix).factors} for ix in (comedy, horror, unknown)}
    assert by_factor[comedy][0].value == "Comedy" and by_factor[comedy][0].item_has is True
    assert by_factor[horror][0].item_has is False
    assert by_factor[comedy][3].status == "undecoded" and by_factor[comedy][3].item_has is None
    assert by_factor[unknown][1].attribute == "year" and by_factor[unknown][1].item_has is None, "its year is missing"


@given(history=histories.filter(len), data=st.data(), asked=conditions)
def test_explain_list_of_a_permuted_history_is_the_same(steered, history, data, asked) -> None:
    shuffled = tuple(data.draw(st.permutations(history)))
    first, second = (query_of(steered, h, asked, None) for h in (history, shuffled))
    assert explain_list(steered, first, steered.recommend(first)) == explain_list(
        steered, second, steered.recommend(second)
    )
