"""Many runs measured in a few processes: what one of them fails at keeps none of the others from being done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TypeVar

from training.bench.task import Failure
from training.errors import FitError

Reach = Callable[[int], None]
"""Told how many runs are done."""


class OfRun(Protocol):
    """A task about a run; travels to a process of its own."""

    @property
    def run(self) -> Path: ...


TaskOf = TypeVar("TaskOf", bound=OfRun)
Found = TypeVar("Found")


def processes(jobs: int) -> ProcessPoolExecutor:
    """A pool of fresh processes of one thread each: more threads would only wait for each other."""
    return ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn"), initializer=_one_thread)


def measured(
    tasks: Sequence[TaskOf],
    made: Callable[[TaskOf], Found | Failure],
    *,
    jobs: int,
    told: Callable[[TaskOf, Found], None],
    reach: Reach = lambda _: None,
) -> dict[TaskOf, Found]:
    """What was made of each task; told of each as it comes. FitError, when all are done, names the first failure."""
    found: dict[TaskOf, Found] = {}
    failures: list[tuple[TaskOf, Failure]] = []
    with processes(jobs) as pool:
        running = {pool.submit(made, task): task for task in tasks}
        for done in as_completed(running):
            task = running[done]
            try:
                result = done.result()
            except BrokenProcessPool:
                result = Failure(message="its process was killed, most likely for want of memory", hint="use --jobs 1")
            if isinstance(result, Failure):
                failures.append((task, result))
            else:
                found[task] = result
                told(task, result)
            reach(len(found) + len(failures))
    if failures:
        task, failure = failures[0]
        more = f" (and {len(failures) - 1} more failed)" if failures[1:] else ""
        raise FitError(f"{task.run}: {failure.message}{more}", hint=f"{failure.hint}; what was done is kept")
    return found


def _one_thread() -> None:
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)
