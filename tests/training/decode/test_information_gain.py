"""Each measure on inputs whose value is known."""

from __future__ import annotations

import numpy as np
import pytest

from training.decode.information_gain import entropy, information_gain, jensen_shannon, normalised_entropy

UNIFORM, COMEDY, HORROR = np.full(4, 0.25), np.eye(4)[0], np.eye(4)[1]


def test_entropy_uniform_over_four_is_two_bits():
    assert entropy(UNIFORM) == pytest.approx(2.0)


@pytest.mark.parametrize("n_values", [2, 3, 18])
def test_normalised_entropy_uniform_is_one(n_values):
    assert normalised_entropy(np.full(n_values, 1 / n_values)) == pytest.approx(1.0)


def test_normalised_entropy_one_value_taken_is_zero():
    assert normalised_entropy(COMEDY) == pytest.approx(0.0)


def test_normalised_entropy_attribute_with_one_value_is_zero_not_nan():
    assert normalised_entropy(np.ones((3, 1))).tolist() == [0.0, 0.0, 0.0]


def test_information_gain_equal_shares_is_zero():
    assert information_gain(UNIFORM, UNIFORM) == pytest.approx(0.0)


def test_information_gain_uniform_to_one_value_is_one():
    assert information_gain(UNIFORM, COMEDY) == pytest.approx(1.0)


def test_information_gain_more_mixed_than_prior_is_negative():
    assert information_gain(COMEDY, UNIFORM) == pytest.approx(-1.0)


def test_jensen_shannon_disjoint_is_one_bit():
    assert jensen_shannon(COMEDY, HORROR) == pytest.approx(1.0)


def test_jensen_shannon_same_is_zero():
    assert jensen_shannon(UNIFORM, UNIFORM) == pytest.approx(0.0)


def test_jensen_shannon_is_symmetric_and_between():
    p, q = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])
    assert jensen_shannon(p, q) == pytest.approx(float(jensen_shannon(q, p)))
    assert 0.0 < jensen_shannon(p, q) < 1.0


def test_information_gain_all_comedy_to_all_horror_is_blind_where_jensen_shannon_sees():
    assert information_gain(COMEDY, HORROR) == pytest.approx(0.0)
    assert jensen_shannon(COMEDY, HORROR) == pytest.approx(1.0)


def test_measures_batch_equals_one_by_one():
    shares = np.random.default_rng(0).dirichlet(np.ones(5), size=(2, 3))
    one_by_one = [[float(entropy(row)) for row in block] for block in shares]
    np.testing.assert_allclose(entropy(shares), one_by_one)
