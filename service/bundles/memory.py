"""Giving back what a replaced bundle held. Without it eighty swaps of a small bundle kept eighteen of them alive."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress


def _trimmer() -> Callable[[int], int] | None:
    """glibc's malloc_trim; None with another C library, which has its own ways."""
    with suppress(OSError, AttributeError):
        trim = ctypes.CDLL(None).malloc_trim
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
        return trim
    return None


_TRIM = _trimmer()


def give_back() -> None:
    """Collect bundles that nobody uses any more, and return free pages to the system; call it after every load.

    A loaded bundle is part of a cycle. Swaps are rare and make few objects, so the collector of old ones, which runs
    when a quarter of all are new, would come for it after dozens of swaps. Of what is freed the allocator keeps what
    lies below anything in use: resident memory would go on growing by some hundred KiB a swap. Costs a few ms, as what
    lives as long as the process is frozen (service.app); not for the request path.
    """
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)
