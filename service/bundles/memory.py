"""Giving back to the system what a load and a replaced bundle held."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from contextlib import suppress
from threading import Timer

SOON_SECONDS = 0.5
"""A bundle's parts go within microseconds of it; a list that it made is on its way a little longer."""


def _trimmer() -> Callable[[int], int] | None:
    """glibc's malloc_trim; None with another C library, which has its own ways."""
    with suppress(OSError, AttributeError):
        trim = ctypes.CDLL(None).malloc_trim
        trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
        return trim
    return None


_TRIM = _trimmer()


def give_back() -> None:
    """Return free pages to the system; call it after every load, for what was needed on the way. Costs a few ms.

    The allocator keeps what lies below anything in use, so resident memory would grow. Not for the request path.
    """
    if _TRIM is not None:
        _TRIM(0)


def give_back_with(loaded: object) -> None:
    """Return free pages once more when this bundle has gone: call it of each that is served.

    A replaced bundle goes with its last request (tests/service/test_bundles_let_go.py), which is after the load: 30 to
    40 MiB of one for 3,416 items lay there until the next swap, and resident memory went up and down by as much.
    """
    weakref.finalize(loaded, _give_back_soon).atexit = False


def _give_back_soon() -> None:
    """On a thread of its own, as the last reference may be let go by the event loop."""
    timer = Timer(SOON_SECONDS, give_back)
    timer.daemon = True
    timer.start()
