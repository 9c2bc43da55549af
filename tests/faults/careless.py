"""The real service over a store that takes less care, the controls of W3 and W4: `python -m tests.faults.careless WAY`.

late    a write goes on although its caller was told that it took too long
early   a write is acknowledged that the disk refused
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from service.__main__ import main
from service.errors import StorageFullError, StorageUnavailableError
from service.store import Receipt, Store, Write
from service.store import sqlite as engine
from service.store.postgres import PostgresStore

LATE, EARLY = "late", "early"


def go_on() -> None:
    engine.stop_if_late = lambda: None  # type: ignore[attr-defined]


def acknowledge() -> None:
    for store in (engine.SqliteStore, PostgresStore):
        store.append = _acknowledging(store.append)  # type: ignore[method-assign, assignment, arg-type]


def _acknowledging(append: Callable[[Store, Write], Receipt]) -> Callable[[Store, Write], Receipt]:
    def said(self: Store, write: Write) -> Receipt:
        try:
            return append(self, write)
        except (StorageFullError, StorageUnavailableError):
            return Receipt(len(write.interactions), 0, ())

    return said


WAYS: dict[str, Callable[[], None]] = {LATE: go_on, EARLY: acknowledge}

if __name__ == "__main__":
    WAYS[sys.argv[1]]()
    sys.exit(main())
