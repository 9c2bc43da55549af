"""Several processes train one run: what each of them gets, and the first one's care for those it starts.

Lightning starts processes by running the command again, which would read the data once more in each and tell every
error several times. Here the first hands the others the split it has read; they end with it, however it ends, and if
one of them fails the first says why.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from training.data.split import Split
from training.errors import FitError
from training.options import FitOptions
from training.run_folder import RunFolder
from training.start import Inputs
from training.world import World

LAST_WORDS_SECONDS = 20.0
"""So long after another process failed the first may wait in vain for it; a GPU's collectives do not notice."""
_SET_BY_LIGHTNING = ("MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Job:
    """One run, as a process of `world` trains it."""

    run: RunFolder
    split: Split
    inputs: Inputs
    options: FitOptions
    world: World


class Others:
    """The processes that this one started, one thread looking after each. failure: of the first that failed."""

    def __init__(self, job: Job) -> None:
        self.failure: FitError | None = None
        self._over = threading.Event()
        locals_ = range(1, job.world.devices) if job.world.starts_others else range(0)
        self._processes = [_start() for _ in locals_]
        self._threads = [
            threading.Thread(target=self._look_after, args=(process, _share(job, local)), daemon=True)
            for process, local in zip(self._processes, locals_, strict=True)
        ]
        for thread in self._threads:
            thread.start()

    def why(self, error: Exception) -> Exception:
        """What another process failed of, when that is the reason for this one's error; else the error itself."""
        for thread in self._threads:
            thread.join(0.0 if self.failure else LAST_WORDS_SECONDS / 4)
        return self.failure or error

    def end(self, *, kill: bool) -> None:
        """Called when this process is done, and then the others are about to be, or has failed."""
        self._over.set()
        for process in self._processes:
            try:
                process.wait(0.0 if kill else LAST_WORDS_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        for thread in self._threads:
            thread.join()

    def _look_after(self, process: subprocess.Popen[bytes], job: Job) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdout, process.stdin, suppress(OSError):
            pickle.dump(job, process.stdin, protocol=5)
            process.stdin.flush()
            words = process.stdout.read()  # until it ends; stdin stays open, as a sign that this process lives
        if process.wait() == 0 or self._over.is_set():
            return
        self.failure = self.failure or _failure(job.world.rank, process.returncode, words)
        if not self._over.wait(LAST_WORDS_SECONDS):
            sys.stderr.write(f"error: {self.failure.message}\nhint: {self.failure.hint}\n")
            os._exit(2)  # the main thread waits for a process that is gone


def _share(job: Job, local: int) -> Job:
    return replace(job, world=replace(job.world, local=local))


def _start() -> subprocess.Popen[bytes]:
    """A process that waits for its job on stdin. Ctrl-C does not reach it: the first process tells it."""
    paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", "training.other"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        start_new_session=True,
    )


def _failure(rank: int, code: int, words: bytes) -> FitError:
    try:
        said = json.loads(words)
        return FitError(said["message"], hint=said["hint"])
    except (ValueError, KeyError):
        ended = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        hint = "memory may have run out: use fewer --devices or a smaller batch_size, and go on with --resume"
        return FitError(f"process {rank} of the training {ended}", hint=hint)


@contextmanager
def together(job: Job) -> Iterator[Others]:
    """Start this machine's other processes, if they are this one's to start; none of them outlives the block.

    Torch's process group, made inside, is closed, and what Lightning wrote into the environment is taken back.
    """
    kept = {name: os.environ.get(name) for name in _SET_BY_LIGHTNING}
    if job.world.size > 1 and job.options.run.threads is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(job.options.run.threads))  # else Lightning sets the threads itself
    others = Others(job)
    try:
        yield others
    except BaseException:
        others.end(kill=True)
        raise
    else:
        others.end(kill=False)
    finally:
        if job.world.size > 1:
            _clean_up(kept)


def _clean_up(environment: dict[str, str | None]) -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
