"""From records to what is compared: one row for a data set, its figures, and how long its trainings took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.complexity.families import COMBINED, REAL, SETTINGS
from benchmarks.complexity.moments import Moments, moments
from benchmarks.complexity.study import Record
from training.options import FitConfig

BATCH: Final[int] = FitConfig().batch_size
NOT_DATA: Final = (SETTINGS, COMBINED, REAL)
"""Families that vary something else than synthetic data."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One data set, or one way of training.

    figures         of `data describe`, and what follows from them; geometric means over the seeds
    steps           of each seed until the tastes are carried; None = nothing was learned
    epochs          the same in epochs, which are as long as the data set and the batches make them
    seen            of each seed, every definition
    """

    family: str
    label: str
    figures: dict[str, float]
    steps_per_epoch: float
    steps: tuple[int, ...]
    seen: tuple[Moments, ...]

    @property
    def typical_steps(self) -> float:
        """Geometric mean over the seeds."""
        return math.exp(sum(math.log(steps) for steps in self.steps) / len(self.steps))

    @property
    def typical_epochs(self) -> float:
        return self.typical_steps / self.steps_per_epoch

    @property
    def epochs(self) -> tuple[float, ...]:
        return tuple(steps / self.steps_per_epoch for steps in self.steps)


def figures_of(described: dict[str, Any]) -> dict[str, float]:
    """The candidates: figures of `data describe` by the names it prints, and ratios of them."""
    n_users, n_items, n = (float(described[name]) for name in ("n_users", "n_items", "n_interactions"))
    return {
        "steps per epoch": math.ceil(described["n_training_users"] / BATCH),
        "n_users": n_users,
        "n_items": n_items,
        "n_interactions": n,
        "density": float(described["density"]),
        "popularity_gini": float(described["popularity_gini"]),
        "effective_rank": float(described["effective_rank"]),
        "effective rank / smaller side": float(described["effective_rank"]) / min(n_users, n_items),
        "mean_history": float(described["mean_history"]),
        "interactions per item": n / n_items,
        "structure": float(described["structure"]),
    }


def outcomes(records: Sequence[Record]) -> list[Outcome]:
    """Seeds of one data set (or way of training) together, in the order of the records."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.case.family, record.case.label), []).append(record)
    return [_outcome(family, label, group) for (family, label), group in groups.items()]


def learned(found: Sequence[Outcome]) -> list[Outcome]:
    """Synthetic data sets, trained with the defaults, of which every seed carried something in the end."""
    return [one for one in found if one.family not in NOT_DATA and len(one.steps) == len(one.seen)]


def _outcome(family: str, label: str, group: list[Record]) -> Outcome:
    seen = tuple(moments(record.curve) for record in group)
    figures = [figures_of(record.figures) for record in group]
    return Outcome(
        family,
        label,
        {name: math.exp(sum(math.log(one[name]) for one in figures) / len(figures)) for name in figures[0]},
        math.exp(sum(math.log(record.curve.steps_per_epoch) for record in group) / len(group)),
        tuple(one.tastes for one in seen if one.tastes is not None),
        seen,
    )
