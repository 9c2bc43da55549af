"""The shared store: PostgreSQL, for several replicas of the service. One row an item, as in the embedded store."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from service.errors import ServiceError, StorageFullError, StorageUnavailableError
from service.lateness import stop_if_late
from service.limits import LIMITS
from service.store.bulk import BulkLoad, RowsOfMany
from service.store.postgres_bulk import ERASING, ERASING_LOCK, copy_rows
from service.store.postgres_pool import TIMING, Database, Timed, Timing
from service.store.protocol import Interaction, KeptWrite, Known, Loaded, Preferences, Receipt, Source, UserCount, Write
from service.store.receipts import KEY_LIFE_SECONDS, conflict, fingerprint_of, kept_write, repeated

_HISTORY = "SELECT item_id, at FROM prismrec.history WHERE user_id = %s ORDER BY at, seq, item_id"
_KNOWN = """SELECT (SELECT array_agg(item_id ORDER BY at, seq, item_id) FROM prismrec.history WHERE user_id = %(user)s),
                   steer, bundle_id, at
            FROM (SELECT 1) AS one LEFT JOIN prismrec.preferences ON user_id = %(user)s"""
_KNOWN_MANY = """SELECT (SELECT array_agg(item_id ORDER BY at, seq, item_id) FROM prismrec.history
                         WHERE user_id = asked.user_id), steer, bundle_id, at
                 FROM unnest(%s::text[]) WITH ORDINALITY AS asked (user_id, place)
                 LEFT JOIN prismrec.preferences USING (user_id) ORDER BY place"""
_USERS = """SELECT user_id, sum(n_items)::bigint FROM (
              (SELECT user_id, count(*) AS n_items FROM prismrec.history WHERE user_id > %(after)s
               GROUP BY user_id ORDER BY user_id LIMIT %(limit)s)
              UNION ALL
              (SELECT user_id, 0 FROM prismrec.preferences WHERE user_id > %(after)s ORDER BY user_id LIMIT %(limit)s)
            ) AS firsts GROUP BY user_id ORDER BY user_id LIMIT %(limit)s"""
_INSERT = """INSERT INTO prismrec.history (user_id, item_id, at, seq)
             SELECT %(user)s, taken.item_id, taken.at, last.seq + taken.place
             FROM unnest(%(items)s::text[], %(times)s::bigint[]) WITH ORDINALITY AS taken (item_id, at, place),
                  (SELECT coalesce(max(seq), 0) AS seq FROM prismrec.history WHERE user_id = %(user)s) AS last
             ON CONFLICT DO NOTHING"""
_TRIM = """DELETE FROM prismrec.history WHERE user_id = %(user)s AND item_id IN
           (SELECT item_id FROM prismrec.history WHERE user_id = %(user)s
            ORDER BY at DESC, seq DESC, item_id DESC OFFSET %(max_history)s)"""
_SAME_KEY = """SELECT fingerprint, stored, duplicates, unknown_items FROM prismrec.writes
               WHERE key = %(key)s AND at >= %(oldest)s
               UNION ALL
               SELECT '', 0, 0, '[]' FROM prismrec.secret, prismrec.keys
               WHERE mac = prismrec.mac(value, 'key', %(key)s) AND at >= %(oldest)s"""
"""In one statement, so that an erasure at the same time moves the key from the one table to the other unseen."""

_KEY = """INSERT INTO prismrec.writes AS kept VALUES (%s, %s, %s, %s, %s, %s, %s)
          ON CONFLICT (key) DO UPDATE SET user_id = excluded.user_id, fingerprint = excluded.fingerprint,
            stored = excluded.stored, duplicates = excluded.duplicates, unknown_items = excluded.unknown_items,
            at = excluded.at WHERE kept.at < %s"""
_EXPIRE = """WITH spent AS (DELETE FROM prismrec.keys WHERE mac IN
               (SELECT mac FROM prismrec.keys WHERE at < %(oldest)s ORDER BY at LIMIT 100 FOR UPDATE SKIP LOCKED))
             DELETE FROM prismrec.writes WHERE key IN
               (SELECT key FROM prismrec.writes WHERE at < %(oldest)s ORDER BY at LIMIT 100 FOR UPDATE SKIP LOCKED)"""
"""SKIP LOCKED: two writers that clean up at once must not wait for each other, or they might for ever."""

_PREFER = """INSERT INTO prismrec.preferences AS kept VALUES (%s, %s, %s, %s) ON CONFLICT (user_id)
             DO UPDATE SET steer = excluded.steer, bundle_id = excluded.bundle_id, at = excluded.at
             WHERE kept.steer <> excluded.steer OR kept.bundle_id <> excluded.bundle_id"""
_WRITES = """SELECT key, stored, duplicates, unknown_items, at FROM prismrec.writes WHERE user_id = %s
             ORDER BY at, key"""
_PREFERENCES = "SELECT steer, bundle_id, at FROM prismrec.preferences WHERE user_id = %s"
_ERASE_PREFERENCES = "DELETE FROM prismrec.preferences WHERE user_id = %s"
_ERASE = (
    "DELETE FROM prismrec.history WHERE user_id = %s",
    "DELETE FROM prismrec.writes WHERE user_id = %s",
    _ERASE_PREFERENCES,
)
_SPEND = """INSERT INTO prismrec.keys AS kept
            SELECT prismrec.mac(value, 'key', key), at FROM prismrec.writes, prismrec.secret WHERE user_id = %s
            ON CONFLICT (mac) DO UPDATE SET at = excluded.at"""
_REMEMBER = """INSERT INTO prismrec.erased SELECT prismrec.mac(value, 'user', %s), %s FROM prismrec.secret
               ON CONFLICT (mac) DO UPDATE SET at = excluded.at"""
_PROBE = "SELECT current_setting('transaction_read_only') = 'off' FROM prismrec.probe"


class PostgresStore:
    """See `service.store.protocol.Store`. Its calls wait for the network: `quick` is false, they run on threads.

    url     postgresql://..., checked by service.store_url
    clock   seconds since 1970
    later   True = a database that is not there is tried again in the background, and calls are refused meanwhile;
            False = StorageUnavailableError at once

    Writes of one user take turns (an advisory lock for the length of the transaction); those of different users do
    not wait for each other, whichever replica they come from.
    """

    quick = False

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float],
        max_history: int = LIMITS.history,
        later: bool = False,
        timing: Timing = TIMING,
    ) -> None:
        self._database = Database(url, timing=timing)
        self._clock = clock
        self._max_history = max_history
        self._write_failed = False
        if later:
            self._database.open_later()
        else:
            self._database.open()

    @property
    def cause(self) -> ServiceError | None:
        """Why the database could not be opened so far; None when it is open."""
        return self._database.cause

    def history(self, user_id: str) -> tuple[str, ...] | None:
        found = self.interactions(user_id)
        return None if found is None else tuple(taken.item_id for taken in found)

    def interactions(self, user_id: str) -> tuple[Interaction, ...] | None:
        rows = self._read(_HISTORY, (user_id,))
        return tuple(Interaction(item_id, at) for item_id, at in rows) or None

    def known(self, user_id: str) -> Known | None:
        (row,) = self._read(_KNOWN, {"user": user_id})
        return _known(row)

    def known_many(self, user_ids: Sequence[str]) -> Sequence[Known | None]:
        return [_known(row) for row in self._read(_KNOWN_MANY, (list(user_ids),))]

    def users(self, limit: int, after: str = "") -> Sequence[UserCount]:
        rows = self._read(_USERS, {"after": after, "limit": limit})
        return [UserCount(user_id, n_items) for user_id, n_items in rows]

    def sources(self) -> Sequence[Source]:
        rows = self._read("SELECT name, fingerprint FROM prismrec.sources ORDER BY at, fingerprint", ())
        return [Source(name, fingerprint) for name, fingerprint in rows]

    def writes(self, user_id: str) -> tuple[KeptWrite, ...]:
        return tuple(kept_write(*row) for row in self._read(_WRITES, (user_id,)))

    def append(self, write: Write) -> Receipt:
        fingerprint, now = fingerprint_of(write), int(self._clock())
        oldest = now - KEY_LIFE_SECONDS
        with self._transaction(write.user_id) as db:
            known = db.execute(_SAME_KEY, {"key": write.key, "oldest": oldest}).fetchone()
            if known is not None:
                return repeated(known, fingerprint)
            stored = self._insert(db, write, now)
            receipt = Receipt(stored, len(write.interactions) - stored, write.unknown_items)
            unknown = json.dumps(receipt.unknown_items)
            row = (write.key, write.user_id, fingerprint, receipt.stored, receipt.duplicates, unknown, now, oldest)
            if db.execute(_KEY, row).rowcount == 0:
                raise conflict()  # another user's write took the key meanwhile; ours is rolled back
            db.execute(_EXPIRE, {"oldest": oldest})
        return receipt

    def put_preferences(self, user_id: str, steer: str, bundle_id: str) -> Preferences:
        with self._transaction(user_id) as db:
            db.execute(_PREFER, (user_id, steer, bundle_id, int(self._clock())))
            (row,) = db.execute(_PREFERENCES, (user_id,)).fetchall()
        return Preferences(*row)

    def erase_preferences(self, user_id: str) -> bool:
        with self._transaction(user_id) as db:
            return db.execute(_ERASE_PREFERENCES, (user_id,)).rowcount > 0

    def erase(self, user_id: str) -> bool:
        with self._transaction(user_id) as db:
            db.execute(ERASING, ERASING_LOCK)
            db.execute(_SPEND, (user_id,))
            erased = [db.execute(statement.encode(), (user_id,)).rowcount for statement in _ERASE]
            if any(erased):
                db.execute(_REMEMBER, (user_id, int(self._clock())))
        return any(erased)

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
            with self._database.connection() as db:
                db.execute(
                    "INSERT INTO prismrec.sources VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                    (source.fingerprint, source.name, now),
                )
        return copy_rows(self._database, BulkLoad(rows, now, self._max_history, rows_id, restore_erased, on_batch))

    def ping(self) -> bool:
        try:
            takes_writes = self._read(_PROBE, ()) == [(True,)]
            if takes_writes and self._write_failed:
                with self._transaction(None) as db:
                    db.execute("UPDATE prismrec.probe SET at = %s", (int(self._clock()),))
        except (StorageUnavailableError, StorageFullError):
            return False
        return takes_writes

    def close(self) -> None:
        self._database.close()

    def _insert(self, db: Timed, write: Write, now: int) -> int:
        """Add what is new and cut the history to its bound; returns how many were new."""
        taken = write.interactions
        values = {
            "user": write.user_id,
            "items": [one.item_id for one in taken],
            "times": [now if one.timestamp is None else one.timestamp for one in taken],
            "max_history": self._max_history,
        }
        stored = db.execute(_INSERT, values).rowcount
        db.execute(_TRIM, values)
        return stored

    def _read(self, statement: str, values: Sequence[Any] | dict[str, Any]) -> list[tuple[Any, ...]]:
        with self._database.connection() as db:
            return db.execute(statement.encode(), values).fetchall()

    @contextlib.contextmanager
    def _transaction(self, user_id: str | None) -> Iterator[Timed]:
        """BEGIN ... COMMIT, alone with this user; rolled back, and nothing acknowledged, on any error.

        Nor is anything stored whose caller was told meanwhile that it took too long, unless the commit had begun.
        """
        try:
            with self._database.connection() as db, db.transaction():
                if user_id is not None:
                    db.execute("SELECT pg_advisory_xact_lock(%s)", (_lock_of(user_id),))
                yield db
                stop_if_late()
        except (StorageUnavailableError, StorageFullError):
            self._write_failed = True
            raise
        self._write_failed = False


def _known(row: tuple[Any, ...]) -> Known | None:
    items, steer, bundle_id, at = row
    if items is None and steer is None:
        return None
    return Known(tuple(items or ()), None if steer is None else Preferences(steer, bundle_id, at))


def _lock_of(user_id: str) -> int:
    """The number of the advisory lock of a user: 64 bits of a hash; two users that share one only take turns."""
    return int.from_bytes(hashlib.blake2b(user_id.encode(), digest_size=8, person=b"prismrec").digest(), signed=True)
