"""Best-dimension R2 and its gap on codes of known value."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.measures.known import constant, duplicated, factors, identity, noise, rotated
from training.measures.correlation import best_dimension, chance, squared_correlations, standardised

KNOWN = factors()


def test_copy_of_the_factors_has_an_r2_of_one_and_a_gap_of_nearly_one():
    found = best_dimension(identity(KNOWN), KNOWN)
    assert found.dimension.tolist() == [0, 1, 2, 3, 4]
    assert found.r2 == pytest.approx(np.ones(5))
    assert found.gap.min() > 0.98


def test_rotated_factors_have_neither():
    found = best_dimension(rotated(KNOWN), KNOWN)
    assert found.r2.mean() < 0.8
    assert found.gap.mean() < 0.5


def test_factor_in_two_dimensions_has_an_r2_of_one_and_no_gap():
    found = best_dimension(duplicated(KNOWN), KNOWN)
    assert found.r2 == pytest.approx(np.ones(5))
    assert found.gap == pytest.approx(np.zeros(5), abs=1e-9)


@pytest.mark.parametrize("codes", [noise(KNOWN), constant(KNOWN)])
def test_codes_that_say_nothing_have_no_r2(codes):
    assert best_dimension(codes, KNOWN).r2.max() < 0.02


def test_squared_correlation_is_numpys():
    codes = rotated(KNOWN) + noise(KNOWN, d=5)
    whole = np.corrcoef(codes.T, KNOWN.T)[:5, 5:]
    assert squared_correlations(codes, KNOWN) == pytest.approx(whole**2)


def test_single_dimension_has_no_runner_up():
    found = best_dimension(KNOWN[:, :1], KNOWN)
    assert found.runner_up == pytest.approx(np.zeros(5))
    assert found.gap[0] == pytest.approx(1.0)


def test_column_without_variance_is_zero_and_not_divided_by_it():
    assert standardised([[3.0, 1e9], [3.0, 1e9 + 1e-4]]).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_chance_is_what_noise_has_and_grows_with_the_dimensions():
    rng = np.random.default_rng(0)
    few, many = (chance(noise(KNOWN, d=d), KNOWN, rng) for d in (2, 200))
    assert many == pytest.approx(best_dimension(noise(KNOWN, d=200), KNOWN).r2.mean(), rel=0.4)
    assert many > 2 * few
    assert chance(identity(KNOWN), KNOWN, rng) < 0.02 < best_dimension(identity(KNOWN), KNOWN).r2.mean()
