"""Bulk load into PostgreSQL: COPY into a table of the session, then one INSERT a batch, one transaction each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from service.store.bulk import RowsOfMany
from service.store.postgres_pool import Database, Timed
from service.store.protocol import Loaded

BATCH_ROWS = 50_000
STATEMENT_SECONDS = 300.0
LOCK_SECONDS = 30.0

_INCOMING = """CREATE TEMPORARY TABLE incoming
               (user_id text COLLATE "C", item_id text COLLATE "C", at bigint, seq bigint) ON COMMIT DROP"""
_TAKE = """INSERT INTO prismrec.history SELECT user_id, item_id, at, seq FROM incoming
           ORDER BY user_id, item_id, seq ON CONFLICT DO NOTHING"""
"""In the order of the primary key: its pages are walked once, and two loads cannot wait for each other in a ring."""

_CUT = """DELETE FROM prismrec.history AS old USING (
            SELECT user_id, item_id, row_number() OVER (PARTITION BY user_id ORDER BY at DESC, seq DESC) AS age
            FROM prismrec.history WHERE user_id IN
              (SELECT user_id FROM prismrec.history GROUP BY user_id HAVING count(*) > %(bound)s)) AS ranked
          WHERE ranked.age > %(bound)s AND old.user_id = ranked.user_id AND old.item_id = ranked.item_id"""


def copy_rows(
    database: Database,
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
    with database.session(statement=STATEMENT_SECONDS, lock=LOCK_SECONDS) as connection:
        for batch in _batches(rows, now):
            stored += _take(connection, batch)
            read += len(batch)
            if on_batch is not None:
                on_batch(read)
        dropped = connection.execute(_CUT, {"bound": max_history}).rowcount
    return Loaded(read, stored, max(0, dropped))


def _take(connection: Timed, batch: list[tuple[str, str, int, int]]) -> int:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_INCOMING)
        with cursor.copy("COPY incoming FROM STDIN") as copy:
            for row in batch:
                copy.write_row(row)
        cursor.execute(_TAKE)
        return cursor.rowcount


def _batches(rows: RowsOfMany, now: int) -> Iterator[list[tuple[str, str, int, int]]]:
    numbered = (
        (user_id, item_id, now if at is None else at, seq) for seq, (user_id, item_id, at) in enumerate(rows, start=1)
    )
    while batch := list(islice(numbered, BATCH_ROWS)):
        yield batch
