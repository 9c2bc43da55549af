"""Bulk load into PostgreSQL: COPY into a table of the session, then one INSERT a batch, one transaction each."""

from __future__ import annotations

from service.store.bulk import BulkLoad, StoredRow
from service.store.postgres_pool import Database, Timed
from service.store.protocol import Loaded

STATEMENT_SECONDS = 600.0
LOCK_SECONDS = 30.0

_INCOMING = """CREATE TEMPORARY TABLE incoming
               (user_id text COLLATE "C", item_id text COLLATE "C", at bigint, seq bigint) ON COMMIT DROP"""
_TAKE = """INSERT INTO prismrec.history SELECT user_id, item_id, at, seq FROM incoming
           ORDER BY user_id, item_id, seq ON CONFLICT DO NOTHING"""
"""In the order of the primary key: its pages are walked once, and two loads cannot wait for each other in a ring."""

_CUT = """DELETE FROM prismrec.history AS old USING (
            SELECT user_id, item_id, row_number() OVER
              (PARTITION BY user_id ORDER BY at DESC, seq DESC, item_id DESC) AS age
            FROM prismrec.history WHERE user_id IN
              (SELECT user_id FROM prismrec.history GROUP BY user_id HAVING count(*) > %(bound)s)) AS ranked
          WHERE ranked.age > %(bound)s AND old.user_id = ranked.user_id AND old.item_id = ranked.item_id"""
_REACHED = """INSERT INTO prismrec.loads VALUES (%s, %s, %s)
              ON CONFLICT (rows_id) DO UPDATE SET done = excluded.done, at = excluded.at"""


def copy_rows(database: Database, load: BulkLoad) -> Loaded:
    """Load into PostgreSQL; an error or an interruption loses at most the batch it happened in.

    How far a load with a rows_id came is written in the transaction of its batch. A repeated load stores nothing twice.
    """
    stored = 0
    with database.session(statement=STATEMENT_SECONDS, lock=LOCK_SECONDS) as connection:
        found = connection.execute("SELECT done FROM prismrec.loads WHERE rows_id = %s", (load.rows_id,)).fetchone()
        skipped = done = 0 if found is None else int(found[0])
        load.reached(done)
        for batch in load.batches(done):
            done += len(batch)
            with connection.transaction():
                stored += _take(connection, batch)
                if load.rows_id is not None:
                    connection.execute(_REACHED, (load.rows_id, done, load.now))
            load.reached(done)
        if stored:
            connection.execute("ANALYZE prismrec.history")  # or the first lists are planned for an empty table
        with connection.transaction():
            dropped = connection.execute(_CUT, {"bound": load.max_history}).rowcount
            connection.execute("DELETE FROM prismrec.loads WHERE rows_id = %s", (load.rows_id,))
    return Loaded(done, stored, max(0, dropped), skipped)


def _take(connection: Timed, batch: list[StoredRow]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_INCOMING)
        with cursor.copy("COPY incoming FROM STDIN") as copy:
            for row in batch:
                copy.write_row(row)
        cursor.execute(_TAKE)
        return cursor.rowcount
