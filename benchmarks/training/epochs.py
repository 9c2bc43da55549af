"""Seconds per epoch of the plain model and of ours, in turns on the same machine."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from scipy import sparse

from benchmarks.training.dense import HIDDEN, DenseTraining
from benchmarks.training.floor import dense_gflop, gemm_gflops, sparse_gflop
from benchmarks.training.ours import seconds_of_steps
from training.options import FitConfig, fit_config

BETA = 0.1


@dataclass(frozen=True, slots=True)
class Rounds:
    """How much is timed: `rounds` times `dense` steps and then `ours`, each after `warm` that are not counted."""

    rounds: int
    dense: int
    ours: int
    warm: int = 3


@dataclass(frozen=True, slots=True)
class Timed:
    """Medians over the rounds, in seconds; ratios: dense over ours in each round."""

    dense_step: float
    ours_step: float
    ours_fp32_step: float
    ratios: tuple[float, ...]
    fp32_ratios: tuple[float, ...]


def time_in_turns(train: sparse.csr_matrix, rounds: Rounds, *, batch_size: int) -> Timed:
    """Medians of a step of each."""
    plain = DenseTraining(train, batch_size=batch_size, learning_rate=1e-3)
    auto, exact = (fit_config({"batch_size": batch_size, "precision": p}) for p in ("auto", "fp32"))
    found: list[tuple[float, float, float]] = []
    for _ in range(rounds.rounds):
        dense = statistics.median(_dense_steps(plain, rounds))
        ours, in_fp32 = (_ours(train, config, rounds) for config in (auto, exact))
        found.append((dense, ours, in_fp32))
    return Timed(
        *(statistics.median(column) for column in zip(*found, strict=True)),
        ratios=tuple(dense / ours for dense, ours, _ in found),
        fp32_ratios=tuple(dense / in_fp32 for dense, _, in_fp32 in found),
    )


def _dense_steps(plain: DenseTraining, rounds: Rounds) -> list[float]:
    seconds = []
    for _ in range(rounds.warm + rounds.dense):
        started = time.perf_counter()
        plain.step(BETA)
        seconds.append(time.perf_counter() - started)
    return seconds[rounds.warm :]


def _ours(train: sparse.csr_matrix, config: FitConfig, rounds: Rounds) -> float:
    return statistics.median(seconds_of_steps(train, config, steps=rounds.ours, warm=rounds.warm))


def measure_epochs(train: sparse.csr_matrix, rounds: Rounds, *, batch_size: int = 500) -> dict[str, Any]:
    """The figures of one shape, for the page."""
    n_users, n_items = train.shape
    steps = math.ceil(n_users / batch_size)
    timed = time_in_turns(train, rounds, batch_size=batch_size)
    columns = min(n_items, 4096)
    fp32, bf16 = (
        gemm_gflops(dtype, rows=min(batch_size, n_users), inner=HIDDEN, columns=columns)
        for dtype in (torch.float32, torch.bfloat16)
    )
    ours_gflop = sparse_gflop(n_users, n_items, train.nnz)
    return {
        "users": n_users,
        "items": n_items,
        "interactions": int(train.nnz),
        "batch_size": batch_size,
        "steps_per_epoch": steps,
        "timed": asdict(rounds),
        "seconds_per_epoch": {
            "dense": timed.dense_step * steps,
            "ours": timed.ours_step * steps,
            "ours_fp32": timed.ours_fp32_step * steps,
        },
        "ratio": statistics.median(timed.ratios),
        "ratios": timed.ratios,
        "ratio_fp32": statistics.median(timed.fp32_ratios),
        "gemm_gflops": {"fp32": fp32, "bf16": bf16},
        "gflop_per_epoch": {"dense": dense_gflop(n_users, n_items), "ours": ours_gflop},
        "floor_seconds": {"dense_fp32": dense_gflop(n_users, n_items) / fp32, "ours": ours_gflop / max(fp32, bf16)},
        "share_of_floor": ours_gflop / max(fp32, bf16) / (timed.ours_step * steps),
    }
