"""Runs tasks one after the other, each in a process of its own, so that memory and speed of one are not another's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context

from training.bench.kept import kept_outcome
from training.bench.task import Failure, Outcome, Task
from training.bench.worker import run_task
from training.errors import FitError
from training.provenance import code_digest


def run_tasks(
    tasks: Sequence[Task], fingerprint: str, note: Callable[[str], None], *, fresh: bool = False
) -> list[Outcome]:
    """The outcome of every task; what an earlier bench found is used again, and a note says if other code found it.

    fresh: what other code found is found anew. A task that fails does not keep the others from being done; after them
    FitError names the first.
    """
    outcomes: list[Outcome] = []
    failures: list[tuple[Task, Failure]] = []
    code = code_digest()
    for task in tasks:
        kept = kept_outcome(task, fingerprint)
        other = kept is not None and kept.code != code
        if kept is not None and not (other and fresh):
            says = f", made by other sources (commit {(kept.commit or 'unknown')[:7]}): --fresh makes it anew"
            note(f"reused: {task.folder}{says if other else ''}")
            outcomes.append(kept)
            continue
        note(f"{task.model}, seed {task.seed} ...")
        found = _in_own_process(replace(task, fresh=fresh and other))
        if isinstance(found, Failure):
            note(f"{task.model}, seed {task.seed}: failed, {found.message}")
            failures.append((task, found))
            continue
        note(f"{task.model}, seed {task.seed}: ndcg@100 {found.metrics['ndcg@100'].mean:.4f}, {found.seconds:.0f} s")
        outcomes.append(found)
    if failures:
        task, failure = failures[0]
        more = f" (and {len(failures) - 1} more failed)" if len(failures) > 1 else ""
        kept_there = "; what was done is kept" if outcomes else ""
        raise FitError(f"{task.model}, seed {task.seed}: {failure.message}{more}", hint=f"{failure.hint}{kept_there}")
    return outcomes


def _in_own_process(task: Task) -> Outcome | Failure:
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(run_task, task).result()
        except BrokenProcessPool:
            return Failure(
                message="its process was killed, most likely for want of memory",
                hint=f"leave {task.model} out, or use a machine with more memory",
            )
