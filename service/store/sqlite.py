"""The embedded store: one SQLite file, WAL and synchronous = FULL, so an acknowledged write survives a crash."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from service.errors import StorageFullError, StorageUnavailableError
from service.lateness import stop_if_late
from service.limits import LIMITS
from service.store.bulk import BulkLoad, RowsOfMany, load_rows
from service.store.protocol import Interaction, KeptWrite, Known, Loaded, Preferences, Receipt, Source, UserCount, Write
from service.store.receipts import KEY_LIFE_SECONDS, conflict, fingerprint_of, kept_write, replayed
from service.store.schema import connect, migrate

READ_BUSY_MS = 50
WRITE_BUSY_MS = 1000
_TRIM = """DELETE FROM history WHERE user_id = ?1 AND item_id IN
           (SELECT item_id FROM history WHERE user_id = ?1
            ORDER BY at DESC, seq DESC, item_id DESC LIMIT -1 OFFSET ?2)"""

_USERS = """SELECT user_id, sum(n_items) FROM (
              SELECT * FROM (SELECT user_id, count(*) AS n_items FROM history WHERE user_id > ?1
                             GROUP BY user_id ORDER BY user_id LIMIT ?2)
              UNION ALL
              SELECT * FROM (SELECT user_id, 0 FROM preferences WHERE user_id > ?1 ORDER BY user_id LIMIT ?2))
            GROUP BY user_id ORDER BY user_id LIMIT ?2"""
"""The first of either table are enough for the first of both: a page reads a page, however many users there are."""

_PREFER = """INSERT INTO preferences VALUES (?, ?, ?, ?) ON CONFLICT (user_id)
             DO UPDATE SET steer = excluded.steer, bundle_id = excluded.bundle_id, at = excluded.at
             WHERE steer <> excluded.steer OR bundle_id <> excluded.bundle_id"""
_ERASE = ("DELETE FROM history WHERE user_id = ?", "DELETE FROM writes WHERE user_id = ?")
_WRITES = "SELECT key, stored, duplicates, unknown_items, at FROM writes WHERE user_id = ? ORDER BY at, key"
_ERASE_PREFERENCES = "DELETE FROM preferences WHERE user_id = ?"
_PREFERENCES = "SELECT steer, bundle_id, at FROM preferences WHERE user_id = ?"


class SqliteStore:
    """See `service.store.protocol.Store`. Readers have a connection per thread; writers take turns on one.

    path        the file; its folder must exist
    clock       seconds since 1970
    Raises StorageUnavailableError when the file cannot be opened, is damaged, or is of a newer version.
    """

    quick = True
    cause = None

    def __init__(self, path: Path, *, clock: Callable[[], float], max_history: int = LIMITS.history) -> None:
        self._path = path
        self._clock = clock
        self._max_history = max_history
        self._lock = threading.Lock()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._closed = False
        self._write_failed = False
        self._log_uncut = False
        with _translated():
            self._writer = connect(path, busy_ms=WRITE_BUSY_MS)
            try:
                migrate(self._writer)
                # A process that died may have left the log of an erasure that it had yet to cut.
                self._cut_log(wait_ms=0)
            except BaseException:
                self._writer.close()
                raise

    def history(self, user_id: str) -> tuple[str, ...] | None:
        rows = self._read("SELECT item_id FROM history WHERE user_id = ? ORDER BY at, seq, item_id", user_id)
        return tuple(row[0] for row in rows) or None

    def interactions(self, user_id: str) -> tuple[Interaction, ...] | None:
        rows = self._read("SELECT item_id, at FROM history WHERE user_id = ? ORDER BY at, seq, item_id", user_id)
        return tuple(Interaction(item_id, at) for item_id, at in rows) or None

    def users(self, limit: int, after: str = "") -> Sequence[UserCount]:
        return [UserCount(user_id, n_items) for user_id, n_items in self._read(_USERS, after, limit)]

    def known(self, user_id: str) -> Known | None:
        history = self.history(user_id) or ()
        rows = self._read(_PREFERENCES, user_id)
        if not history and not rows:
            return None
        return Known(history, Preferences(*rows[0]) if rows else None)

    def writes(self, user_id: str) -> tuple[KeptWrite, ...]:
        return tuple(kept_write(*row) for row in self._read(_WRITES, user_id))

    def put_preferences(self, user_id: str, steer: str, bundle_id: str) -> Preferences:
        with self._transaction() as db:
            db.execute(_PREFER, (user_id, steer, bundle_id, int(self._clock())))
            return Preferences(*db.execute(_PREFERENCES, (user_id,)).fetchone())

    def erase_preferences(self, user_id: str) -> bool:
        return self._erase(user_id, [_ERASE_PREFERENCES])

    def append(self, write: Write) -> Receipt:
        fingerprint = fingerprint_of(write)
        now = int(self._clock())
        with self._transaction() as db:
            db.execute("DELETE FROM writes WHERE at < ?", (now - KEY_LIFE_SECONDS,))
            known = db.execute("SELECT * FROM writes WHERE key = ?", (write.key,)).fetchone()
            if known is not None:
                return _replay(known, fingerprint)
            stored = self._insert(db, write, now)
            receipt = Receipt(stored, len(write.interactions) - stored, write.unknown_items)
            db.execute(
                "INSERT INTO writes VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    write.key,
                    write.user_id,
                    fingerprint,
                    receipt.stored,
                    receipt.duplicates,
                    json.dumps(receipt.unknown_items),
                    now,
                ),
            )
        return receipt

    def load_many(
        self,
        rows: RowsOfMany,
        *,
        source: Source | None = None,
        rows_id: str | None = None,
        on_batch: Callable[[int], None] | None = None,
    ) -> Loaded:
        now = int(self._clock())
        if source is not None:
            with self._transaction() as db:
                db.execute("INSERT OR IGNORE INTO sources VALUES (?, ?, ?)", (source.fingerprint, source.name, now))
        return load_rows(self._transaction, BulkLoad(rows, now, self._max_history, rows_id, on_batch))

    def sources(self) -> Sequence[Source]:
        rows = self._read("SELECT name, fingerprint FROM sources ORDER BY at, fingerprint")
        return [Source(name, str(fingerprint)) for name, fingerprint in rows]

    def erase(self, user_id: str) -> bool:
        return self._erase(user_id, [*_ERASE, _ERASE_PREFERENCES])

    def ping(self) -> bool:
        try:
            self._read("SELECT at FROM probe")
            if self._write_failed:
                with self._transaction() as db:
                    db.execute("UPDATE probe SET at = ?", (int(self._clock()),))
            if self._log_uncut:
                with self._lock, _translated():
                    self._cut_log(wait_ms=0)
        except (StorageUnavailableError, StorageFullError):
            return False
        return True

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for connection in (*self._readers, self._writer):
                connection.close()
            self._readers.clear()

    def _erase(self, user_id: str, statements: Sequence[str]) -> bool:
        """Delete the user's rows, and what the log holds of them; whether there were any.

        Once this returns nobody can read the rows. Where a reader elsewhere keeps its snapshot for longer than a write
        waits, the old pages stay in the log until that reader ends: then the next write, ping or start cuts it.
        """
        with self._transaction() as db:
            erased = [db.execute(statement, (user_id,)).rowcount for statement in statements]
        if any(erased):
            with self._lock, _translated():
                self._cut_log(wait_ms=WRITE_BUSY_MS)
        return any(erased)

    def _cut_log(self, *, wait_ms: int) -> None:
        """Move the log into the file and cut it, which leaves no trace of what was deleted; the lock is held.

        What keeps it from that, a reader's snapshot or the disk, undoes no erasure: it is remembered and tried again.
        """
        busy = 1
        with contextlib.suppress(sqlite3.OperationalError):
            self._writer.execute(f"PRAGMA busy_timeout = {wait_ms}")
            try:
                (busy, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._writer.execute(f"PRAGMA busy_timeout = {WRITE_BUSY_MS}")
        self._log_uncut = busy != 0

    def _insert(self, db: sqlite3.Connection, write: Write, now: int) -> int:
        (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM history WHERE user_id = ?", (write.user_id,)).fetchone()
        rows = [
            (write.user_id, taken.item_id, now if taken.timestamp is None else taken.timestamp, last + 1 + position)
            for position, taken in enumerate(write.interactions)
        ]
        stored = db.executemany("INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?)", rows).rowcount
        db.execute(_TRIM, (write.user_id, self._max_history))
        return stored

    def _read(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        with _translated():
            reader = getattr(self._local, "reader", None)
            if reader is None:
                reader = self._new_reader()
            return list(reader.execute(statement, values))

    def _new_reader(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise sqlite3.ProgrammingError("closed")
            reader = connect(self._path, busy_ms=READ_BUSY_MS)
            self._readers.append(reader)
        self._local.reader = reader
        return reader

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The writer inside BEGIN ... COMMIT; rolled back, and nothing acknowledged, on any error.

        Nor is anything stored whose caller was told meanwhile that it took too long, unless the commit had begun.
        """
        with self._lock, _translated():
            try:
                stop_if_late()  # the turn may have been long in coming
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                stop_if_late()
                self._writer.execute("COMMIT")
            except sqlite3.Error:
                self._write_failed = True
                self._roll_back()
                raise
            except BaseException:
                self._roll_back()
                raise
            self._write_failed = False
            if self._log_uncut:
                self._cut_log(wait_ms=0)

    def _roll_back(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """sqlite3's errors as ours; their text may hold paths and values, so only the kind is told."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageFullError("the store has no room left; nothing was stored") from error
        name = getattr(error, "sqlite_errorname", None) or type(error).__name__
        raise StorageUnavailableError(f"the store does not answer ({name})") from error


def _replay(known: tuple[str, str, bytes, int, int, str, int], fingerprint: bytes) -> Receipt:
    _, _, before, stored, duplicates, unknown_items, _ = known
    if before != fingerprint:
        raise conflict()
    return replayed(stored, duplicates, unknown_items)
