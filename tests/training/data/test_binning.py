from __future__ import annotations

import numpy as np
import pytest

from training.data.binning import N_BINS, bin_numbers

NAN = float("nan")


def test_years_become_decades_in_time_order():
    bins = bin_numbers(np.array([1999.0, NAN, 2000.0, 1950.0, 1990.0]), decades=True)

    assert bins.names == ("1950s", "1990s", "2000s")
    assert bins.rows == (1, None, 2, 0, 1)


def test_few_distinct_numbers_are_a_bin_each():
    bins = bin_numbers(np.array([3.0, 1.0, NAN, 3.0, 2.0]))

    assert bins.names == ("1", "2", "3")
    assert bins.rows == (2, 0, None, 2, 1)


def test_many_numbers_are_cut_into_bins_of_equal_count():
    numbers = np.random.default_rng(0).permutation(np.arange(100) / 10 + 1)

    bins = bin_numbers(numbers)

    assert bins.names == ("1 to 2.9", "3 to 4.9", "5 to 6.9", "7 to 8.9", "9 to 10.9")
    assert np.bincount(bins.rows).tolist() == [20] * N_BINS
    assert [bins.rows[k] for k in np.argsort(numbers)] == sorted(bins.rows)


def test_ties_stay_together_and_leave_no_empty_bin():
    bins = bin_numbers(np.array([0.0] * 90 + [float(k) for k in range(1, 11)]))

    assert set(bins.rows) == set(range(len(bins.names)))
    assert len({bins.rows[k] for k in range(90)}) == 1
    assert bins.names[0] == "0"


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e7, 1e18])
def test_names_are_distinct_at_any_scale(scale):
    numbers = (1.0 + np.arange(1000) * 1e-6) * scale

    bins = bin_numbers(numbers)

    assert len(bins.names) == N_BINS
    assert len(set(bins.names)) == N_BINS
    for name in bins.names:
        low, high = (float(part) for part in name.split(" to "))
        assert numbers[0] * (1 - 1e-6) <= low < high <= numbers[-1] * (1 + 1e-6)


def test_no_numbers_give_no_bins():
    bins = bin_numbers(np.array([NAN, NAN]), decades=True)

    assert bins.names == ()
    assert bins.rows == (None, None)
