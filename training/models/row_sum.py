"""Weighted sums of a table's rows, one sum per user: the first layer of all models, and its gradient.

A product of a sparse matrix [B, n_items] with the table [n_items, F]. torch's embedding_bag is the fastest form of it,
but its own gradient adds into a zeroed table one interaction after another. The gradient is the same kind of product
with the transpose, so here it is an embedding_bag too: it writes each row of the result once, and in the same order on
every machine. Interactions of weight 0, which dropout leaves, are taken out before: they add nothing to either.
Cost: O(n_interactions * F) each way, and the gradient's [n_items, F] numbers written.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.models.base import SparseRows


def row_sums(table: Tensor, rows: SparseRows, weights: Tensor) -> Tensor:
    """sum over row b's items i of weight * table[i]: table [n_items, F], weights [n_interactions] -> [B, F]."""
    if weights.requires_grad or not (torch.is_grad_enabled() and table.requires_grad):
        return _bag(rows.indices, table, rows.offsets, weights)
    rows, weights = without_zeros(rows, weights)
    sums: Tensor = _RowSums.apply(table, rows, weights)  # type: ignore[no-untyped-call]
    return sums


def without_zeros(rows: SparseRows, weights: Tensor) -> tuple[SparseRows, Tensor]:
    """The rows without the interactions of weight 0."""
    kept = weights != 0
    before = functional.pad(kept.cumsum(0), (1, 0))  # how many are kept before each interaction, and of all
    return SparseRows(rows.indices[kept], before[rows.offsets]), weights[kept]


class _RowSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: SparseRows, weights: Tensor) -> Tensor:
        ctx.rows, ctx.weights, ctx.n_items = rows, weights, table.shape[0]
        return _bag(rows.indices, table, rows.offsets, weights)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        """A bag for each item: the users who have it."""
        items = ctx.rows.indices
        order = torch.argsort(items, stable=True)
        offsets = functional.pad(torch.bincount(items, minlength=ctx.n_items).cumsum(0), (1, 0))
        return _bag(ctx.rows.row_of[order], upstream.contiguous(), offsets, ctx.weights[order]), None, None


def _bag(indices: Tensor, table: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    return functional.embedding_bag(
        indices, table, offsets, mode="sum", per_sample_weights=weights, include_last_offset=True
    )
