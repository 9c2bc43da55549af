"""Bulk load into the SQLite store: batches of rows, one transaction each, then the histories cut to their bound."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice

from service.store.protocol import Loaded

BATCH_ROWS = 50_000
RowsOfMany = Iterable[tuple[str, str, int | None]]
Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]

_CUT = """DELETE FROM history WHERE (user_id, item_id) IN (
            SELECT user_id, item_id FROM (
              SELECT user_id, item_id, row_number() OVER (PARTITION BY user_id ORDER BY at DESC, seq DESC) AS age
              FROM history WHERE user_id IN
                (SELECT user_id FROM history GROUP BY user_id HAVING count(*) > ?1))
            WHERE age > ?1)"""


def load_rows(
    transaction: Transaction,
    rows: RowsOfMany,
    *,
    now: int,
    max_history: int,
    on_batch: Callable[[int], None] | None = None,
) -> Loaded:
    """Insert (user_id, item_id, timestamp) rows in batches; an error loses at most the batch it happened in.

    on_batch gets the number of rows read so far after each committed batch. A repeated load stores nothing twice.
    """
    read = stored = 0
    for batch in _batches(rows, now):
        with transaction() as db:
            stored += db.executemany("INSERT OR IGNORE INTO history VALUES (?, ?, ?, ?)", batch).rowcount
        read += len(batch)
        if on_batch is not None:
            on_batch(read)
    with transaction() as db:
        dropped = db.execute(_CUT, (max_history,)).rowcount
    return Loaded(read, stored, max(0, dropped))


def _batches(rows: RowsOfMany, now: int) -> Iterator[list[tuple[str, str, int, int]]]:
    numbered = (
        (user_id, item_id, now if at is None else at, seq) for seq, (user_id, item_id, at) in enumerate(rows, start=1)
    )
    while batch := list(islice(numbered, BATCH_ROWS)):
        yield batch
