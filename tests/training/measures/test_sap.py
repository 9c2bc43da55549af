"""SAP on codes of known value."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.measures.known import constant, duplicated, factors, identity, noise, rotated
from training.measures.correlation import best_dimension
from training.measures.sap import separated_predictability

KNOWN = factors()
GENRE = np.random.default_rng(0).integers(0, 4, size=(1500, 2)).astype(float)
DISCRETE = [True, True]


def test_of_continuous_factors_it_is_the_gap_of_the_best_dimension():
    codes = rotated(KNOWN) + noise(KNOWN, d=5)
    assert separated_predictability(codes, KNOWN).tolist() == best_dimension(codes, KNOWN).gap.tolist()


def test_copy_has_one_and_a_rotation_or_a_duplicate_has_not():
    assert separated_predictability(identity(KNOWN), KNOWN).mean() > 0.98
    assert separated_predictability(rotated(KNOWN), KNOWN).mean() < 0.5
    assert separated_predictability(duplicated(KNOWN), KNOWN) == pytest.approx(np.zeros(5), abs=1e-9)


def test_discrete_copy_has_one_with_values_between_others():
    codes = np.hstack([GENRE * 2.0 - 1.0, noise(GENRE, d=3)])
    assert separated_predictability(codes, GENRE, discrete=DISCRETE).min() > 0.85


@pytest.mark.parametrize("codes", [noise(GENRE), constant(GENRE), np.hstack([GENRE, GENRE])])
def test_discrete_noise_constant_and_duplicate_have_none(codes):
    assert separated_predictability(codes, GENRE, discrete=DISCRETE).max() < 0.06


def test_discrete_factor_with_one_value_has_none():
    assert separated_predictability(GENRE, np.zeros((1500, 1)), discrete=[True]).tolist() == [0.0]


def test_value_of_two_intervals_is_told_by_the_better_one():
    code = np.arange(8.0)[:, None]
    middle = np.array([0, 1, 1, 0, 0, 0, 0, 0], dtype=float)[:, None]
    found = separated_predictability(code, middle, discrete=[True])
    assert found[0] == pytest.approx((1.0 + 5 / 6) / 2)
