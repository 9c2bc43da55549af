"""Bulk load: what is the same for both engines, and the SQLite one: batches, one transaction each, then the cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice

from service.store.protocol import Loaded

BATCH_ROWS = 50_000
RowsOfMany = Iterable[tuple[str, str, int | None]]
StoredRow = tuple[str, str, int, int]
Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]


@dataclass(frozen=True, slots=True)
class BulkLoad:
    """One load.

    rows      (user_id, item_id, timestamp), each user's oldest first
    now       stands in for a timestamp that is not known, seconds since 1970
    rows_id   identifies these very rows in this order; a load of the same that broke off is gone on with. None = no
    on_batch  gets the number of rows done so far after each committed batch
    """

    rows: RowsOfMany
    now: int
    max_history: int
    rows_id: str | None = None
    on_batch: Callable[[int], None] | None = None

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


_CUT = """DELETE FROM history WHERE (user_id, item_id) IN (
            SELECT user_id, item_id FROM (
              SELECT user_id, item_id, row_number() OVER
                (PARTITION BY user_id ORDER BY at DESC, seq DESC, item_id DESC) AS age
              FROM history WHERE user_id IN
                (SELECT user_id FROM history GROUP BY user_id HAVING count(*) > ?1))
            WHERE age > ?1)"""


def load_rows(transaction: Transaction, load: BulkLoad) -> Loaded:
    """Load into the SQLite store; an error or an interruption loses at most the batch it happened in.

    How far a load with a rows_id came is written in the transaction of its batch. A repeated load stores nothing twice.
    """
    with transaction() as db:
        found = db.execute("SELECT done FROM loads WHERE rows_id = ?", (load.rows_id,)).fetchone()
    skipped = done = 0 if found is None else int(found[0])
    stored = 0
    load.reached(done)
    for batch in load.batches(done):
        done += len(batch)
        with transaction() as db:
            stored += db.executemany("INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?)", batch).rowcount
            if load.rows_id is not None:
                db.execute("INSERT OR REPLACE INTO loads VALUES (?, ?, ?)", (load.rows_id, done, load.now))
        load.reached(done)
    with transaction() as db:
        dropped = db.execute(_CUT, (load.max_history,)).rowcount
        db.execute("DELETE FROM loads WHERE rows_id = ?", (load.rows_id,))
    return Loaded(done, stored, max(0, dropped), skipped)
