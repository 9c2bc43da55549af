"""UDR on trainings whose likeness is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.measures.known import factors, rotated
from training.measures.udr import disentanglement_ranking, likeness, similarities

AXES = factors(1000, g=8)
ALL = np.ones(8, bool)
BOTH = pytest.mark.parametrize("similarity", ["lasso", "spearman"])


@BOTH
def test_trainings_with_the_same_axes_in_another_order_and_sign_are_alike(similarity):
    codes = [AXES, -AXES[:, ::-1], 3.0 * np.roll(AXES, 2, axis=1)]
    found = disentanglement_ranking(codes, [ALL] * 3, similarity=similarity)
    assert found.min() > (0.85 if similarity == "lasso" else 0.75)


@BOTH
def test_rotated_trainings_are_not_alike(similarity):
    codes = [rotated(AXES, seed=seed) for seed in range(3)]
    assert disentanglement_ranking(codes, [ALL] * 3, similarity=similarity).max() < 0.4


@BOTH
def test_trainings_that_share_nothing_are_not_alike(similarity):
    codes = [factors(1000, seed=seed, g=8) for seed in range(3)]
    assert disentanglement_ranking(codes, [ALL] * 3, similarity=similarity).max() < 0.1


@BOTH
def test_dimensions_that_carry_nothing_do_not_count(similarity):
    spare = [np.hstack([AXES, np.random.default_rng(seed).normal(size=(1000, 8))]) for seed in (1, 2)]
    mask = np.arange(16) < 8
    kept = disentanglement_ranking(spare, [mask] * 2, similarity=similarity).mean()
    counted = disentanglement_ranking(spare, [np.ones(16, bool)] * 2, similarity=similarity).mean()
    assert kept > 0.75
    assert counted < 0.6


def test_odd_training_out_is_the_one_with_the_lowest_figure():
    codes = [AXES, -AXES, AXES[:, ::-1], rotated(AXES)]
    assert int(disentanglement_ranking(codes, [ALL] * 4).argmin()) == 3


def test_likeness_of_a_permutation_is_one_and_of_equal_entries_one_in_d():
    assert likeness(np.eye(4)[::-1]) == pytest.approx(1.0)
    assert likeness(np.ones((4, 4))) == pytest.approx(0.25)
    assert likeness(np.zeros((4, 4))) == 0.0
    assert likeness(np.zeros((0, 4))) == 0.0


def test_space_without_informative_dimensions_is_like_none():
    assert similarities(AXES[:, :0], AXES, "lasso").shape == (0, 8)
    assert disentanglement_ranking([AXES, AXES], [~ALL, ALL]).tolist() == [0.0, 0.0]


def test_one_training_is_refused():
    with pytest.raises(ValueError, match="nothing to be compared with"):
        disentanglement_ranking([AXES], [ALL])
