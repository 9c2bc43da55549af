"""Measures many runs in a few processes, trains those that are missing, and puts the seeds of a model together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from training.bench.kept import read_outcome
from training.bench.measuring import Reach, measured, processes
from training.bench.spaces import Measured, SpaceTask, kept_files, kept_measured, measure_controls, measure_run
from training.bench.task import Failure
from training.bench.worker import run_task
from training.errors import FitError, TrainingError
from training.measures.udr import disentanglement_ranking


@dataclass(frozen=True, slots=True)
class Row:
    """A model with its seeds, or a control (one `Measured` without a seed). udr: by seed, empty with a single one."""

    model: str
    seeds: tuple[Measured, ...]
    udr: tuple[float, ...] = ()
    udr_spearman: tuple[float, ...] = ()

    def by_seed(self, figure: str) -> list[float]:
        """Of the space as it is; "turned r2" and the like: with its axes turned at random."""
        if figure.startswith("udr"):
            return list(self.udr_spearman if figure == "udr_spearman" else self.udr)
        if figure == "ndcg":
            return [one.ndcg for one in self.seeds if one.ndcg is not None]
        if figure == "active":
            return [float(one.active) for one in self.seeds]
        if figure.startswith("turned "):
            return [one.turned[figure.removeprefix("turned ")] for one in self.seeds]
        return [one.figures[figure] for one in self.seeds]


def measure_all(
    tasks: Sequence[SpaceTask], *, jobs: int, note: Callable[[str], None], reach: Reach = lambda _: None
) -> list[Row]:
    """A row for each model, best mean R2 first, then the controls. What an earlier call found is used again; see
    `measured`."""

    def told(task: SpaceTask, result: Measured) -> None:
        note(f"{task.model}, seed {result.seed}: R2 {result.figures['r2']:.3f}")

    found = list(measured(tasks, _made, jobs=jobs, told=told, reach=reach).values())
    with processes(1) as pool:
        controls = pool.submit(measure_controls, tasks[0]).result()
    rows = [_row(model, tasks, found) for model in dict.fromkeys(task.model for task in tasks)]
    rows.sort(key=lambda row: -float(np.mean(row.by_seed("r2"))))
    return rows + [Row(control.model, (control,)) for control in controls]


def _row(model: str, tasks: Sequence[SpaceTask], found: Sequence[Measured]) -> Row:
    """FitError when two runs of a model have one seed, or their splits differ."""
    mine = sorted((one for one in found if one.model == model), key=lambda one: one.seed or 0)
    if len({one.seed for one in mine}) < len(mine) or len({one.fingerprint for one in found}) > 1:
        raise FitError(
            f"the runs of {model} are not one for each seed, or the runs are not of one split",
            hint="name the runs that are to be compared one by one",
        )
    if len(mine) < 2:
        return Row(model, tuple(mine))
    files = {task.run.name: kept_files(task)[1] for task in tasks if task.model == model}
    kept = [np.load(files[one.run]) for one in mine]
    codes, informative = [k["mu"] for k in kept], [k["informative"] for k in kept]
    lasso, spearman = (
        tuple(disentanglement_ranking(codes, informative, similarity=way).tolist()) for way in ("lasso", "spearman")
    )
    return Row(model, tuple(mine), lasso, spearman)


def _made(task: SpaceTask) -> Measured | Failure:
    """In a process of its own: train if need be, then measure, unless both is done."""
    if task.train is not None and read_outcome(task.train.outcome) is None:
        trained = run_task(task.train)
        if isinstance(trained, Failure):
            return trained
    try:
        return kept_measured(task) or measure_run(task)
    except TrainingError as error:
        return Failure(message=error.message, hint=error.hint)
