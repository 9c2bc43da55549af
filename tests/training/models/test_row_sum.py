from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.training.models.contract import rows_of
from training.models.base import SparseRows
from training.models.row_sum import row_sums, without_zeros

HISTORIES = ([0, 5, 7], [], [5], [1, 2, 5, 6])
N_ITEMS, WIDTH = 9, 4


def case() -> tuple[Tensor, SparseRows, Tensor]:
    torch.manual_seed(0)
    return torch.randn(N_ITEMS, WIDTH, requires_grad=True), rows_of(HISTORIES), torch.tensor([0.5, 0, 2, 3, 0, 1, 4, 0])


def dense_sums(table: Tensor, rows: SparseRows, weights: Tensor) -> Tensor:
    """x @ table with a dense x."""
    x = torch.zeros(len(rows), N_ITEMS)
    x[rows.row_of, rows.indices] = weights
    return x @ table


def test_sums_and_their_gradient_equal_the_dense_product() -> None:
    table, rows, weights = case()
    upstream = torch.randn(len(rows), WIDTH)
    found, expected = row_sums(table, rows, weights), dense_sums(table, rows, weights)
    torch.testing.assert_close(found, expected)
    (ours,), (dense,) = (torch.autograd.grad(sums, table, upstream) for sums in (found, expected))
    torch.testing.assert_close(ours, dense)
    other = weights.roll(1)  # positive control
    (wrong,) = torch.autograd.grad(row_sums(table, rows, other), table, upstream)
    assert not torch.allclose(wrong, dense)


def test_rows_of_no_weight_get_no_gradient() -> None:
    table, rows, _ = case()
    (gradient,) = torch.autograd.grad(row_sums(table, rows, torch.zeros(8)).sum(), table)
    assert gradient.abs().sum() == 0


def test_weights_that_need_a_gradient_get_theirs() -> None:
    table, rows, weights = case()
    weights = weights.requires_grad_()
    (found,) = torch.autograd.grad(row_sums(table, rows, weights).square().sum(), weights)
    (expected,) = torch.autograd.grad(dense_sums(table, rows, weights).square().sum(), weights)
    torch.testing.assert_close(found, expected)


def test_frozen_table_gives_the_same_sums() -> None:
    table, rows, weights = case()
    torch.testing.assert_close(row_sums(table.detach(), rows, weights), row_sums(table, rows, weights).detach())


@pytest.mark.parametrize("dropped", [[], [0, 1, 2], [3], list(range(8))])
def test_interactions_of_weight_zero_are_taken_out(dropped: list[int]) -> None:
    rows, weights = rows_of(HISTORIES), torch.arange(1.0, 9.0)
    weights[dropped] = 0.0
    kept, remaining = without_zeros(rows, weights)
    assert remaining.tolist() == [w for w in range(1, 9) if w - 1 not in dropped]
    assert kept.lengths.sum() == 8 - len(dropped)
    torch.testing.assert_close(
        dense_sums(torch.eye(N_ITEMS), kept, remaining), dense_sums(torch.eye(N_ITEMS), rows, weights)
    )
