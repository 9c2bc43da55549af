"""How long this process did not get to run while it wanted to: what a busy machine adds to whatever is timed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

TICK = 0.01


@dataclass(slots=True)
class Stolen:
    """seconds: so far."""

    seconds: float = 0.0


@contextmanager
def stolen() -> Iterator[Stolen]:
    """Inside, a thread sleeps again and again; by how much it oversleeps in all is what others took."""
    found, ended = Stolen(), threading.Event()

    def watch() -> None:
        before = time.monotonic()
        while not ended.wait(TICK):
            now = time.monotonic()
            found.seconds += max(0.0, now - before - TICK)
            before = now

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield found
    finally:
        ended.set()
        watching.join()
