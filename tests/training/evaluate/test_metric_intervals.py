from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.intervals import list_metric, metric_of
from training.evaluate.lists import coverage


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_metric_is_mean_and_standard_error() -> None:
    metric = metric_of(np.array([0.0, 1.0, 1.0, 0.0]), rng())
    assert metric.mean == 0.5
    assert metric.se == pytest.approx(np.std([0, 1, 1, 0], ddof=1) / 2)
    assert metric.n == 4


def test_metric_interval_covers_the_truth_about_95_times_in_100() -> None:
    draws = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        metric = metric_of(draws.normal(0.3, 0.2, 80), rng())
        covered += metric.low <= 0.3 <= metric.high
    assert 0.88 <= covered / 200 <= 0.99  # an interval that always covers would fail as well


def test_metric_of_one_user_or_of_equal_users_has_no_width() -> None:
    for values in ([0.25], [0.25, 0.25, 0.25]):
        metric = metric_of(np.array(values), rng())
        assert (metric.mean, metric.se, metric.low, metric.high) == (0.25, 0.0, 0.25, 0.25)


def test_metric_with_one_seed_is_the_same_twice() -> None:
    values = np.random.default_rng(2).random(30)
    assert metric_of(values, rng()) == metric_of(values, rng())


def test_list_metric_interval_contains_its_own_figure() -> None:
    """A percentile interval would not: a resample has fewer distinct users and so covers less."""
    lists = np.arange(200).reshape(20, 10)
    metric = list_metric(lists, lambda top: coverage(top, n_items=200), rng())
    assert metric.mean == 1.0
    assert metric.low <= metric.mean <= metric.high
    assert metric.se > 0
