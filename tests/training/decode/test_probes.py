from __future__ import annotations

import numpy as np
import pytest

from training.decode.probes import Points, fit_probes, judged, made_orthogonal, without

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(6, 6))
MU = RNG.normal(size=(4000, 6)) @ MIX
S = np.cov(MU.T, bias=True)


def correlations(weights):
    return np.corrcoef((MU @ weights).T)


def test_made_orthogonal_readings_are_uncorrelated_and_their_order_does_not_matter():
    weights = RNG.normal(size=(6, 3))
    weights[:, 1] = weights[:, 0] + 0.5 * weights[:, 1]
    assert abs(correlations(weights)[0, 1]) > 0.5
    found = made_orthogonal(weights, S)
    assert correlations(found) == pytest.approx(np.eye(3), abs=1e-6)
    shuffled = made_orthogonal(weights[:, [2, 0, 1]], S)
    assert shuffled == pytest.approx(found[:, [2, 0, 1]])
    assert [np.corrcoef(MU @ w, MU @ f)[0, 1] > 0.8 for w, f in zip(weights.T, found.T, strict=True)] == [True] * 3


def test_made_orthogonal_shares_that_sum_to_one_come_as_close_as_can_be():
    weights = RNG.normal(size=(6, 4))
    weights -= weights.mean(axis=1, keepdims=True)
    lengths = np.sqrt(np.einsum("ik,ij,jk->k", weights, S, weights))
    found = made_orthogonal(weights / lengths, S)
    spread = np.linalg.eigvalsh(found.T @ S @ found)
    assert spread == pytest.approx([0.0, 1.0, 1.0, 1.0], abs=1e-6), "what they span is read evenly, the rest not at all"
    assert np.linalg.eigvalsh(weights.T @ S @ weights)[-1] > 1.5 * np.linalg.eigvalsh(weights.T @ S @ weights)[1]


def test_without_is_uncorrelated_with_what_was_projected_out():
    one, others = RNG.normal(size=6), RNG.normal(size=(6, 2))
    left = without(one, others, S)
    assert np.abs(np.corrcoef((MU @ np.column_stack([left, others])).T)[0, 1:]).max() < 1e-6
    assert without(others @ [1.0, 2.0], others, S) == pytest.approx(np.zeros(6), abs=1e-9)


def test_pattern_moves_its_reading_by_one_sd_and_no_reading_that_is_uncorrelated():
    probes = fit_probes(MU, MU[:, :2] + 0.1 * RNG.normal(size=(4000, 2)))
    weights = made_orthogonal(probes.weights, probes.covariance)
    patterns = probes.pattern(weights)
    moved = weights.T @ patterns
    assert np.diag(moved) == pytest.approx((MU @ weights).std(axis=0))
    assert moved[0, 1] == pytest.approx(0.0, abs=1e-9)
    plain = probes.weights.T @ probes.pattern(probes.weights)
    assert abs(plain[0, 1]) > 0.1  # the control: as they are, moving one moves the other


def test_pattern_does_not_depend_on_the_axes():
    turn = RNG.normal(size=(6, 6))
    target = MU[:, :1]
    here, there = fit_probes(MU, target), fit_probes(MU @ turn.T, target)
    assert there.pattern(there.weights) == pytest.approx(turn @ here.pattern(here.weights), rel=0.05, abs=0.02)


def test_pattern_of_a_reading_of_nothing_is_zero():
    assert not fit_probes(MU, np.zeros((4000, 1))).pattern(np.zeros((6, 1))).any()


def test_judged_line_is_fitted_on_one_half_and_judged_on_the_other():
    x = RNG.normal(size=(2000, 2))
    y = np.column_stack([3.0 + 2.0 * x[:, 0] + RNG.normal(size=2000), RNG.normal(size=2000)])
    found = judged(Points(x[:1000], y[:1000]), Points(x[1000:], y[1000:]))
    assert found.r2() == pytest.approx([0.8, 0.0], abs=0.04)
    counts = RNG.multinomial(1000, np.full(1000, 1e-3), size=50).astype(float)
    assert found.r2(counts).mean(axis=0) == pytest.approx(found.r2(), abs=0.02)
    assert found.r2(np.ones((1, 1000)))[0] == pytest.approx(found.r2())
    few = judged(Points(x, y), Points(x[:5], y[:5]))
    assert few.r2().tolist() == [0.0, 0.0]
