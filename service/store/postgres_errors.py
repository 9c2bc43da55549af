"""psycopg's errors as ours. Their text names hosts, users, keys and values, so only the kind is told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import psycopg
import psycopg_pool

from service.errors import StorageFullError, StorageUnavailableError

DISK_FULL = "53100"
LOST_TABLES = frozenset({"3F000", "42P01"})
HINT = "check PRISMREC_STORE_URL and the database; psql with the same URL says more"

_SIGNS = (
    ("password", "the sign-in was refused"),
    ("authentication", "the sign-in was refused"),
    ("does not exist", "there is no such database or role"),
    ("permission denied", "a right is missing"),
    ("too many", "it has no connection left"),
    ("starting up", "it is starting up"),
    ("shutting down", "it is shutting down"),
    ("resolve", "the host's name is not known"),
    ("refused", "nobody listens there"),
    ("No such file", "nobody listens there"),
    ("timeout", "no answer in time"),
)
"""What in libpq's text about a connection that was not made tells the cause; in English, else nothing is told."""


def unavailable(why: str) -> StorageUnavailableError:
    """The store does not answer, and why, in words that hold nothing of the database's."""
    return StorageUnavailableError(f"the store's database does not answer ({why})", hint=HINT)


def lost_tables(error: psycopg.Error) -> bool:
    """Whether the statement found no tables where they were."""
    return error.sqlstate in LOST_TABLES


@contextlib.contextmanager
def translated(*, on_lost: Callable[[], None] | None = None) -> Iterator[None]:
    """Raise StorageFullError or StorageUnavailableError for what psycopg raises inside.

    on_lost is called when the tables are gone. Our own errors pass through.
    """
    try:
        yield
    except psycopg.Error as error:
        if on_lost is not None and lost_tables(error):
            on_lost()
        # a server that gave up for want of room may yet find in its log what it was asked to commit
        if error.sqlstate == DISK_FULL and error.diag.severity_nonlocalized == "ERROR":
            raise StorageFullError("the store has no room left") from None
        raise unavailable(_kind(error)) from None
    except psycopg_pool.PoolTimeout:
        raise unavailable("no connection") from None
    except (psycopg_pool.PoolClosed, OSError):
        raise unavailable("the connection was closed") from None


def _kind(error: psycopg.Error) -> str:
    if error.sqlstate is None:
        text = str(error)
        return next((told for sign, told in _SIGNS if sign in text), "the connection failed")
    return type(error).__name__
