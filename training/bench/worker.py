"""What the process of one task does."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace

import msgspec

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
from training.evaluate.result import NEIGHBOURS, Conditioned
from training.evaluate.scorer import ModelScorer, Scorer
from training.fit import fit
from training.machine import machine
from training.models.registry import entry_for
from training.options import FitOptions
from training.provenance import code_digest, git_state, library_versions
from training.run_folder import RunFolder
from training.run_info import Git

SPENT = "spent.json"
"""File of a run's folder: what its training took."""
DIGITS = 8


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """By all sessions of a run: seconds in all, and the most memory that one of them held."""

    seconds: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Made:
    scorer: Scorer
    seconds: float
    peak_bytes: int
    chosen: dict[str, float | str]
    code: str
    commit: str | None
    conditioned: Conditioned | None = None
    also: dict[str, _Made] = field(default_factory=dict)


def run_task(task: Task, clock: Callable[[], float] = time.perf_counter) -> Outcome | Failure:
    """Train, measure, keep the outcome in the task's folder. Nothing goes to stdout."""
    with redirect_stdout(sys.stderr):
        try:
            return _run(task, clock)
        except TrainingError as error:
            return Failure(message=error.message, hint=error.hint)


def _run(task: Task, clock: Callable[[], float]) -> Outcome:
    inputs = RunFolder(task.inputs)
    split, catalogue = inputs.load_split(), inputs.load_catalogue()
    if task.fresh:
        shutil.rmtree(task.folder, ignore_errors=True)
    made = _baseline(task, split, clock) if task.options is None else _model(task, task.options, inputs, clock)
    outcome = _measured(task, made, split, catalogue)
    also = (
        msgspec.structs.replace(_measured(task, other, split, catalogue), model=f"{task.model} ({way})")
        for way, other in made.also.items()
    )
    outcome = msgspec.structs.replace(outcome, also=tuple(also))
    task.folder.mkdir(parents=True, exist_ok=True)
    RunFolder(task.folder).write(task.outcome, encode(outcome))
    return outcome


def _measured(task: Task, made: _Made, split: Split, catalogue: Catalogue) -> Outcome:
    """On the users of the task's part."""
    heldout = split.test if task.part == "test" else split.validation
    measured = measure(made.scorer, measurable(heldout, what=task.part))
    libraries = library_versions()
    ran_on = machine(libraries)
    return Outcome(
        model=task.model,
        baseline=task.options is None,
        seed=task.seed,
        part=task.part,
        fingerprint=split.fingerprint,
        asked=task.asked,
        metrics=metrics_of(measured, split, catalogue),
        per_user={name: tuple(values.round(DIGITS).tolist()) for name, values in measured.values.items()},
        seconds=made.seconds,
        peak_bytes=made.peak_bytes,
        chosen=made.chosen,
        drawn=task.drawn,
        libraries=libraries,
        ran_on=f"{ran_on['processor']}, {ran_on['cores']} cores",
        code=made.code,
        commit=made.commit,
        conditioned=made.conditioned,
    )


def _commit(git: Git | None) -> str | None:
    return None if git is None else git.commit + ("+" if git.dirty else "")


def _baseline(task: Task, split: Split, clock: Callable[[], float]) -> _Made:
    code, commit, started = code_digest(), _commit(git_state()), clock()
    fitted = fit_baseline(task.model, split, seed=task.seed)
    return _Made(fitted.scorer, clock() - started, peak_bytes(), fitted.settings, code, commit)


def _model(task: Task, options: FitOptions, inputs: RunFolder, clock: Callable[[], float]) -> _Made:
    """also: the model's other way to recommend; its seconds are those of the training and the choice of neighbours."""
    run, split = RunFolder(task.folder), inputs.load_split()
    _drop_half_of_other_code(run)
    trained_before, started = run.info.exists() and run.load_info().complete, clock()
    options = replace(options, run=replace(options.run, resume=run.info.exists()))
    result = fit(run, split, inputs.load_catalogue(), options)
    spent = _spent(run, 0.0 if trained_before else clock() - started)
    summary, info = result.summary, result.info
    if summary.stopped == "interrupted":
        raise FitError(f"{task.model}: stopped before it was trained", hint="run the bench again to go on with it")
    loaded = run.load()
    conditioned = evaluate(loaded, part=task.part, baselines=()).conditioned if loaded.model.n_conditions else None
    epochs = {"epochs": float(summary.epochs), "best_epoch": float(summary.best_epoch)}
    made = _Made(
        scorer=ModelScorer(loaded.model),
        seconds=max(spent.seconds, summary.seconds),
        peak_bytes=spent.peak_bytes,
        chosen={**epochs, "validation": summary.best_ndcg, "active_units": float(summary.active_units)},
        code=info.code or "",
        commit=_commit(info.git),
        conditioned=conditioned,
    )
    if entry_for(loaded.info.kind).neighbours:
        started = clock()
        voting = fit_neighbours(loaded.model, split)
        seconds = made.seconds + clock() - started
        made.also[NEIGHBOURS] = replace(
            made, scorer=voting.scorer, seconds=seconds, chosen=voting.settings, conditioned=None, also={}
        )
    return made


def _drop_half_of_other_code(run: RunFolder) -> None:
    """An unfinished training is gone on with by the sources that began it, or begun anew: never half by either."""
    if not run.info.exists():
        return
    info = run.load_info()
    if not info.complete and info.code != code_digest():
        shutil.rmtree(run.path)


def _spent(run: RunFolder, seconds: float) -> Spent:
    """With this session's seconds added; one that trained nothing adds no memory either."""
    path = run.path / SPENT
    before = msgspec.json.decode(path.read_bytes(), type=Spent) if path.is_file() else Spent()
    if before.peak_bytes and not seconds:
        return before
    spent = Spent(seconds=before.seconds + seconds, peak_bytes=max(before.peak_bytes, peak_bytes()))
    run.write(path, msgspec.json.encode(spent))
    return spent
