"""System calls of a running process fail from outside, by strace: what a disk does to writes that C makes.

with failing([pid], "EIO", when="3", paths=[database, log]) as broken:
    ...  # in each thread, the third call of each name that touches one of the paths returns EIO and does nothing
broken.calls  # those that were failed
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.serving import LONG

INSTALL = "apt-get install -y --no-install-recommends strace"
WRITES = ("write", "pwrite64", "pwritev", "ftruncate", "fallocate", "fsync", "fdatasync")
SYNCS = {"fsync", "fdatasync"}


@dataclass(slots=True)
class Broken:
    """calls: the names of the calls that failed, known when it is over."""

    calls: list[str] = field(default_factory=list)


def missing() -> str | None:
    """Why nothing can be injected here; None when it can."""
    if shutil.which("strace") is None:
        return f"NO STRACE: no call of the system is failed; as root: {INSTALL}"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as sleeping:
        try:
            with failing([sleeping.pid], "EIO", when="1"):
                return None
        except RefusedError as refused:
            return f"NO PTRACE: strace may not attach here ({refused}); root may, in most containers"
        finally:
            sleeping.kill()


def skip_without_strace() -> None:
    """Skip the test, loudly, where strace is not there or may not attach."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)


class RefusedError(Exception):
    """strace could not attach."""


@contextmanager
def failing(
    pids: Sequence[int], error: str, *, when: str, paths: Iterable[Path] = (), calls: Iterable[str] = WRITES
) -> Iterator[Broken]:
    """Inside, the `when`-th of the calls that touch the paths fails, counted by thread and name; "1+" = all of them.

    paths: existing files; none = all. Raises RefusedError where strace may not attach.
    """
    assert pids, "there is nobody to fail"
    broken, named = Broken(), ",".join(calls)
    with tempfile.NamedTemporaryFile("r", prefix="strace-") as told:
        words = ["-f", "-q", "-o", told.name, "-e", f"trace={named}", *(f"--attach={pid}" for pid in pids)]
        words += ["-e", f"inject={named}:error={error}:when={when}"]
        words += [word for path in paths for word in ("-P", str(path))]
        tracing = subprocess.Popen(["strace", *words], stderr=subprocess.PIPE, text=True)
        try:
            _wait_attached(tracing, pids)
            yield broken
        finally:
            tracing.terminate()  # which lets the process go
            _, _ = tracing.communicate(timeout=LONG)
        broken.calls += [line.split()[1].split("(")[0] for line in told if "(INJECTED)" in line]


def _wait_attached(tracing: subprocess.Popen[str], pids: Sequence[int]) -> None:
    until = time.monotonic() + LONG
    while not all(_is_traced(task) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()):
        if tracing.poll() is not None:
            assert tracing.stderr is not None
            raise RefusedError(tracing.stderr.read().strip().rpartition("\n")[2])
        assert time.monotonic() < until, "strace does not attach"
        time.sleep(0.005)


def _is_traced(task: Path) -> bool:
    try:
        return "\nTracerPid:\t0\n" not in (task / "status").read_text("ascii")
    except FileNotFoundError:
        return True
