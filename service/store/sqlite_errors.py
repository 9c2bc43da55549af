"""What SQLite says of a failure, in the service's words."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from service.errors import StorageFullError, StorageUnavailableError


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """sqlite3's errors as ours; their text may hold paths and values, so only the kind is told."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageFullError("the store has no room left") from error
        name = getattr(error, "sqlite_errorname", None) or type(error).__name__
        raise StorageUnavailableError(f"the store does not answer ({name})") from error
