"""What training is for: validation NDCG@100 of the plain model and of ours, and the seconds until it is good."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.training.dense import DenseTraining
from benchmarks.training.ours import trained
from benchmarks.training.shapes import bare_catalogue
from training.data.split import HeldOut, Split
from training.epochs import EpochFigures
from training.evaluate import ranking
from training.evaluate.measure import BATCH, measurable
from training.evaluate.scorer import ModelScorer
from training.fit import fit
from training.models.registry import config_for
from training.options import FitOptions, RunOptions, fit_config
from training.progress import Silence
from training.run_folder import RunFolder

SHARE = 0.99
Score = Callable[[sparse.csr_matrix], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Same:
    """The settings at which both are compared: KL weight as in `prismrec train`, from 0 to `cap` over all epochs."""

    epochs: int = 15
    batch_size: int = 250
    learning_rate: float = 2e-3
    cap: float = 0.2
    seeds: int = 3


@dataclass(frozen=True, slots=True)
class Published:
    """Liang et al.'s code for ML-20M: Adam at 1e-3, batches of 500, KL weight = step / 200,000 up to 0.2, 200 epochs.

    patience  epochs without a better figure after which the rest is left out: the best was reached
    """

    epochs: int = 200
    patience: int = 20
    batch_size: int = 500
    learning_rate: float = 1e-3
    anneal: int = 200_000
    cap: float = 0.2


OURS: dict[str, object] = {"epochs": 20, "batch_size": 250, "schedule": "one-cycle", "learning_rate": 5e-3}
"""A recipe for a figure soon: chosen on the validation users, with this model and this data."""


def ndcg_of(score: Score, heldout: HeldOut) -> NDArray[np.float64]:
    """ndcg@100 of each held-out user with a target: the same users as in `fit`, which leaves the others out."""
    heldout, found = measurable(heldout, what="validation"), []
    for start in range(0, len(heldout.users), BATCH):
        fold_in, target = heldout.fold_in[start : start + BATCH], heldout.target[start : start + BATCH]
        scores = np.array(score(fold_in), dtype=np.float32)
        ranking.mask_seen(scores, fold_in)
        hits = ranking.hits_of(ranking.top_items(scores, 100), target)
        found.append(ranking.ndcg(hits, np.diff(target.indptr).astype(np.int64), 100))
    return np.concatenate(found)


def same_accuracy(split: Split, same: Same) -> dict[str, Any]:
    """The plain model and ours after the same epochs at the same settings; the difference is paired by user."""
    steps = same.epochs * -(-split.train.shape[0] // same.batch_size)
    config = fit_config(
        {
            "epochs": same.epochs,
            "batch_size": same.batch_size,
            "learning_rate": same.learning_rate,
            "beta_cap": same.cap,
            "anneal_steps": steps,
        }
    )
    dense, ours = [], []
    for seed in range(same.seeds):
        plain = DenseTraining(split.train, batch_size=same.batch_size, learning_rate=same.learning_rate, seed=seed)
        for step in range(steps):
            plain.step(same.cap * step / steps)
        dense.append(ndcg_of(plain.score, split.validation))
        ours.append(ndcg_of(ModelScorer(trained(split.train, config, seed=seed)).score, split.validation))
    difference = np.mean(ours, axis=0) - np.mean(dense, axis=0)
    return {
        "epochs": same.epochs,
        "batch_size": same.batch_size,
        "learning_rate": same.learning_rate,
        "dense": [float(found.mean()) for found in dense],
        "ours": [float(found.mean()) for found in ours],
        "difference": float(difference.mean()),
        "standard_error": float(difference.std(ddof=1) / np.sqrt(len(difference))),
        "spread_of_a_seed": _spread(dense, ours),
    }


def _spread(dense: list[NDArray[np.float64]], ours: list[NDArray[np.float64]]) -> float:
    """The standard deviation of a seed's figure around its implementation's mean; 0 of one seed alone."""
    if len(dense) < 2:
        return 0.0
    return float(np.sqrt(np.mean([np.var([f.mean() for f in found], ddof=1) for found in (dense, ours)])))


def published_run(split: Split, settings: Published) -> list[tuple[float, float]]:
    """(seconds since the start, validation ndcg@100) after each epoch; validation is part of the time."""
    started, step = time.perf_counter(), 0
    plain = DenseTraining(split.train, batch_size=settings.batch_size, learning_rate=settings.learning_rate)
    found: list[tuple[float, float]] = []
    for epoch in range(settings.epochs):
        for _ in range(plain.steps_per_epoch):
            plain.step(min(settings.cap, step / settings.anneal))
            step += 1
        found.append((time.perf_counter() - started, float(ndcg_of(plain.score, split.validation).mean())))
        best = max(range(len(found)), key=lambda n: found[n][1])
        if epoch - best >= settings.patience:
            break
    return found


class EpochClock(Silence):
    """When each epoch was over, its checkpoints written, and its validation figure."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.found: list[tuple[float, float]] = []

    def epoch(self, figures: EpochFigures) -> None:
        self.found.append((time.perf_counter() - self.started, figures.ndcg))


def our_run(split: Split, settings: dict[str, object], *, seed: int) -> list[tuple[float, float]]:
    """The same of `fit`: from the call on, so checkpoints, log files and the copy of the data count too."""
    options = FitOptions(
        name="bench",
        data_name="bench",
        source="bench",
        kind="mult-vae",
        model=config_for("mult-vae"),
        fit=fit_config(settings),
        run=RunOptions(seed=seed, device="cpu", progress="none"),
    )
    clock = EpochClock()
    with tempfile.TemporaryDirectory() as folder:
        fit(RunFolder(Path(folder) / "run"), split, bare_catalogue(split), options, listener=clock)
    return clock.found


def seconds_until(run: list[tuple[float, float]], wanted: float) -> float | None:
    """When the figure was first reached; None if never."""
    return next((seconds for seconds, found in run if found >= wanted), None)


def time_to_goal(split: Split, published: Published, ours: dict[str, object], *, seeds: int) -> dict[str, Any]:
    """Seconds until 99 % of the best figure that the published settings reach."""
    theirs = published_run(split, published)
    best = max(found for _, found in theirs)
    wanted = SHARE * best
    runs = [our_run(split, ours, seed=seed) for seed in range(seeds)]
    reached = [seconds_until(run, wanted) for run in runs]
    dense = seconds_until(theirs, wanted)
    assert dense is not None
    slowest = None if None in reached else max(seconds for seconds in reached if seconds is not None)
    return {
        "goal": wanted,
        "published": {"best": best, "epochs": len(theirs), "seconds": dense, "seconds_in_all": theirs[-1][0]},
        "ours": {"settings": ours, "best": [max(f for _, f in run) for run in runs], "seconds": reached},
        "ratio": None if slowest is None else dense / slowest,
    }
