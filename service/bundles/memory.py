"""Giving back to the system what a load and a replaced bundle held."""

from __future__ import annotations

import ctypes
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
    """Return free pages to the system; call it after every load.

    A replaced bundle goes with its last request (tests/service/test_bundles_let_go.py), and so does what a load needed
    on the way; but the allocator keeps of it what lies below anything in use. Costs a few ms; not for the request path.
    """
    if _TRIM is not None:
        _TRIM(0)
