"""Is there memory for a bundle? Asked before it is loaded, since who takes more than there is gets killed, not refused.

While a bundle is loaded, the bytes of all its graphs are in memory, and onnxruntime makes its copy of one after the
other: parsed, as weights, and once more where it turns or packs them. Measured (python -m benchmarks.bundle_memory):
the graphs' bytes and twice the largest graph's again, seven to ten times those of the JSON files, and a dozen MiB. With
constants to fold it is three times the largest, which is what is asked for; and some MiB for who is answered meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path

from bundle import files
from bundle.errors import MemoryShortError
from bundle.manifest import Manifest
from service.bundles.cgroups import MIB, Left, memory_left

LARGEST_AGAIN = 3
JSON_TIMES = 10
BESIDE = 32 * MIB


def memory_needed(manifest: Manifest) -> int:
    """An upper estimate of the bytes that loading this bundle takes at the peak, by the sizes of its files."""
    graphs = [manifest.files[name].size for name in manifest.graphs.files]
    parsed = sum(manifest.files[name].size for name in (files.ITEMS, files.FACTORS, files.LATENT_MAP))
    return sum(graphs) + LARGEST_AGAIN * max(graphs) + JSON_TIMES * parsed + BESIDE


def check_room(manifest: Manifest, *, budget: int | None = None, root: Path = Path("/")) -> None:
    """Raise MemoryShortError where loading this bundle would take more memory than is left.

    budget  bytes that the whole process may hold; None = what control groups and the machine leave is all that counts.
            Where nothing can be read, nothing is refused. root: as for service.bundles.cgroups.memory_left
    """
    bounds = [left for left in (memory_left(root), _left_of(budget, root)) if left is not None]
    needed, least = memory_needed(manifest), min(bounds, key=lambda left: left.size, default=None)
    if least is not None and needed > least.size:
        raise MemoryShortError(
            f"loading it takes about {-(-needed // MIB)} MiB of memory, and {max(0, least.size) // MIB} MiB are left of"
            f" {least.bound}"
        )


def _left_of(budget: int | None, root: Path) -> Left | None:
    if budget is None:
        return None
    try:
        pages = int((root / "proc" / "self" / "statm").read_text("ascii").split()[1])
    except OSError:
        return None
    return Left(budget - pages * os.sysconf("SC_PAGE_SIZE"), f"PRISMREC_MEMORY={budget // MIB}")
