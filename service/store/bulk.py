"""Bulk load: what is the same for both engines, and the SQLite one: batches, one transaction each, then the cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter

from service.store.parts import PARTS, mac, part_of
from service.store.protocol import Loaded

BATCH_ROWS = 50_000
RowsOfMany = Iterable[tuple[str, str, int | None]]
StoredRow = tuple[str, str, int, int]
Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]


@dataclass(frozen=True, slots=True)
class BulkLoad:
    """One load.

    rows            (user_id, item_id, timestamp), each user's oldest first
    now             stands in for a timestamp that is not known, seconds since 1970
    rows_id         identifies these very rows in this order; a load of them that broke off is gone on with. None = no
    restore_erased  whether users who were erased are loaded, too, and no longer known to be erased
    on_batch        gets the number of rows done so far after each committed batch
    """

    rows: RowsOfMany
    now: int
    max_history: int
    rows_id: str | None = None
    restore_erased: bool = False
    on_batch: Callable[[int], None] | None = None

    @property
    def mark(self) -> str | None:
        """What it is remembered by until its end; None = it is not gone on with.

        One that restores begins with the first row: the load that broke off may have left users out, or more have been
        erased since.
        """
        return None if self.restore_erased else self.rows_id

    def batches(self, done: int) -> Iterator[list[StoredRow]]:
        """(user_id, item_id, timestamp, place) of the rows after the first `done`, BATCH_ROWS at a time."""
        numbered = enumerate(self.rows, start=1)
        left = islice(numbered, done, None)
        rows = ((user_id, item_id, self.now if at is None else at, seq) for seq, (user_id, item_id, at) in left)
        while batch := list(islice(rows, BATCH_ROWS)):
            yield batch

    def reached(self, done: int) -> None:
        """Tell whoever waits."""
        if self.on_batch is not None:
            self.on_batch(done)


@dataclass(slots=True)
class Counts:
    """What the batches did so far; erased_users: those who were left out."""

    done: int
    stored: int = 0
    erased: int = 0
    erased_users: set[str] = field(default_factory=set)

    def loaded(self, *, skipped: int, dropped: int) -> Loaded:
        """What `load_many` answers."""
        return Loaded(self.done, self.stored, max(0, dropped), skipped, self.erased, len(self.erased_users))


INSERT = "INSERT OR IGNORE INTO {0} VALUES (?, ?, ?, ?)"
_CUT = """DELETE FROM {0} WHERE (user_id, item_id) IN (
            SELECT user_id, item_id FROM (
              SELECT user_id, item_id, row_number() OVER
                (PARTITION BY user_id ORDER BY at DESC, seq DESC, item_id DESC) AS age
              FROM {0} WHERE user_id IN (SELECT user_id FROM {0} GROUP BY user_id HAVING count(*) > ?1))
            WHERE age > ?1)"""


def load_rows(transaction: Transaction, load: BulkLoad, secret: bytes) -> Loaded:
    """Load into the SQLite store; an error or an interruption loses at most the batch it happened in.

    How far a load with a mark came is written in the transaction of its batch. A repeated load stores nothing twice.
    """
    with transaction() as db:
        found = db.execute("SELECT done FROM loads WHERE rows_id = ?", (load.mark,)).fetchone()
    counts = Counts(done=0 if found is None else int(found[0]))
    skipped, dropped = counts.done, 0
    load.reached(skipped)
    for batch in load.batches(skipped):
        with transaction() as db:
            kept = _without_erased(db, batch, load, counts, secret) if _any_erased(db) else batch
            for table, rows in _by_table(kept).items():
                counts.stored += db.executemany(INSERT.format(table), rows).rowcount
            counts.done += len(batch)
            if load.mark is not None:
                db.execute("INSERT OR REPLACE INTO loads VALUES (?, ?, ?)", (load.mark, counts.done, load.now))
        load.reached(counts.done)
    with transaction() as db:
        for part in PARTS:
            dropped += max(0, db.execute(_CUT.format(part.history), (load.max_history,)).rowcount)
        db.execute("DELETE FROM loads WHERE rows_id = ?", (load.rows_id,))
    return counts.loaded(skipped=skipped, dropped=dropped)


def _by_table(batch: list[StoredRow]) -> dict[str, list[StoredRow]]:
    tables: dict[str, list[StoredRow]] = {}
    for user_id, rows in groupby(batch, key=itemgetter(0)):
        tables.setdefault(part_of(user_id).history, []).extend(rows)
    return tables


def _any_erased(db: sqlite3.Connection) -> bool:
    (there,) = db.execute("SELECT EXISTS (SELECT 1 FROM erased)").fetchone()
    return bool(there)


def _without_erased(
    db: sqlite3.Connection, batch: list[StoredRow], load: BulkLoad, counts: Counts, secret: bytes
) -> list[StoredRow]:
    macs = {user_id: (mac(secret, "user", user_id),) for user_id in {row[0] for row in batch}}
    erased = {user for user, key in macs.items() if db.execute("SELECT 1 FROM erased WHERE mac = ?", key).fetchone()}
    if load.restore_erased:
        db.executemany("DELETE FROM erased WHERE mac = ?", [macs[user] for user in erased])
        return batch
    kept = [row for row in batch if row[0] not in erased]
    counts.erased += len(batch) - len(kept)
    counts.erased_users |= erased
    return kept
