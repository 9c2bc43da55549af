"""What the process of one task does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from bundle.catalogue import Catalogue
from bundle.manifest import encode
from training.bench.memory import peak_bytes
from training.bench.task import Failure, Outcome, Task
from training.data.split import Split
from training.errors import FitError, TrainingError
from training.evaluate.baselines import fit_baseline
from training.evaluate.evaluate import evaluate, metrics_of
from training.evaluate.measure import measurable, measure
from training.evaluate.neighbours import fit_neighbours
from training.evaluate.result import HEADLINE, NEIGHBOURS, Conditioned
from training.evaluate.scorer import ModelScorer, Scorer
from training.fit import fit
from training.models.registry import entry_for
from training.options import FitOptions
from training.provenance import git_state, library_versions
from training.run_folder import RunFolder

OUTCOME = "outcome.json"


@dataclass(frozen=True, slots=True)
class _Made:
    scorer: Scorer
    seconds: float
    chosen: dict[str, float | str]
    conditioned: Conditioned | None = None
    also: dict[str, _Made] = field(default_factory=dict)


def run_task(task: Task, clock: Callable[[], float] = time.perf_counter) -> Outcome | Failure:
    """Train, measure, keep the outcome in the task's folder. Nothing goes to stdout."""
    with redirect_stdout(sys.stderr):
        try:
            return _run(task, clock)
        except TrainingError as error:
            return Failure(message=error.message, hint=error.hint)


def kept_outcome(task: Task, fingerprint: str) -> Outcome | None:
    """The outcome of an earlier bench, if it was the same that is asked for now."""
    path = task.folder / OUTCOME
    if not path.is_file():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Outcome)
    except msgspec.DecodeError:
        return None
    return found if (found.fingerprint, found.asked, found.seed) == (fingerprint, task.asked, task.seed) else None


def _run(task: Task, clock: Callable[[], float]) -> Outcome:
    inputs = RunFolder(task.inputs)
    split, catalogue = inputs.load_split(), inputs.load_catalogue()
    made = _baseline(task, split, clock) if task.options is None else _model(task, task.options, inputs, clock)
    outcome = _measured(task, made, split, catalogue)
    also = (
        msgspec.structs.replace(_measured(task, other, split, catalogue), model=f"{task.model} ({way})")
        for way, other in made.also.items()
    )
    outcome = msgspec.structs.replace(outcome, also=tuple(also))
    task.folder.mkdir(parents=True, exist_ok=True)
    RunFolder(task.folder).write(task.folder / OUTCOME, encode(outcome))
    return outcome


def _measured(task: Task, made: _Made, split: Split, catalogue: Catalogue) -> Outcome:
    """On the test users."""
    measured = measure(made.scorer, measurable(split.test, what="test"))
    return Outcome(
        model=task.model,
        baseline=task.options is None,
        seed=task.seed,
        fingerprint=split.fingerprint,
        asked=task.asked,
        metrics=metrics_of(measured, split, catalogue),
        per_user=tuple(np.round(measured.values[HEADLINE], 6).tolist()),
        seconds=made.seconds,
        peak_bytes=peak_bytes(),
        chosen=made.chosen,
        libraries=library_versions(),
        conditioned=made.conditioned,
        commit=_commit(),
    )


def _commit() -> str | None:
    git = git_state()
    return None if git is None else git.commit + ("+" if git.dirty else "")


def _baseline(task: Task, split: Split, clock: Callable[[], float]) -> _Made:
    started = clock()
    fitted = fit_baseline(task.model, split)
    return _Made(fitted.scorer, clock() - started, fitted.settings)


def _model(task: Task, options: FitOptions, inputs: RunFolder, clock: Callable[[], float]) -> _Made:
    """also: the model's other way to recommend; its seconds are those of the training and the choice of neighbours."""
    run, split = RunFolder(task.folder), inputs.load_split()
    options = replace(options, run=replace(options.run, resume=run.info.exists()))
    summary = fit(run, split, inputs.load_catalogue(), options).summary
    if summary.stopped == "interrupted":
        raise FitError(f"{task.model}: stopped before it was trained", hint="run the bench again to go on with it")
    loaded = run.load()
    conditioned = evaluate(loaded, part="test", baselines=()).conditioned if loaded.model.n_conditions else None
    epochs = {"epochs": float(summary.epochs), "best_epoch": float(summary.best_epoch)}
    chosen = {**epochs, "validation": summary.best_ndcg}
    made = _Made(ModelScorer(loaded.model), summary.seconds, chosen, conditioned)
    if entry_for(loaded.info.kind).neighbours:
        started = clock()
        voting = fit_neighbours(loaded.model, split)
        made.also[NEIGHBOURS] = _Made(voting.scorer, summary.seconds + clock() - started, voting.settings)
    return made
