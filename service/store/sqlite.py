"""The embedded store: one SQLite file, WAL and synchronous = FULL, so an acknowledged write survives a crash."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from service.errors import StorageFullError, StorageUnavailableError
from service.lateness import stop_if_late
from service.limits import LIMITS
from service.store.bulk import INSERT, BulkLoad, RowsOfMany, load_rows
from service.store.parts import PARTS, mac, part_of, write_anew
from service.store.protocol import Interaction, KeptWrite, Known, Loaded, Preferences, Receipt, Source, UserCount, Write
from service.store.receipts import KEY_LIFE_SECONDS, conflict, fingerprint_of, kept_write, repeated
from service.store.schema import connect, migrate
from service.store.sqlite_errors import translated

READ_BUSY_MS = 50
WRITE_BUSY_MS = 1000
_HISTORY = "SELECT item_id FROM {0} WHERE user_id = ? ORDER BY at, seq, item_id"
_INTERACTIONS = "SELECT item_id, at FROM {0} WHERE user_id = ? ORDER BY at, seq, item_id"
_COUNT = "SELECT count(*) FROM {0} WHERE user_id = ?"
_LAST = "SELECT coalesce(max(seq), 0) FROM {0} WHERE user_id = ?"
_PREFERENCES = "SELECT steer, bundle_id, at FROM {0} WHERE user_id = ?"
_WRITES = "SELECT key, stored, duplicates, unknown_items, at FROM {0} WHERE user_id = ? ORDER BY at, key"
_SAME_KEY = "SELECT fingerprint, stored, duplicates, unknown_items FROM {0} WHERE user_id = ? AND key = ?"
_KEEP = "INSERT INTO {0} VALUES (?, ?, ?, ?, ?, ?, ?)"
_EXPIRE = "DELETE FROM {0} WHERE at < ?"
_ERASE = "DELETE FROM {0} WHERE user_id = ?"
_NEXT = "SELECT user_id FROM {0} WHERE user_id > ? ORDER BY user_id LIMIT 1"
_TRIM = """DELETE FROM {0} WHERE user_id = ?1 AND item_id IN
           (SELECT item_id FROM {0} WHERE user_id = ?1 ORDER BY at DESC, seq DESC, item_id DESC LIMIT -1 OFFSET ?2)"""
_PREFER = """INSERT INTO {0} VALUES (?, ?, ?, ?) ON CONFLICT (user_id)
             DO UPDATE SET steer = excluded.steer, bundle_id = excluded.bundle_id, at = excluded.at
             WHERE steer <> excluded.steer OR bundle_id <> excluded.bundle_id"""


class SqliteStore:
    """See `service.store.protocol.Store`. Readers have a connection per thread; writers take turns on one.

    Every user has a part of the tables (service.store.parts), which an erasure writes anew.

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
        self._readers: list[tuple[sqlite3.Connection, threading.Lock]] = []
        self._closed = False
        self._write_failed = False
        self._log_uncut = False
        with translated():
            self._writer = connect(path, busy_ms=WRITE_BUSY_MS)
            try:
                # What is written anew must not reach a file besides; readers sort faster without.
                self._writer.execute("PRAGMA temp_store = MEMORY")
                migrate(self._writer)
                (self._secret,) = self._writer.execute("SELECT value FROM secret").fetchone()
                # A process that died may have left the log of an erasure that it had yet to cut.
                self._cut_log(wait_ms=0)
            except BaseException:
                self._writer.close()
                raise

    def history(self, user_id: str) -> tuple[str, ...] | None:
        rows = self._read(_HISTORY.format(part_of(user_id).history), user_id)
        return tuple(row[0] for row in rows) or None

    def interactions(self, user_id: str) -> tuple[Interaction, ...] | None:
        rows = self._read(_INTERACTIONS.format(part_of(user_id).history), user_id)
        return tuple(Interaction(item_id, at) for item_id, at in rows) or None

    def users(self, limit: int, after: str = "") -> Sequence[UserCount]:
        tables = [table for part in PARTS for table in (part.history, part.preferences)]
        found = merge(*(self._ids(table, after) for table in tables))
        return [UserCount(user_id, self._count(user_id)) for user_id, _ in islice(groupby(found), limit)]

    def known(self, user_id: str) -> Known | None:
        part = part_of(user_id)
        with translated(), self._reading() as reader, reader as db:  # which ends the transaction, whatever happens
            db.execute("BEGIN")
            history = db.execute(_HISTORY.format(part.history), (user_id,)).fetchall()
            kept = db.execute(_PREFERENCES.format(part.preferences), (user_id,)).fetchone()
        if not history and kept is None:
            return None
        return Known(tuple(row[0] for row in history), None if kept is None else Preferences(*kept))

    def known_many(self, user_ids: Sequence[str]) -> Sequence[Known | None]:
        found = []
        for user_id in user_ids:
            stop_if_late()
            found.append(self.known(user_id))
        return found

    def writes(self, user_id: str) -> tuple[KeptWrite, ...]:
        return tuple(kept_write(*row) for row in self._read(_WRITES.format(part_of(user_id).writes), user_id))

    def put_preferences(self, user_id: str, steer: str, bundle_id: str) -> Preferences:
        table = part_of(user_id).preferences
        with self._transaction() as db:
            db.execute(_PREFER.format(table), (user_id, steer, bundle_id, int(self._clock())))
            return Preferences(*db.execute(_PREFERENCES.format(table), (user_id,)).fetchone())

    def erase_preferences(self, user_id: str) -> bool:
        table = part_of(user_id).preferences
        with self._erasing() as db:
            if not db.execute(_ERASE.format(table), (user_id,)).rowcount:
                return False
            write_anew(db, table)
        return True

    def append(self, write: Write) -> Receipt:
        fingerprint, now = fingerprint_of(write), int(self._clock())
        part, oldest = part_of(write.user_id), now - KEY_LIFE_SECONDS
        with self._transaction() as db:
            for table in ("keys", part.writes):
                db.execute(_EXPIRE.format(table), (oldest,))
            known = db.execute(_SAME_KEY.format(part.writes), (write.user_id, write.key)).fetchone()
            if known is not None:
                return repeated(known, fingerprint)
            spent = mac(self._secret, "key", write.key)
            if not db.execute("INSERT OR IGNORE INTO keys VALUES (?, ?)", (spent, now)).rowcount:
                raise conflict()
            stored = self._insert(db, write, now)
            receipt = Receipt(stored, len(write.interactions) - stored, write.unknown_items)
            unknown = json.dumps(receipt.unknown_items)
            row = (write.user_id, write.key, fingerprint, receipt.stored, receipt.duplicates, unknown, now)
            db.execute(_KEEP.format(part.writes), row)
        return receipt

    def load_many(
        self,
        rows: RowsOfMany,
        *,
        source: Source | None = None,
        rows_id: str | None = None,
        restore_erased: bool = False,
        on_batch: Callable[[int], None] | None = None,
    ) -> Loaded:
        now = int(self._clock())
        if source is not None:
            with self._transaction() as db:
                db.execute("INSERT OR IGNORE INTO sources VALUES (?, ?, ?)", (source.fingerprint, source.name, now))
        load = BulkLoad(rows, now, self._max_history, rows_id, restore_erased, on_batch)
        return load_rows(self._transaction, load, self._secret)

    def sources(self) -> Sequence[Source]:
        rows = self._read("SELECT name, fingerprint FROM sources ORDER BY at, fingerprint")
        return [Source(name, str(fingerprint)) for name, fingerprint in rows]

    def erase(self, user_id: str) -> bool:
        tables = part_of(user_id).tables
        with self._erasing() as db:
            rows = [db.execute(_ERASE.format(table), (user_id,)).rowcount for table in tables]
            if not any(rows):
                return False
            for table in tables:  # also one that has nothing of the user any more: it may have had
                write_anew(db, table)
            row = (mac(self._secret, "user", user_id), int(self._clock()))
            db.execute("INSERT OR REPLACE INTO erased VALUES (?, ?)", row)
        return True

    def ping(self) -> bool:
        try:
            self._read("SELECT at FROM probe")
            if self._write_failed:
                with self._transaction() as db:
                    # SQLite writes nothing where a row stays the same, as it would within one second.
                    db.execute("UPDATE probe SET at = max(at + 1, ?)", (int(self._clock()),))
            if self._log_uncut:
                with self._lock, translated():
                    self._cut_log(wait_ms=0)
        except (StorageUnavailableError, StorageFullError):
            return False
        return True

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for reader, turn in self._readers:
                with turn:  # a thread may be reading still, and would end the process
                    reader.close()
            self._readers.clear()
            self._writer.close()

    @contextlib.contextmanager
    def _erasing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that ends with the log cut, as it holds what was erased.

        Once this ends nobody can read the rows. Where a reader elsewhere keeps its snapshot for longer than a write
        waits, the old pages stay in the log until that reader ends: then the next write, ping or start cuts it.
        """
        with self._transaction() as db:
            before = db.total_changes
            yield db
            erased = db.total_changes > before
        if erased:
            with self._lock, translated():
                self._cut_log(wait_ms=WRITE_BUSY_MS)

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
        table = part_of(write.user_id).history
        (last,) = db.execute(_LAST.format(table), (write.user_id,)).fetchone()
        rows = [
            (write.user_id, taken.item_id, now if taken.timestamp is None else taken.timestamp, last + 1 + position)
            for position, taken in enumerate(write.interactions)
        ]
        stored = db.executemany(INSERT.format(table), rows).rowcount
        db.execute(_TRIM.format(table), (write.user_id, self._max_history))
        return stored

    def _ids(self, table: str, after: str) -> Iterator[str]:
        """The users of a table after one of them, in their order; one is looked for at a time."""
        while rows := self._read(_NEXT.format(table), after):
            ((after,),) = rows
            yield after

    def _count(self, user_id: str) -> int:
        ((n_items,),) = self._read(_COUNT.format(part_of(user_id).history), user_id)
        return int(n_items)

    def _read(self, statement: str, *values: str | int) -> list[tuple[Any, ...]]:
        with translated(), self._reading() as reader:
            return reader.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection for reads, which is not closed meanwhile."""
        if not hasattr(self._local, "reader"):
            self._local.reader = self._new_reader()
        reader, turn = self._local.reader
        with turn:
            yield reader  # closed: ProgrammingError

    def _new_reader(self) -> tuple[sqlite3.Connection, threading.Lock]:
        with self._lock:
            if self._closed:
                raise sqlite3.ProgrammingError("closed")
            self._readers.append((connect(self._path, busy_ms=READ_BUSY_MS), threading.Lock()))
            return self._readers[-1]

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The writer inside BEGIN ... COMMIT; rolled back, and nothing acknowledged, on any error.

        Nor is anything stored whose caller was told meanwhile that it took too long, unless the commit had begun.
        """
        with self._lock, translated():
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
