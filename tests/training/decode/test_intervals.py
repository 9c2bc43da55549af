from __future__ import annotations

import numpy as np

from training.decode.intervals import Bootstrap


def test_bootstrap_normal_sample_covers_the_mean_about_95_percent():
    rng = np.random.default_rng(0)
    boot = Bootstrap(60, 400, rng)
    interval = boot.mean(rng.normal(size=(60, 500)))  # 500 cells whose true mean is 0
    covered = ((interval.low <= 0) & (interval.high >= 0)).mean()
    assert 0.90 <= covered <= 0.98


def test_bootstrap_constant_observations_have_no_width():
    interval = Bootstrap(10, 50, np.random.default_rng(0)).mean(np.full((10, 2), 3.0))
    np.testing.assert_allclose([interval.mean, interval.low, interval.high], np.full((3, 2), 3.0))


def test_bootstrap_width_matches_the_standard_error():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 1))
    interval = Bootstrap(200, 2000, rng).mean(values)
    expected = 2 * 1.96 * values.std() / np.sqrt(200)
    np.testing.assert_allclose(interval.high - interval.low, expected, rtol=0.1)


def test_bootstrap_single_observation_is_its_own_interval():
    interval = Bootstrap(1, 20, np.random.default_rng(0)).mean(np.array([[0.4]]))
    assert interval.low == interval.high == 0.4
