"""Users' histories and preferences. `open_store(url)` gives the engine that the URL names."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from service.errors import StorageFullError, StorageUnavailableError
from service.store.broken import BrokenStore
from service.store.protocol import (
    Interaction,
    KeptWrite,
    Known,
    Loaded,
    Preferences,
    Receipt,
    Source,
    Store,
    UserCount,
    Write,
)
from service.store.sqlite import SqliteStore
from service.store_url import SQLITE, check_store_url, is_postgres


def open_store(url: str, *, clock: Callable[[], float] = time.time) -> Store:
    """The store at a URL (service.store_url). A missing file is made, its folder too; so are missing tables.

    Raises StorageUnavailableError for a URL of no known engine, an unusable file (which is left as it is), or a
    database that does not answer.
    """
    return _open(url, clock=clock, later=False)


def open_or_degrade(url: str, *, clock: Callable[[], float] = time.time) -> Store:
    """As `open_store`, but a store that cannot be opened becomes one that refuses every call.

    A database is tried again in the background and serves as soon as it answers; a file is not: it stays refused.
    """
    try:
        return _open(url, clock=clock, later=True)
    except (StorageUnavailableError, StorageFullError) as error:
        return BrokenStore(error)


def _open(url: str, *, clock: Callable[[], float], later: bool) -> Store:
    try:
        check_store_url(url)
    except ValueError as error:
        raise StorageUnavailableError(
            str(error), hint="set PRISMREC_STORE_URL or --store to the URL of a store"
        ) from None
    if is_postgres(url):
        from service.store.postgres import PostgresStore  # psycopg is an extra

        return PostgresStore(url, clock=clock, later=later)
    path = Path(url.removeprefix(SQLITE))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailableError(f"the store's folder cannot be made ({error.strerror})") from error
    return SqliteStore(path, clock=clock)


__all__ = [
    "BrokenStore",
    "Interaction",
    "KeptWrite",
    "Known",
    "Loaded",
    "Preferences",
    "Receipt",
    "Source",
    "Store",
    "UserCount",
    "Write",
    "open_or_degrade",
    "open_store",
]
