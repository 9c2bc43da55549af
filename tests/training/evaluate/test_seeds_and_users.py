"""Intervals over users and seeds hold what they promise, on made-up figures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from bundle.manifest import Metric
from training.evaluate import by_user
from training.evaluate.by_user import difference_by_user, mean_by_user


def interval(figures: np.ndarray, rng: np.random.Generator) -> Metric:
    """One figure for each user."""
    return mean_by_user(figures, np.arange(figures.shape[1]), rng)


def paired(ours: np.ndarray, theirs: np.ndarray, rng: np.random.Generator) -> Metric:
    return difference_by_user(ours, theirs, np.arange(ours.shape[1]), rng)


def drawn(seed: int, *, gain: float = 0.0, n_users: int = 80, n_seeds: int = 5, seed_sd: float = 0.05) -> tuple:
    """Two models' figures [n_seeds, n_users]: users differ widely and alike for both, seeds shift a whole model."""
    rng = np.random.default_rng(seed)
    user = rng.normal(0.4, 0.2, n_users)
    made = [
        user + gain * first + rng.normal(0, seed_sd, (n_seeds, 1)) + rng.normal(0, 0.05, (n_seeds, n_users))
        for first in (1, 0)
    ]
    return made[0], made[1]


def test_interval_has_the_mean_and_the_standard_error_over_users():
    ours, _ = drawn(0)
    found = interval(ours, np.random.default_rng(1))
    assert found.mean == pytest.approx(ours.mean())
    assert found.se == pytest.approx(ours.mean(axis=0).std(ddof=1) / np.sqrt(80))
    assert found.low < found.mean < found.high
    assert found.high - found.low > 2 * 1.96 * found.se * 0.9


def test_interval_is_the_same_every_time():
    ours, theirs = drawn(0)
    assert interval(ours, np.random.default_rng(1)) == interval(ours, np.random.default_rng(1))
    assert paired(ours, theirs, np.random.default_rng(1)) == paired(ours, theirs, np.random.default_rng(1))


def test_paired_interval_covers_no_difference_about_as_often_as_it_says(monkeypatch):
    """Users alone would not do: the seeds' shifts are as large as the differences."""
    monkeypatch.setattr(by_user, "N_RESAMPLES", 400)
    covered, by_users_alone = 0, 0
    for seed in range(60):
        ours, theirs = drawn(seed)
        found = paired(ours, theirs, np.random.default_rng(seed))
        covered += found.low <= 0.0 <= found.high
        by_users_alone += abs(found.mean) <= 1.96 * found.se
    assert covered >= 48  # of 60; five seeds are few, so somewhat less than 95 %
    assert by_users_alone < covered - 15


def test_paired_interval_sees_a_difference_that_the_models_own_intervals_hide():
    ours, theirs = drawn(0, gain=0.05, seed_sd=0.0)
    apart = [interval(figures, np.random.default_rng(1)) for figures in (ours, theirs)]
    assert apart[0].low < apart[1].high
    assert paired(ours, theirs, np.random.default_rng(1)).low > 0.0


def test_paired_takes_models_of_different_numbers_of_seeds():
    ours, theirs = drawn(0, gain=0.1)
    found = paired(ours, theirs[:1], np.random.default_rng(1))
    assert found.mean == pytest.approx((ours.mean(axis=0) - theirs[0]).mean())


def test_one_user_and_one_seed_give_no_width():
    found = interval(np.array([[0.5]]), np.random.default_rng(1))
    assert (found.mean, found.se, found.low, found.high, found.n) == (0.5, 0.0, 0.5, 0.5, 1)
