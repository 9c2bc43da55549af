"""On what the figures were made."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

_CPU = Path("/proc/cpuinfo")
_MEMORY = Path("/proc/meminfo")
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Of a container, in the two versions of control groups."""


def machine(libraries: Mapping[str, str]) -> dict[str, str | int | float | None]:
    """Processor, cores, memory in GB, system, Python and torch; what is not known is None."""
    memory = _field(_MEMORY, "MemTotal")
    return {
        "processor": _field(_CPU, "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": None if memory is None else round(int(memory.split()[0]) / 1e6, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": libraries.get("torch"),
    }


def memory_bytes(memory: Path = _MEMORY, limits: tuple[Path, ...] = _LIMITS) -> int | None:
    """The memory that this process may have at most: the machine's, or its container's; None = not known."""
    found = [int(text) for path in limits if path.is_file() and (text := path.read_text("ascii").strip()).isdigit()]
    total = _field(memory, "MemTotal")
    if total is not None:
        found.append(1024 * int(total.split()[0]))
    elif "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(found, default=None)


def _field(path: Path, name: str) -> str | None:
    if not path.is_file():
        return None
    lines = (line.partition(":") for line in path.read_text("utf-8", "replace").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), None)
