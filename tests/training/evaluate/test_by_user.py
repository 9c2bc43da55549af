"""Intervals of figures of which a user has several."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.by_user import difference_by_user, mean_by_user
from training.evaluate.intervals import metric_of


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_one_figure_a_user_is_the_plain_mean_and_standard_error() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.1, 60)
    found, plain = mean_by_user(values[None], np.arange(60), rng()), metric_of(values, rng())
    assert (found.mean, found.se, found.n) == (pytest.approx(plain.mean), pytest.approx(plain.se), 60)
    assert (found.low, found.high) == (pytest.approx(plain.low, abs=0.005), pytest.approx(plain.high, abs=0.005))


def test_figures_said_ten_times_over_are_no_surer() -> None:
    values, user = np.random.default_rng(1).normal(0.4, 0.1, 60), np.arange(60)
    once = mean_by_user(values[None], user, rng())
    often = mean_by_user(np.tile(values, 10)[None], np.tile(user, 10), rng())
    assert (often.mean, often.se) == (pytest.approx(once.mean), pytest.approx(once.se))
    assert (often.low, often.high) == (pytest.approx(once.low), pytest.approx(once.high))
    assert metric_of(np.tile(values, 10), rng()).se < 0.4 * once.se  # the control: taken for independent


def test_interval_covers_the_truth_about_95_times_in_100() -> None:
    draws = np.random.default_rng(2)
    covered = 0
    for _ in range(150):
        n_each = draws.integers(1, 8, 60)
        user = np.repeat(np.arange(60), n_each)
        values = 0.3 + draws.normal(0, 0.2, 60)[user] + draws.normal(0, 0.1, len(user))
        found = mean_by_user(values[None], user, rng())
        covered += found.low <= 0.3 <= found.high
    assert 0.88 <= covered / 150 <= 0.99  # an interval that always covers would fail as well


def test_difference_is_paired_by_user() -> None:
    draws = np.random.default_rng(3)
    user = np.repeat(np.arange(50), 3)
    theirs = draws.normal(0.5, 0.2, len(user))
    found = difference_by_user((theirs + 0.01)[None], theirs[None], user, rng())
    assert (found.mean, found.low, found.high) == pytest.approx((0.01, 0.01, 0.01))
    apart = difference_by_user(draws.permutation(theirs)[None], theirs[None], user, rng())
    assert apart.low < 0 < apart.high  # the control


def test_seeds_are_averaged_and_widen_the_interval() -> None:
    draws = np.random.default_rng(4)
    user = np.arange(80)
    values = draws.normal(0.5, 0.05, 80)
    apart = np.stack([values - 0.1, values, values + 0.1])
    assert mean_by_user(apart, user, rng()).mean == pytest.approx(values.mean())
    widths = [found.high - found.low for found in (mean_by_user(f, user, rng()) for f in (apart, values[None]))]
    assert widths[0] > 3 * widths[1]
