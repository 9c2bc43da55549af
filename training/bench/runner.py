"""Runs tasks one after the other, each in a process of its own, so that memory and speed of one are not another's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from training.bench.task import Failure, Outcome, Task
from training.bench.worker import kept_outcome, run_task
from training.errors import FitError


def run_tasks(tasks: Iterable[Task], fingerprint: str, note: Callable[[str], None]) -> list[Outcome]:
    """The outcome of every task, and those that it brings along; what an earlier bench found is used again.

    FitError names the task that failed.
    """
    outcomes = []
    for task in tasks:
        outcome = kept_outcome(task, fingerprint)
        if outcome is not None:
            note(f"reused: {task.folder}")
        else:
            note(f"{task.model}, seed {task.seed} ...")
            outcome = _in_own_process(task)
            found = outcome.metrics["ndcg@100"]
            note(f"{task.model}, seed {task.seed}: ndcg@100 {found.mean:.4f}, {outcome.seconds:.0f} s")
        outcomes += [outcome, *outcome.also]
    return outcomes


def _in_own_process(task: Task) -> Outcome:
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        try:
            found = pool.submit(run_task, task).result()
        except BrokenProcessPool as error:
            raise FitError(
                f"{task.model}: its process was killed, most likely for want of memory",
                hint=f"leave {task.model} out, or use a machine with more memory; what is done already is kept",
            ) from error
    if isinstance(found, Failure):
        raise FitError(f"{task.model}: {found.message}", hint=found.hint)
    return found
