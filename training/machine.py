"""On what the figures were made."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

_CPU = Path("/proc/cpuinfo")
_MEMORY = Path("/proc/meminfo")


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


def _field(path: Path, name: str) -> str | None:
    if not path.is_file():
        return None
    lines = (line.partition(":") for line in path.read_text("utf-8", "replace").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), None)
