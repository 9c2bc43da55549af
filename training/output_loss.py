"""A linear output layer and its multinomial loss in one: -sum of log softmax(W h + b) over a row's target items.

The obvious way makes three blocks of [B, n_items]: the logits, their log-softmax and its gradient. Here the items are
walked over in chunks that fit the processor's cache, and the gradients of h, W and b come out of the same walk, as in
the fused losses of language models (Hsu et al. 2024, arXiv 2410.10989; Wijmans et al. 2024, arXiv 2411.09009). For a
row with n target items the gradient of its logits is n * softmax - target; with E = exp(logits - shift) it is
scale * (E - target / scale), where scale = n * exp(shift - logsumexp) is one number a row. So the scale goes into h
and the block E is written once, by one exponential, and never divided by anything.

Cost: three products of B * H * n_items multiplications, in bfloat16 where asked (sums are float32). The exponentials
[B, n_items] are kept between the two walks if they fit KEPT_BYTES; above, four products and one chunk at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:  # the base of the models has this as its output's type, so it must not be needed to import it
    from training.models.base import SparseRows

KEPT_BYTES = 256 * 2**20
CHUNK_BYTES = {"cpu": 4 * 2**20, "cuda": 256 * 2**20}
"""Bytes of logits worked on at a time: a chunk stays in a CPU's cache; a GPU wants few large products."""
SMALLEST_SCALE = 1e-30
EXTRA = 8
"""Columns added to h and W, so that the products add the bias (two numbers: what bfloat16 keeps, the rest) too."""


@dataclass(frozen=True, slots=True)
class OutputLayer:
    """logits = hidden @ weight.T + bias: hidden [B, H], weight [n_items, H], bias [n_items]."""

    hidden: Tensor
    weight: Tensor
    bias: Tensor

    def logits(self) -> Tensor:
        """[B, n_items] float32."""
        return functional.linear(self.hidden, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class Walk:
    """How the loss is worked out.

    dtype         of the products
    kept_bytes    of exponentials kept at most; chunk_bytes: of those worked on at a time, None = the device's
    sampled_items beside the batch's own; None = the softmax is over all (training/sampled_items.py)
    sparse        then the item matrices get sparse gradients, which several processes cannot add up (DDP)
    """

    dtype: torch.dtype = torch.float32
    kept_bytes: int = KEPT_BYTES
    chunk_bytes: int | None = None
    sampled_items: int | None = None
    sparse: bool = True

    def width(self, n_rows: int, device: torch.device) -> int:
        """Items in a chunk, a multiple of 32."""
        limit = self.chunk_bytes or CHUNK_BYTES.get(device.type, CHUNK_BYTES["cpu"])
        return max(32, limit // (max(n_rows, 1) * self.dtype.itemsize) // 32 * 32)


class Nll(NamedTuple):
    """total: sum over rows of row weight * nll, a scalar with a gradient; nll: -log likelihood of each row [B] in nats,
    without one."""

    total: Tensor
    nll: Tensor


def output_nll(layer: OutputLayer, target: SparseRows, *, row_weights: Tensor | None = None, walk: Walk) -> Nll:
    """The loss of sparse targets under a linear output layer; row_weights [B], None = 1 / B each (the mean).

    Exact in float32 up to rounding; in bfloat16 logits are rounded to 8 bits. A row without targets has nll 0. Twice
    differentiable it is not.
    """
    if row_weights is None:
        row_weights = layer.hidden.new_full((len(target),), 1.0 / max(len(target), 1))
    job = _Job(target, row_weights.detach().float(), walk, torch.is_grad_enabled())
    total, nll = _OutputNll.apply(layer.hidden, layer.weight, layer.bias, job)  # type: ignore[no-untyped-call]
    return Nll(total, nll)


@dataclass(frozen=True, slots=True)
class _Job:
    target: SparseRows
    row_weights: Tensor
    walk: Walk
    with_gradient: bool


class _OutputNll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, job: _Job) -> tuple[Tensor, Tensor]:
        fused = _Fused(hidden, weight, bias, job)
        nll = fused.forward_walk()
        ctx.gradients = (None, None, None)
        if job.with_gradient and any(ctx.needs_input_grad[:3]):
            of_hidden, of_weight, of_bias = ctx.needs_input_grad[:3]
            ctx.gradients = fused.gradient_walk(of_hidden=of_hidden, of_weight=of_weight or of_bias)
        total = (nll * job.row_weights).sum()
        ctx.mark_non_differentiable(nll)
        return total, nll

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, _nll: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients are there already; upstream is 1 unless the caller scaled the loss."""
        gradients, ctx.gradients = ctx.gradients, None
        if gradients is None:
            raise RuntimeError("the gradients of this loss were used up by an earlier backward pass")
        if upstream.device.type != "cpu" or upstream.item() != 1.0:
            gradients = tuple(None if g is None else g.mul_(upstream) for g in gradients)
        return (*gradients, None)


class _Fused:
    """One evaluation: forward_walk, then gradient_walk."""

    def __init__(self, hidden: Tensor, weight: Tensor, bias: Tensor, job: _Job) -> None:
        self.weight, self.bias, self.job = weight.detach(), bias.detach(), job
        self.n_rows, self.width = hidden.shape
        self.n_items, self.dtype, self.device = weight.shape[0], job.walk.dtype, hidden.device
        self.lengths = job.target.lengths.float()
        self.hidden = self._extended(self.n_rows)
        self.hidden[:, : self.width] = hidden.detach()
        self.hidden[:, self.width : self.width + 2] = 1.0
        size = job.walk.width(self.n_rows, self.device)
        n_chunks = max(1, math.ceil(self.n_items / size))
        size = min(self.n_items, math.ceil(self.n_items / n_chunks / 32) * 32)  # of even width
        self.starts = range(0, self.n_items, size)
        self.size = size
        self.targets = _by_chunk(job.target, size, len(self.starts))
        self.weights, self.made = self._extended(size), -1
        keeps = self.n_rows * self.n_items * self.dtype.itemsize <= job.walk.kept_bytes
        self.block = self._empty(len(self.starts) if keeps else 1, self.n_rows, size)
        self.kept_shifts: list[Tensor] | None = [] if keeps else None
        self.logsumexp = torch.zeros(0)

    def _empty(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=self.dtype, device=self.device)

    def _extended(self, n: int) -> Tensor:
        return torch.zeros((n, self.width + EXTRA), dtype=self.dtype, device=self.device)

    def _weights(self, start: int) -> Tensor:
        """Rows [start, start + size) of W with their bias, in the products' dtype."""
        stop = min(start + self.size, self.n_items)
        rows, bias = self.weights[: stop - start], self.bias[start:stop]
        if self.made == start:
            return rows
        self.made = start
        rows[:, : self.width] = self.weight[start:stop]
        rows[:, self.width] = bias
        rows[:, self.width + 1] = bias - rows[:, self.width].float()
        return rows

    def _chunk(self, number: int, rows: Tensor) -> Tensor:
        """Where the chunk's [B, width] numbers are, or go."""
        whole = self.block[number if self.kept_shifts is not None else 0]
        return whole.view(-1)[: self.n_rows * len(rows)].view(self.n_rows, len(rows))

    def forward_walk(self) -> Tensor:
        """nll [B]; leaves the exponentials in the block if they are kept."""
        shift = torch.full((self.n_rows,), -math.inf, device=self.device)
        total, wanted = torch.zeros_like(shift), torch.zeros_like(shift)
        for number, start in enumerate(self.starts):
            rows = self._weights(start)
            logits = torch.mm(self.hidden, rows.T, out=self._chunk(number, rows))
            row_of, item = self.targets[number]
            wanted.index_add_(0, row_of, logits[row_of, item].float())
            highest = torch.maximum(shift, logits.amax(1).float())
            exponentials = logits.sub_(highest.to(self.dtype)[:, None]).exp_()
            highest = highest.to(self.dtype).float()
            total = total * torch.exp(shift - highest) + exponentials.sum(1, dtype=torch.float32)
            shift = highest
            if self.kept_shifts is not None:
                self.kept_shifts.append(shift)
        self.logsumexp = shift + total.log()
        return self.logsumexp * self.lengths - wanted

    def gradient_walk(self, *, of_hidden: bool, of_weight: bool) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Gradients of sum of row weight * nll by h [B, H], W [n_items, H] and b [n_items], float32."""
        weights = self.job.row_weights
        by_hidden = torch.zeros(self.n_rows, self.width, device=self.device) if of_hidden else None
        by_weight, by_bias = (torch.empty_like(self.weight), torch.empty_like(self.bias)) if of_weight else (None, None)
        for number, start in reversed(list(enumerate(self.starts))):  # the last chunk is still in the cache
            rows = self._weights(start) if of_hidden or self.kept_shifts is None else self.weights[: self._n(start)]
            exponentials, scale = self._exponentials(number, rows)
            row_of, item = self.targets[number]
            exponentials[row_of, item] -= (1.0 / scale)[row_of].to(self.dtype)
            if by_hidden is not None:
                by_hidden.addcmul_(torch.mm(exponentials, rows)[:, : self.width], (scale * weights)[:, None])
            if by_weight is not None and by_bias is not None:
                scaled = (self.hidden * (scale * weights)[:, None]).to(self.dtype)
                found = torch.mm(exponentials.T, scaled)
                by_weight[start : start + len(rows)] = found[:, : self.width]
                by_bias[start : start + len(rows)] = found[:, self.width]
        return by_hidden, by_weight, by_bias

    def _n(self, start: int) -> int:
        return min(self.size, self.n_items - start)

    def _exponentials(self, number: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        """E [B, width] of a chunk, and the scale [B] that makes its rows n * softmax."""
        chunk = self._chunk(number, rows)
        if self.kept_shifts is not None:
            shift = self.kept_shifts[number]
        else:
            shift = self.logsumexp.to(self.dtype).float()
            torch.mm(self.hidden, rows.T, out=chunk).sub_(shift.to(self.dtype)[:, None]).exp_()
        return chunk, (self.lengths * torch.exp(shift - self.logsumexp)).clamp(min=SMALLEST_SCALE)


def _by_chunk(target: SparseRows, size: int, n_chunks: int) -> list[tuple[Tensor, Tensor]]:
    """For each chunk of `size` items the targets in it: their row and their place in the chunk."""
    if n_chunks == 1:
        return [(target.row_of, target.indices)]
    chunk = target.indices // size
    order = torch.argsort(chunk, stable=True)
    counts = torch.bincount(chunk, minlength=n_chunks).tolist()
    rows = torch.split(target.row_of[order], counts)
    items = torch.split((target.indices - chunk * size)[order], counts)
    return list(zip(rows, items, strict=True))
