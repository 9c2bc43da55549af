"""The fused output layer against autograd on the plain dense formula, over every way that it can be walked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.training.models.contract import rows_of
from training.models.base import SparseRows
from training.output_loss import OutputLayer, Walk, output_nll

N_ITEMS, WIDTH = 300, 12
HISTORIES = ([0, 5, 7, 299], [], [33], list(range(0, 300, 2)), [64, 63, 96, 95])
TIGHT = {"rtol": 1e-4, "atol": 1e-6}
WALKS = {
    "kept, one chunk": Walk(),
    "kept, many chunks": Walk(chunk_bytes=5 * 4 * 64),
    "recomputed, many chunks": Walk(kept_bytes=0, chunk_bytes=5 * 4 * 64),
    "recomputed, one chunk": Walk(kept_bytes=0),
}


def layer(*, scale: float = 1.0) -> OutputLayer:
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(5, WIDTH), scale * torch.randn(N_ITEMS, WIDTH), torch.randn(N_ITEMS)
    return OutputLayer(*(part.requires_grad_() for part in (hidden, weight, bias)))


def dense_nll(output: OutputLayer, target: SparseRows) -> Tensor:
    """The textbook's: -sum x * log softmax(logits), [B]."""
    x = torch.zeros(len(target), N_ITEMS)
    x[target.row_of, target.indices] = 1.0
    return -(torch.log_softmax(output.hidden @ output.weight.T + output.bias, dim=1) * x).sum(1)


def gradients(output: OutputLayer, loss: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(loss, (output.hidden, output.weight, output.bias))


def relative_errors(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> list[float]:
    return [float((f - e).norm() / e.norm()) for f, e in zip(found, expected, strict=True)]


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS.keys())
@pytest.mark.parametrize("scale", [1.0, 30.0])  # 30: logits of hundreds, where a softmax without a shift overflows
def test_loss_and_gradients_equal_the_dense_formula(walk: Walk, scale: float) -> None:
    output, target, weights = layer(scale=scale), rows_of(HISTORIES), torch.rand(5)
    nll = dense_nll(output, target)
    found = output_nll(output, target, row_weights=weights, walk=walk)
    torch.testing.assert_close(found.nll, nll.detach())
    torch.testing.assert_close(found.total, (nll * weights).sum())
    for ours, theirs in zip(gradients(output, found.total), gradients(output, (nll * weights).sum()), strict=True):
        torch.testing.assert_close(ours, theirs, **TIGHT)


@pytest.mark.parametrize("kept_bytes", [0, 2**20])
def test_bfloat16_stays_within_its_rounding(kept_bytes: int) -> None:
    output, target = layer(), rows_of(HISTORIES)
    expected = dense_nll(output, target).mean()
    found = output_nll(output, target, walk=Walk(torch.bfloat16, kept_bytes, 5 * 2 * 64))
    assert found.total.item() == pytest.approx(expected.item(), rel=2e-3)
    errors = relative_errors(gradients(output, found.total), gradients(output, expected))
    assert 1e-5 < max(errors) < 0.015  # more than float32's: it was bfloat16 indeed


def test_gradient_of_other_targets_is_told_apart() -> None:
    output = layer()
    wrong = rows_of(([1, 5, 7, 299], *HISTORIES[1:]))
    found = gradients(output, output_nll(output, wrong, walk=Walk()).total)
    expected = gradients(output, dense_nll(output, rows_of(HISTORIES)).mean())
    assert max(relative_errors(found, expected)) > 0.015  # one item of 159 is seen even at bfloat16's tolerance


def test_scaled_loss_has_scaled_gradients() -> None:
    output, target = layer(), rows_of(HISTORIES)
    once, thrice = (gradients(output, output_nll(output, target, walk=Walk()).total * by) for by in (1.0, 3.0))
    for one, three in zip(once, thrice, strict=True):
        torch.testing.assert_close(three, 3.0 * one)


def test_frozen_parts_get_no_gradient_and_change_nothing() -> None:
    output, target = layer(), rows_of(HISTORIES)
    of_hidden, of_weight, _ = gradients(output, output_nll(output, target, walk=Walk()).total)
    frozen = OutputLayer(output.hidden, output.weight.detach(), output.bias.detach())
    output_nll(frozen, target, walk=Walk()).total.backward()
    torch.testing.assert_close(output.hidden.grad, of_hidden)
    given = OutputLayer(output.hidden.detach(), output.weight, output.bias)
    output_nll(given, target, walk=Walk()).total.backward()
    torch.testing.assert_close(output.weight.grad, of_weight)


def test_loss_without_gradients_is_the_same() -> None:
    output, target = layer(), rows_of(HISTORIES)
    with torch.no_grad():
        found = output_nll(output, target, walk=Walk())
    assert not found.total.requires_grad
    assert found.total.item() == output_nll(output, target, walk=Walk()).total.item()


def test_one_row_and_one_item() -> None:
    parts = (torch.ones(1, 2), torch.ones(1, 2, requires_grad=True), torch.zeros(1))
    found = output_nll(OutputLayer(*parts), rows_of(([0],)), walk=Walk())
    found.total.backward()
    assert found.total.item() == pytest.approx(0.0, abs=1e-6)  # the only item has probability 1
    assert parts[1].grad is not None
    assert parts[1].grad.abs().max().item() < 1e-6


def test_not_finite_weights_give_a_loss_that_is_not_finite() -> None:
    output = layer()
    with torch.no_grad():
        output.weight[17, 3] = float("nan")
    assert not torch.isfinite(output_nll(output, rows_of(HISTORIES), walk=Walk()).total)
