"""How much more memory this process may take before the kernel kills it: by its control groups, and by the machine.

A container's memory limit is one of a control group or of one above it; version 2 of them is what systems have today,
version 1 what older ones have. Sources: cgroup-v2.rst and cgroup-v1/memory.rst of the kernel, cgroups(7), proc(5).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MIB = 1 << 20
NO_LIMIT = 1 << 60
"""Version 1 writes "no limit" as the largest number of pages; version 2 writes `max`."""


@dataclass(frozen=True, slots=True)
class Left:
    """So many bytes may still be taken (below 0: more are taken than should be), and what says so, in words."""

    size: int
    bound: str


@dataclass(frozen=True, slots=True)
class _Version:
    """The names of one version's files, and of what of memory.stat counts as reclaimable and as in use after all."""

    limit: str
    used: str
    cache: tuple[str, ...]
    mapped: str


_V1 = _Version(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    ("total_inactive_file", "total_active_file"),
    "total_mapped_file",
)
_V2 = _Version("memory.max", "memory.current", ("inactive_file", "active_file"), "file_mapped")


def memory_left(root: Path = Path("/")) -> Left | None:
    """What the tightest bound leaves; None where none can be read. Costs a dozen small files.

    Swap is not counted: a model that is swapped out keeps no deadline. root: below which /proc and /sys are looked for.
    """
    found = [_left_of_machine(root)]
    with suppress(ValueError, IndexError):  # a kernel that writes these files in another way says nothing
        found += [_left_of(version, folder) for version, folder in _groups(root)]
    return min((left for left in found if left is not None), key=lambda left: left.size, default=None)


def _left_of(version: _Version, folder: Path) -> Left | None:
    """What the limit of one group leaves: cached files are given up before anybody is killed, mapped ones (the program
    itself) only at the price of standing still."""
    limit, used = _number(folder / version.limit), _number(folder / version.used)
    if limit is None or used is None or limit >= NO_LIMIT:
        return None
    stat = _table(folder / "memory.stat")
    cached = sum(stat.get(name, 0) for name in version.cache) - stat.get(version.mapped, 0)
    return Left(limit - used + max(0, cached), f"a memory limit of {limit // MIB} MiB")


def _left_of_machine(root: Path) -> Left | None:
    available = _table(root / "proc" / "meminfo").get("MemAvailable:")
    return None if available is None else Left(available * 1024, "the machine's memory")


def _groups(root: Path) -> Iterator[tuple[_Version, Path]]:
    """The folders of the groups that this process is in, its own first, as far up as they can be seen."""
    mounts = dict(_mounts(root))
    for line in _lines(root / "proc" / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        version = _V2 if not controllers else _V1 if "memory" in controllers.split(",") else None
        if version is None or version not in mounts:
            continue
        seen, top = mounts[version]
        group = _below(PurePosixPath(path), seen)
        for part in (group, *group.parents):
            yield version, top / part


def _mounts(root: Path) -> Iterator[tuple[_Version, tuple[PurePosixPath, Path]]]:
    """For each version the group that its mount shows, and where."""
    for line in _lines(root / "proc" / "self" / "mountinfo"):
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(), after.split(maxsplit=2)
        version = {"cgroup2": _V2, "cgroup": _V1}.get(kind)
        if version is not None and (version is _V2 or "memory" in options.split(",")):
            yield version, (PurePosixPath(fields[3]), root / fields[4].lstrip("/"))


def _below(path: PurePosixPath, seen: PurePosixPath) -> PurePosixPath:
    """A group's path from the mount that shows `seen`; that one itself where the path leads out of it (containers)."""
    with suppress(ValueError):
        inside = path.relative_to(seen)
        if ".." not in inside.parts:
            return inside
    return PurePosixPath()


def _table(path: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    rows = (line.split() for line in _lines(path))
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def _number(path: Path) -> int | None:
    words = _lines(path)
    return int(words[0]) if words and words[0].isdigit() else None


def _lines(path: Path) -> list[str]:
    """The lines of a file of the kernel; none where it is not to be read."""
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
