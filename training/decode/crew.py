"""The processes that carry out orders to retrain: so many at a time, heard while they work, ended when this one is."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec

from training.decode.retraining import Order, Said

LAST_STEP_SECONDS = 30.0
"""After Ctrl-C a retraining has so long to finish its step, or its epoch's files."""

COMMAND = (sys.executable, "-m", "training.decode.retraining")
Hear = Callable[[int, Said], None]


def carry_out(
    orders: Sequence[Order], jobs: int, hear: Hear, *, command: Sequence[str] = COMMAND
) -> list[tuple[int, Said]]:
    """Carry out all orders, `jobs` at a time; returns those that failed, in the order in which they did.

    hear: called in this thread with all that each says; command: what a process runs. Whatever is raised here, Ctrl-C
    included, first ends the processes: those at work finish their step.
    """
    failures = []
    crew = _Crew(command)
    with ThreadPoolExecutor(max(1, jobs)) as slots:
        try:
            for seed, said in crew.work(orders, slots):
                hear(seed, said)
                if said.what == "failed":
                    failures.append((seed, said))
        except BaseException:
            crew.stop()
            raise
    return failures


class _Crew:
    """The processes at work, one thread looking after each."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._stopping = False
        self._processes: list[subprocess.Popen[bytes]] = []
        self._said: queue.Queue[tuple[int, Said | None]] = queue.Queue()

    def work(self, orders: Sequence[Order], slots: ThreadPoolExecutor) -> Iterator[tuple[int, Said]]:
        """What they say, as they say it, until all are done."""
        for order in orders:
            slots.submit(self._carry_out, order)
        left = len(orders)
        while left:
            seed, said = self._said.get()
            if said is None:
                left -= 1
            else:
                yield seed, said

    def stop(self) -> None:
        """Nobody starts any more, and those at work finish their step; asked a second time, they are ended at once."""
        with self._lock:
            self._stopping = True
            running = [p for p in self._processes if p.poll() is None]
        try:
            for process in running:
                assert process.stdin is not None
                with suppress(OSError):
                    process.stdin.close()
            for process in running:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LAST_STEP_SECONDS)
        finally:
            for process in running:
                process.kill()

    def _carry_out(self, order: Order) -> None:
        """In a thread: start the process, hand on what it says, and say it when it ends without a word."""
        try:
            with self._lock:
                if self._stopping:
                    return
                process = _start(self._command)
                self._processes.append(process)
            self._look_after(process, order)
        finally:
            self._said.put((order.seed, None))

    def _look_after(self, process: subprocess.Popen[bytes], order: Order) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        last = None
        with process.stdout:
            with suppress(OSError, ValueError):  # it has ended, or was told to
                process.stdin.write(msgspec.json.encode(order) + b"\n")
                process.stdin.flush()  # and left open, as a sign that this process lives
            for line in process.stdout:
                last = msgspec.json.decode(line, type=Said)
                self._said.put((order.seed, last))
        code = process.wait()
        with suppress(OSError):
            process.stdin.close()
        if not self._stopping and (last is None or last.what not in ("read", "failed")):
            self._said.put((order.seed, _ended(code)))


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A process that waits for its order on stdin. Ctrl-C does not reach it: this process tells it."""
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(  # noqa: S603 - this very program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        start_new_session=True,
    )


def _ended(code: int) -> Said:
    how = f"its process was ended by signal {-code}" if code < 0 else f"its process ended with exit code {code}"
    hint = "memory may have run out: run the same command again with fewer --jobs; it goes on where it stopped"
    return Said(what="failed", message=how, hint=hint)
