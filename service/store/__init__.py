"""Users' histories and preferences. `open_store(url)` gives the engine that the URL names."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from service.errors import StorageUnavailableError
from service.settings import SQLITE
from service.store.broken import BrokenStore
from service.store.protocol import Interaction, Known, Loaded, Preferences, Receipt, Source, Store, UserCount, Write
from service.store.sqlite import SqliteStore


def open_store(url: str, *, clock: Callable[[], float] = time.time) -> Store:
    """The store at `sqlite:///relative/path` or `sqlite:////absolute/path`; a missing file is made, its folder too.

    Raises StorageUnavailableError for a URL of no known engine or an unusable file; the file is left as it is.
    """
    if not url.startswith(SQLITE) or len(url) == len(SQLITE):
        raise StorageUnavailableError(
            "the store's URL names no engine that is known here",
            hint="set PRISMREC_STORE_URL to sqlite:///relative/store.sqlite or sqlite:////absolute/store.sqlite",
        )
    path = Path(url.removeprefix(SQLITE))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailableError(f"the store's folder cannot be made ({error.strerror})") from error
    return SqliteStore(path, clock=clock)


def open_or_degrade(url: str, *, clock: Callable[[], float] = time.time) -> Store:
    """As `open_store`, but a store that cannot be opened becomes one that refuses every call."""
    try:
        return open_store(url, clock=clock)
    except StorageUnavailableError as error:
        return BrokenStore(error)


__all__ = [
    "BrokenStore",
    "Interaction",
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
