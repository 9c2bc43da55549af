"""How fast the products of a training step could be at best: what the processor multiplies, measured."""

from __future__ import annotations

import time

import torch

from benchmarks.training.dense import DROPOUT, HIDDEN, LATENT


def gemm_gflops(dtype: torch.dtype, *, rows: int, inner: int, columns: int, seconds: float = 0.5) -> float:
    """10^9 floating-point operations a second of the best product [rows, inner] x [inner, columns]."""
    left, right = (torch.randn(*shape).to(dtype) for shape in ((rows, inner), (inner, columns)))
    found = torch.empty(rows, columns, dtype=dtype)
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        started = time.perf_counter()
        torch.mm(left, right, out=found)
        best = min(best, time.perf_counter() - started)
    return 2.0 * rows * inner * columns / best / 1e9


def dense_gflop(n_users: int, n_items: int) -> float:
    """Of one epoch of the plain model: each layer forward, and twice backward but for the first."""
    layers = HIDDEN * 2 * LATENT + LATENT * HIDDEN + HIDDEN * n_items
    return 2.0 * n_users * (3 * layers + 2 * n_items * HIDDEN) / 1e9


def sparse_gflop(n_users: int, n_items: int, n_interactions: int) -> float:
    """Of one epoch of ours: the same without the dense first layer, whose kept interactions are added up."""
    layers = HIDDEN * 2 * LATENT + LATENT * HIDDEN + HIDDEN * n_items
    return (2.0 * 3 * n_users * layers + 2.0 * 2 * n_interactions * (1 - DROPOUT) * HIDDEN) / 1e9
