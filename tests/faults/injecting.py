"""System calls of a running process seen and failed from outside, by strace: those that C makes, too.

with failing([pid], "EIO", when="3", paths=[database, log]) as broken:
    ...  # in each thread, the third call of each name that touches one of the paths returns EIO and does nothing
broken.calls  # those that were failed
"""

from __future__ import annotations

import re
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
OPENS = ("open", "openat", "openat2")
_OPENED = re.compile(r'open(?:at2?)?\((?:\w+<([^>]*)>, )?"([^"]*)"')
SYNCS = {"fsync", "fdatasync"}


@dataclass(slots=True)
class Broken:
    """calls: the names of the calls that failed, known when it is over."""

    calls: list[str] = field(default_factory=list)


@contextmanager
def opening(pid: int) -> Iterator[set[Path]]:
    """Inside, every path that the process tries to open, from Python or from C, comes into the set, when it is over."""
    paths: set[Path] = set()
    with _traced([pid], "-y", "-e", f"trace={','.join(OPENS)}") as told:
        yield paths
    for folder, name in _OPENED.findall("".join(told)):
        paths.add(Path(folder or "/", name))


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
    only = [word for path in paths for word in ("-P", str(path))]
    inject = f"inject={named}:error={error}:when={when}"
    with _traced(pids, "-e", f"trace={named}", "-e", inject, *only) as told:
        yield broken
    broken.calls += [line.split()[1].split("(")[0] for line in told if "(INJECTED)" in line]


@contextmanager
def _traced(pids: Sequence[int], *words: str) -> Iterator[list[str]]:
    """strace with these words holds on to the processes inside; what it wrote down is known afterwards."""
    lines: list[str] = []
    with tempfile.NamedTemporaryFile("r", prefix="strace-") as told:
        attach = [f"--attach={pid}" for pid in pids]
        command = ["strace", "-f", "-q", "-o", told.name, *words, *attach]
        tracing = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            _wait_attached(tracing, pids)
            yield lines
        finally:
            tracing.terminate()  # which lets the process go
            _, _ = tracing.communicate(timeout=LONG)
        lines += told


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
