"""Deletion and insertion curves: the service's own figures, brute force, and what must be so at their ends."""

from __future__ import annotations

import numpy as np
import pytest

from prismrec.explaining.curves import factor_curves, history_curves
from prismrec.explaining.orders import LEAVE_ONE_OUT, OURS, SHUFFLED, by_value
from service.explaining.fidelity import measure_factors, measure_fidelity
from tests.service.core.altered import tried

FIGURES = {"del": "del_at_k", "ins": "ins_at_k", "pos": "pos_at_k", "neg": "neg_at_k"}


def explained(loaded, asked):
    return loaded.explainer(asked.query.history, None, None, [asked.target, asked.other])


@pytest.fixture(scope="module")
def curves(loaded, known, asked):
    return history_curves(loaded, asked, explained(loaded, asked), known, np.random.default_rng(0))


@pytest.mark.parametrize("k", [1, 3, 5, 8])
def test_curves_of_the_explanation_are_the_figures_the_service_returns(loaded, asked, curves, k):
    found = explained(loaded, asked)
    order = by_value(found.history_items, found.history[0].astype(float))
    served = measure_fidelity(loaded, asked.query, asked.target, order, k=k).explanation
    for measure, name in FIGURES.items():
        assert np.mean(curves[OURS][measure][:k]) == pytest.approx(getattr(served, name), rel=1e-5)


def test_leave_one_out_begins_with_the_item_whose_absence_hurts_most(loaded, asked, curves):
    history = asked.query.history
    alone = [[ix for ix in history if ix != left] for left in history]
    trials = tried(loaded, asked.query, asked.target, [history, *alone])
    ratios = np.exp(trials.log_probability[1:] - trials.log_probability[0])
    assert curves[LEAVE_ONE_OUT]["del"][0] == pytest.approx(ratios.min(), rel=1e-5)
    assert curves[LEAVE_ONE_OUT]["del"][0] < ratios.mean()


def test_every_order_ends_at_the_same_places(curves):
    for curve in curves.values():
        assert len(curve["del"]) == 8
        assert curve["ins"][-1] == pytest.approx(1.0, abs=1e-5)
        assert curve["log ins"][-1] == pytest.approx(0.0, abs=1e-5)
        assert curve["del"][-1] == pytest.approx(curves[OURS]["del"][-1], rel=1e-5)
        assert np.log(curve["del"][0]) >= curve["log del"][0] - 1e-5


def test_factor_curves_lead_from_z_to_nothing_and_back(loaded, asked):
    curves = factor_curves(loaded, asked, explained(loaded, asked), np.random.default_rng(0))
    origin = np.zeros(loaded.n_latent, dtype=np.float32)
    scores = [
        loaded.scores(point, asked.query.history, shift=None) for point in (origin, loaded.encode(asked.query.history))
    ]
    probability = [np.exp(s[asked.target]) / np.exp(s).sum() for s in scores]
    for curve in curves.values():
        assert len(curve["del"]) == loaded.n_latent
        assert curve["ins"][-1] == pytest.approx(1.0, abs=1e-5)
        assert curve["del"][-1] == pytest.approx(probability[0] / probability[1], rel=1e-4)
    assert np.mean(curves[OURS]["del"]) < np.mean(curves["random"]["del"])


@pytest.mark.parametrize("k", [1, 3, 4])
def test_factor_curves_are_the_figures_the_service_returns(loaded, asked, k):
    found = explained(loaded, asked)
    curves = factor_curves(loaded, asked, found, np.random.default_rng(0))
    order = np.argsort(-found.latent[0], kind="stable").tolist()
    served = measure_factors(loaded, asked.query, asked.target, order, k=k).explanation
    for measure, name in FIGURES.items():
        assert np.mean(curves[OURS][measure][:k]) == pytest.approx(getattr(served, name), rel=1e-5)


def test_shuffled_explanation_is_another_order_of_the_same_values(curves):
    assert curves[SHUFFLED]["del"] != curves[OURS]["del"]
    assert np.mean(curves[SHUFFLED]["del"]) > np.mean(curves[OURS]["del"])
