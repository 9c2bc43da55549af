"""A control group of the kernel with a memory limit, where one can be made: as root, or where groups are delegated.

Version 1: below the group that this process is in. Version 2: below the nearest one above it that hands memory on and
holds no process, as the kernel asks for (cgroup-v2.rst, "No Internal Process Constraint").
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.bundles.cgroups import _V1, _groups

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Group:
    """procs: the file that takes who joins; oom: the one that counts kills (its line `oom_kill`)."""

    folder: Path
    limit: str
    oom: str

    @property
    def procs(self) -> Path:
        return self.folder / "cgroup.procs"

    def set_limit(self, mebibytes: int) -> None:
        """The limit of memory, and in version 1 of memory and swap together, which may never be below it."""
        together = self.folder / "memory.memsw.limit_in_bytes"
        if together.exists():
            with suppress(OSError):  # refused before the other is lowered, needed before that is raised
                together.write_text(str(mebibytes * MIB))
        (self.folder / self.limit).write_text(str(mebibytes * MIB))
        if together.exists():
            together.write_text(str(mebibytes * MIB))

    def kills(self) -> int:
        """How many of its processes the kernel has killed for want of memory."""
        lines = (self.folder / self.oom).read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


@contextmanager
def memory_group(mebibytes: int) -> Iterator[Group]:
    """A group with this limit and no swap; skips, saying why, where none can be made. Who is in it has ended before."""
    tried: list[str] = []
    for group in _places():
        try:
            _make(group, mebibytes)
        except (OSError, subprocess.CalledProcessError) as error:
            tried.append(f"{group.folder.parent}: {error}")
            _remove(group)
            continue
        try:
            yield group
        finally:
            _remove(group)
        return
    why = "; ".join(tried) or "there is none to make one in"
    pytest.skip(f"NOT TESTED: a memory limit of the kernel, because no control group could be made ({why})")


def _places() -> Iterator[Group]:
    name = f"prismrec-test-{os.getpid()}"
    for version, above in _groups(Path("/")):
        if version is _V1:
            yield Group(above / name, version.limit, "memory.oom_control")
            continue
        with suppress(OSError):
            if "memory" in (above / "cgroup.subtree_control").read_text("ascii").split():
                yield Group(above / name, version.limit, "memory.events")


def _make(group: Group, mebibytes: int) -> None:
    group.folder.mkdir()
    group.set_limit(mebibytes)
    for name, value in (("memory.swappiness", "0"), ("memory.swap.max", "0")):  # of version 1, of version 2
        if (group.folder / name).exists():
            (group.folder / name).write_text(value)
    join = f"open({str(group.procs)!r}, 'w').write('0')"
    subprocess.run([sys.executable, "-c", join], check=True, capture_output=True)
    group.kills()


def _remove(group: Group) -> None:
    """A group can go once the last process in it is gone for good."""
    until = time.monotonic() + 10
    while group.folder.exists():
        try:
            group.folder.rmdir()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
