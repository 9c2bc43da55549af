"""Does every unit of the study, in processes; what is there already is used again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from benchmarks.recovery.study import Unit
from benchmarks.recovery.unit import Failure, Found, kept, run_unit
from benchmarks.recovery.verdict import METHODS, judged
from training.errors import FitError

Say = Callable[[str], None]
_UNITS_A_PROCESS = 40
"""Then it starts afresh: training leaves some memory behind each time. The pool's own way of doing that, its option
max_tasks_per_child, comes to a standstill in Python 3.11."""


def processes(jobs: int) -> Executor:
    """Fresh ones, `jobs` at a time."""
    return ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn"))


def run_units(
    units: Sequence[Unit],
    folder: Path,
    say: Say,
    *,
    jobs: int,
    fresh: bool = False,
    workers: Callable[[int], Executor] = processes,
) -> list[Found]:
    """What every unit found, in their order; `jobs` processes at a time.

    A unit that fails does not keep the others from being done; after them FitError names the first. Stopped with
    Ctrl-C, what was done is kept in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = {} if fresh else {unit.name: before for unit in units if (before := kept(unit, folder)) is not None}
    missing = [unit for unit in units if unit.name not in found]
    say(f"{len(found)} of {len(units)} units are there, {len(missing)} to do, {jobs} at a time")
    failures: list[tuple[Unit, Failure]] = []
    started = time.monotonic()
    for unit, came in _done(missing, folder, jobs, workers):
        if isinstance(came, Failure):
            failures.append((unit, came))
            say(f"{unit.name}: failed, {came.message}")
            continue
        found[unit.name] = came
        n = len(found) + len(failures) - (len(units) - len(missing))
        left = (time.monotonic() - started) / n * (len(missing) - n)
        say(f"[{n}/{len(missing)}] {_line(came)}; about {left / 60:.1f} min left")
    if failures:
        unit, first = failures[0]
        raise FitError(
            f"{unit.name}: {first.message}" + (f" (and {len(failures) - 1} more failed)" if len(failures) > 1 else ""),
            hint=f"{first.hint}; what was done is kept",
        )
    return [found[unit.name] for unit in units]


def _done(
    missing: Sequence[Unit], folder: Path, jobs: int, workers: Callable[[int], Executor]
) -> Iterator[tuple[Unit, Found | Failure]]:
    """Each unit and what came of it, as they are done."""
    step = jobs * _UNITS_A_PROCESS
    for start in range(0, len(missing), step):
        with workers(jobs) as pool:
            futures = {pool.submit(run_unit, unit, folder): unit for unit in missing[start : start + step]}
            try:
                for future in as_completed(futures):
                    yield futures[future], _result(future)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _result(future: Future[Found | Failure]) -> Found | Failure:
    try:
        return future.result()
    except BrokenProcessPool:
        return Failure(message="its process was killed, most likely for want of memory", hint="use fewer --jobs")


def _line(found: Found) -> str:
    counts = []
    for method in METHODS:
        verdicts = judged(found.map, found.planted, method).values()
        good = sum(v.true if method == "relative" else v.outcome == "mapped" for v in verdicts)
        counts.append(f"{method} {good}/{len(verdicts)}")
    return f"{found.scenario}, {found.model}, seed {found.seed}: {', '.join(counts)}, {found.seconds:.1f} s"
