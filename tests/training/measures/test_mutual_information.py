"""The mutual information gap, adjusted for chance, on codes of known value."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.measures.known import constant, duplicated, factors, identity, noise, rotated
from training.measures.mutual_information import adjusted_information, binned, mutual_information_gap

KNOWN = factors()


def gap(codes, known=KNOWN):
    return mutual_information_gap(codes, known, np.random.default_rng(0)).mean()


def test_copy_of_the_factors_has_a_gap_of_nearly_one():
    assert gap(identity(KNOWN)) == pytest.approx(1.0, abs=0.02)


def test_bent_copy_has_it_too_though_no_line_fits():
    assert gap(np.exp(2.0 * KNOWN)) == pytest.approx(1.0, abs=0.02)


def test_rotated_factors_have_little():
    assert gap(rotated(KNOWN)) < 0.25


def test_factor_in_two_dimensions_has_none():
    assert gap(duplicated(KNOWN)) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("codes", [noise(KNOWN), constant(KNOWN)])
def test_codes_that_say_nothing_have_none(codes):
    assert abs(gap(codes)) < 0.02


def test_noise_is_adjusted_to_nothing_where_plain_information_is_not():
    known, few = factors(300), noise(factors(300), d=20)
    adjusted = adjusted_information(few, known, np.random.default_rng(0))
    assert abs(adjusted.mean()) < 0.02
    joint = np.histogram2d(binned(few)[:, 0], binned(known)[:, 0], bins=20)[0] / 300
    alone = joint.sum(axis=1, keepdims=True) @ joint.sum(axis=0, keepdims=True)
    plain = (joint[joint > 0] * np.log(joint[joint > 0] / alone[joint > 0])).sum()
    assert plain > 0.4  # nats: the bias that the adjustment takes off


def test_discrete_factors_are_taken_by_value():
    genre = np.random.default_rng(0).integers(0, 3, size=(900, 2)).astype(float)
    assert gap(np.hstack([genre, noise(genre, d=2)]), genre) == pytest.approx(1.0, abs=0.05)
    assert sorted(np.unique(binned(genre)).tolist()) == [0, 1, 2]


def test_continuous_values_are_cut_into_equally_many_users():
    counts = np.bincount(binned(KNOWN[:1000])[:, 0])
    assert len(counts) == 20
    assert counts.min() >= 49
    assert counts.max() <= 51


def test_too_few_users_for_the_bins_measure_nothing():
    tiny = factors(12)
    assert mutual_information_gap(identity(tiny), tiny, np.random.default_rng(0)).tolist() == [0.0] * 5
