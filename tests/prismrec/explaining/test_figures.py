"""From users to means: what is averaged, over whom."""

from __future__ import annotations

import numpy as np
import pytest

from prismrec.explaining.figures import additivity, at, by_length, curve, history_of, orders, ratio_of, removed
from prismrec.explaining.orders import LEAVE_ONE_OUT, OURS
from tests.prismrec.explaining.users import GOOD, removal, user, users


def test_figure_at_k_is_the_mean_of_the_first_k_or_of_all_there_are():
    short = user(0)
    short.history[OURS]["del"][:] = [0.1, 0.3, 0.5]
    del short.history[OURS]["del"][3:]
    assert at([short], history_of, OURS, name="del", k=2) == pytest.approx([0.2])
    assert at([short], history_of, OURS, name="del", k=5) == pytest.approx([0.3])
    assert curve([short], history_of, OURS, name="del")[[0, 2, 19]] == pytest.approx([0.1, 0.5, 0.5])


def test_orders_are_compared_with_leave_one_out_user_by_user():
    found = {order.label: order for order in orders(users(history=GOOD | {OURS: 0.6}), history_of)}
    assert found[LEAVE_ONE_OUT].to_loo["del@5"].mean == 1.0
    assert found[LEAVE_ONE_OUT].less_loo["ins@20"].mean == 0.0
    assert found[OURS].to_loo["del@5"].mean == pytest.approx(1.2, abs=0.01)
    assert found[OURS].less_loo["del@5"].mean == pytest.approx(0.1, abs=0.005)
    assert found[OURS].at["del@5"].n == 40


def test_ratio_is_of_means_not_a_mean_of_ratios():
    found = ratio_of(np.array([1.0, 3.0]), np.array([1.0, 1.0]), np.random.default_rng(0))
    assert found.mean == 2.0
    assert (found.low, found.high) == (1.0, 3.0)


def test_residuals_are_over_items_of_all_lists():
    found = additivity([user(0, residual=1e-7), user(1, residual=5e-4)])
    factors, history = found
    assert (factors.view, factors.n, factors.largest, factors.within) == ("factors", 6, 5e-4, 0.5)
    assert (history.view, history.largest) == ("history", pytest.approx(5e-3))
    assert factors.left == pytest.approx(5e-5)


def test_counterfactuals_are_counted_by_size_and_rank():
    mine = [removal(1, 0), removal(2, 3, offered=True)]
    other = [removal(1, 1), removal(2, 1, confirmed=False)]
    found = removed([user(0, removals=mine, widened=[0]), user(1, removals=other, widened=[5])])
    assert found.coverage.mean == 0.75
    assert found.strict.mean == 0.5
    assert found.sizes == {0: 1, 1: 2, 2: 0, 3: 1}
    assert found.by_rank == {1: 0.5, 2: 1.0}
    assert (found.valid, found.confirmed) == (1.0, pytest.approx(2 / 3))
    assert found.mean_size == pytest.approx(5 / 3)
    assert found.widened == (2, 1)
    assert found.runs["most"] == 40


def test_nothing_found_is_no_error():
    found = removed([user(0, removals=[removal(1, 0)])])
    assert (found.coverage.mean, found.valid, found.mean_size) == (0.0, 0.0, 0.0)


def test_users_are_grouped_by_length():
    found = by_length([user(0, length=2), user(1, length=19), user(2, length=400)])
    assert [(name, len(some)) for name, some in found] == [("2 to 19", 2), ("100 and more", 1)]
