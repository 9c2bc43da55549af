"""Measures control of many finished runs in a few processes; what was found is kept, so that it can go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bundle.factors import FactorMap
from bundle.manifest import encode as to_json
from training.bench.measuring import Reach, measured
from training.bench.task import Failure
from training.decode.map import decode
from training.decode.options import DecodeOptions
from training.errors import FitError, TrainingError
from training.evaluate.control.coldstarts import Draws
from training.evaluate.control.control import Sources, control
from training.evaluate.control.result import Control
from training.evaluate.result import Part
from training.provenance import code_digest
from training.run_folder import LoadedRun, RunFolder

TRAINING = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class ControlTask:
    """A run to be measured; travels to a process of its own. model: its row; kept: the folder for what is found."""

    model: str
    run: Path
    kept: Path
    part: Part = "test"
    draws: Draws = field(default_factory=Draws)


@dataclass(frozen=True, slots=True)
class ControlRow:
    """A model over its seeds."""

    model: str
    seeds: tuple[Control, ...]

    @property
    def guided(self) -> bool:
        return self.seeds[0].guided


def measure_control(
    tasks: Sequence[ControlTask],
    *,
    jobs: int,
    note: Callable[[str], None],
    reach: Reach = lambda _: None,
) -> list[ControlRow]:
    """A row for each model, in the order of the tasks. What an earlier call found is used again; see `measured`."""

    def told(task: ControlTask, result: Control) -> None:
        note(f"{task.model}, seed {result.seed}: {len(result.responses)} ways to steer, {result.seconds:.0f} s")

    found = measured(tasks, made, jobs=jobs, told=told, reach=reach)
    rows = []
    for model in dict.fromkeys(task.model for task in tasks):
        mine = sorted((found[task] for task in tasks if task.model == model), key=lambda one: one.seed)
        if len({one.seed for one in mine}) < len(mine):
            raise FitError(
                f"two runs of {model} have one seed", hint="name the runs that are to be compared one by one"
            )
        rows.append(ControlRow(model, tuple(mine)))
    return rows


def made(task: ControlTask) -> Control | Failure:
    """Measured, or what was kept of it. Decodes the run first if its map is not there or not of these weights."""
    try:
        path = kept_file(task)
        if path.is_file():
            try:
                return msgspec.json.decode(path.read_bytes(), type=Control)
            except msgspec.DecodeError:
                path.unlink()
        run = RunFolder(task.run)
        loaded = run.load()
        task.kept.mkdir(parents=True, exist_ok=True)
        sources = Sources(code_digest(), hashlib.sha256(run.best.read_bytes()).hexdigest()[:12])
        found = control(loaded, _map_of(task, loaded), sources, part=task.part, draws=task.draws)
        run.write(path, to_json(found))
    except TrainingError as error:
        return Failure(message=error.message, hint=error.hint)
    return found


def kept_file(task: ControlTask) -> Path:
    """Named by what decides the figures: weights, map, question and code."""
    run = RunFolder(task.run)
    own = run.factors.stat().st_mtime_ns if _has_map(run) else None
    code = [code_digest(TRAINING / "evaluate" / "control"), _digest(TRAINING / "evaluate" / "moved.py")]
    draws = [task.draws.seeds, task.draws.samples]
    return task.kept / f"{task.run.name}-{_key([_weights(run), own, task.part, draws, code])}.json"


def _map_of(task: ControlTask, loaded: LoadedRun) -> FactorMap:
    """The run's own map, or one decoded now and kept beside the figures: a measurement changes no run."""
    run = RunFolder(task.run)
    if _has_map(run):
        return msgspec.json.decode(run.factors.read_bytes(), type=FactorMap)
    path = task.kept / f"{task.run.name}-{_key([_weights(run), code_digest(TRAINING / 'decode')])}.factors.json"
    if path.is_file():
        return msgspec.json.decode(path.read_bytes(), type=FactorMap)
    info = loaded.info
    decoded = decode(
        loaded.model,
        loaded.split,
        loaded.catalogue,
        DecodeOptions(),
        conditions=info.conditions.values,
        guides=info.guides,
    )
    run.write(path, to_json(decoded.factors))
    return decoded.factors


def _has_map(run: RunFolder) -> bool:
    """Whether there is one of these weights that has what cold starts need."""
    if not run.factors.is_file() or run.factors.stat().st_mtime_ns < run.best.stat().st_mtime_ns:
        return False
    try:
        found = msgspec.json.decode(run.factors.read_bytes(), type=FactorMap)
    except msgspec.DecodeError:
        return False
    return bool(found.carriers) or not found.attributes


def _weights(run: RunFolder) -> int:
    if not run.best.is_file():
        raise FitError(f"{run.path} holds no finished run", hint="train it first")
    return run.best.stat().st_mtime_ns


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _key(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
