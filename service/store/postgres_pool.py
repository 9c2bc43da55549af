"""Connections to PostgreSQL: a pool that lets no request wait long, and reconnects by itself."""

from __future__ import annotations

import contextlib
import logging
import select
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import psycopg_pool
from psycopg.abc import RV, PQGen

from service.errors import ServiceError, StorageUnavailableError
from service.store.postgres_errors import translated, unavailable
from service.store.postgres_schema import is_made, migrate

Rows = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. Whatever hangs (network, lock, server), a call of the service ends after `call`, below its deadline.

    connect    until a new connection stands (libpq takes no less than 2); it is made beside the requests
    checkout   for a free connection
    statement  the server gives up on one statement; lock: on a lock within it
    call       everything one call of the store does, waits included
    idle       the server ends a transaction whose process fell silent, so that its locks do not stay
    retry      between two attempts to open a database that was not there
    migration  for the lock under which tables are made
    """

    connect: int = 2
    checkout: float = 0.5
    statement: float = 1.0
    lock: float = 0.8
    call: float = 1.5
    idle: float = 5.0
    retry: float = 1.0
    migration: float = 5.0


TIMING = Timing()
POOL_SIZE = 8
_SESSION = """SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),
                set_config('idle_in_transaction_session_timeout', %s, false),
                CASE WHEN current_setting('synchronous_commit') = 'off'
                     THEN set_config('synchronous_commit', 'on', false) END"""
"""A database may be set to acknowledge before it has written; a store that says "durable" cannot be."""


class Timed(psycopg.Connection[Rows]):
    """A connection of which nothing is awaited beyond `ends` (time.monotonic()); it is closed when that comes."""

    ends: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if self.ends is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(0.001, self.ends - time.monotonic()))
        except psycopg.OperationalError:
            if time.monotonic() >= self.ends:
                self.pgconn.finish()  # the server still works on it: nobody may be given this connection again
            raise


class Database:
    """A database behind a URL. Raises StorageUnavailableError and StorageFullError, never psycopg's errors."""

    def __init__(self, url: str, *, timing: Timing = TIMING, size: int = POOL_SIZE) -> None:
        # libpq's messages name host, user and database, and the pool would log them
        library = logging.getLogger("psycopg")
        library.addHandler(logging.NullHandler())
        library.propagate = False
        self._url = url
        self._timing = timing
        self._size = size
        self._pool: psycopg_pool.ConnectionPool[Timed] | None = None
        self._cause: ServiceError = unavailable("it was not opened")
        self._state = threading.Lock()
        self._closed = threading.Event()
        self._opener: threading.Thread | None = None
        self._down_until = 0.0

    def open(self) -> None:
        """Connect, bring the tables to the newest version, start the pool. Raises what keeps it from that."""
        with translated():
            with self.session(statement=0, lock=self._timing.migration) as connection:
                migrate(connection)
            pool = psycopg_pool.ConnectionPool(
                self._url,
                connection_class=Timed,
                kwargs=self._kwargs(),
                configure=self._configure,
                min_size=1,
                max_size=self._size,
                timeout=self._timing.checkout,
                reconnect_timeout=self._timing.retry,
                num_workers=2,
                open=True,
            )
        with self._state:
            if not self._closed.is_set():
                self._pool = pool
                return
        pool.close()

    def look(self) -> bool:
        """Whether the tables are there, made or not; nothing is changed. Raises what keeps `open` from opening."""
        with translated(), self.session(statement=self._timing.statement, lock=self._timing.lock) as connection:
            return is_made(connection)

    def open_later(self) -> None:
        """Open it, and where that fails, try again in the background until it works."""
        try:
            self.open()
        except ServiceError as error:
            self._cause = error
            with self._state:
                self._start_opener()

    @property
    def cause(self) -> ServiceError | None:
        """Why it is not open; None when it is."""
        return None if self._pool is not None else self._cause

    @contextlib.contextmanager
    def connection(self) -> Iterator[Timed]:
        """A connection of the pool, in autocommit mode, for one call; it is given back, or dropped when it broke."""
        ends, pool = time.monotonic() + self._timing.call, self._pool
        if pool is None:
            raise StorageUnavailableError(self._cause.detail, hint=self._cause.hint)
        with translated(on_lost=lambda: self._reopen(pool)):
            taken = self._checkout(pool)
            try:
                taken.ends = ends
                yield taken
            finally:
                taken.ends = ends + self._timing.checkout  # to roll back what was left open
                pool.putconn(taken)

    @contextlib.contextmanager
    def session(self, *, statement: float, lock: float) -> Iterator[Timed]:
        """A connection beside the pool for long work; its limits in seconds, 0 = none."""
        with translated():
            made = Timed.connect(self._url, **self._kwargs())
            with contextlib.closing(made):
                self._configure(made, statement=statement, lock=lock)
                yield made

    def close(self) -> None:
        """Give the connections back; later calls are refused."""
        self._closed.set()
        with self._state:
            pool, self._pool = self._pool, None
            self._cause = unavailable("it is closed")
        if pool is not None:
            pool.close(timeout=self._timing.call)

    def _kwargs(self) -> dict[str, Any]:
        return {
            "autocommit": True,
            "connect_timeout": self._timing.connect,
            "fallback_application_name": "prismrec",
            "tcp_user_timeout": int(self._timing.call * 1000),
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }

    def _configure(self, made: Timed, *, statement: float | None = None, lock: float | None = None) -> None:
        limits = (
            self._timing.statement if statement is None else statement,
            self._timing.lock if lock is None else lock,
            self._timing.idle,
        )
        made.ends = time.monotonic() + self._timing.connect
        made.execute(_SESSION, [f"{int(limit * 1000)}ms" for limit in limits])
        made.ends = None

    def _checkout(self, pool: psycopg_pool.ConnectionPool[Timed]) -> Timed:
        """A connection of the pool that the server has not closed meanwhile."""
        if time.monotonic() < self._down_until and pool.get_stats()["pool_available"] == 0:
            raise unavailable("no connection")  # who asks in a row need not wait in a row
        until = time.monotonic() + self._timing.checkout
        while True:
            try:
                taken = pool.getconn(timeout=max(0.0, until - time.monotonic()))
            except psycopg_pool.PoolTimeout:
                self._down_until = time.monotonic() + self._timing.checkout
                raise
            if not _is_stale(taken):
                return taken
            taken.close()
            pool.putconn(taken)  # which makes another in its place, in the background

    def _reopen(self, pool: psycopg_pool.ConnectionPool[Timed]) -> None:
        """The tables are gone (another database stands there now): begin as at the start, beside the requests."""
        with self._state:
            if self._pool is not pool:
                return  # somebody else has met it, too
            self._pool, self._cause = None, unavailable("its tables are gone")
            self._start_opener()
        threading.Thread(target=pool.close, name="store-closer", daemon=True).start()

    def _start_opener(self) -> None:
        if self._opener is None and not self._closed.is_set():
            self._opener = threading.Thread(target=self._keep_opening, name="store-opener", daemon=True)
            self._opener.start()

    def _keep_opening(self) -> None:
        while not self._closed.wait(self._timing.retry):
            try:
                self.open()
            except ServiceError as error:
                self._cause = error
            else:
                break
        with self._state:
            self._opener = None
            if self._pool is None:
                self._start_opener()  # lost again at this very moment


def _is_stale(connection: Timed) -> bool:
    """Whether the server said something while nobody asked: goodbye, as a rule. Costs a system call, no round trip."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
