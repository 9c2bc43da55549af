"""Bulk load into PostgreSQL: COPY into a table of the session, then one INSERT a batch, one transaction each."""

from __future__ import annotations

import psycopg

from service.store.bulk import BulkLoad, Counts, StoredRow
from service.store.postgres_pool import Database, Rows, Timed
from service.store.protocol import Loaded

STATEMENT_SECONDS = 600.0
LOCK_SECONDS = 30.0

_INCOMING = """CREATE TEMPORARY TABLE incoming
               (user_id text COLLATE "C", item_id text COLLATE "C", at bigint, seq bigint) ON COMMIT DROP"""
_TAKE = """INSERT INTO prismrec.history SELECT user_id, item_id, at, seq FROM incoming
           ORDER BY user_id, item_id, seq ON CONFLICT DO NOTHING"""
"""In the order of the primary key: its pages are walked once, and two loads cannot wait for each other in a ring."""

ERASING = "SELECT pg_advisory_xact_lock_shared(%s, %s)"
ERASING_LOCK = (0x70726D72, 1)
"""Erasures share it, a batch has it alone: nobody is erased between the look at who was erased and its commit."""

_ALONE = "SELECT pg_advisory_xact_lock(%s, %s)"
_ANY_ERASED = "SELECT EXISTS (SELECT 1 FROM prismrec.erased)"
_LEAVE_OUT = """DELETE FROM incoming WHERE user_id IN (
                  SELECT user_id FROM (SELECT DISTINCT user_id FROM incoming) AS users, prismrec.secret
                  WHERE prismrec.mac(value, 'user', user_id) IN (SELECT mac FROM prismrec.erased))
                RETURNING user_id"""
_RESTORE = """DELETE FROM prismrec.erased WHERE mac IN (
                SELECT prismrec.mac(value, 'user', user_id)
                FROM (SELECT DISTINCT user_id FROM incoming) AS users, prismrec.secret)"""

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

    How far a load with a mark came is written in the transaction of its batch. A repeated load stores nothing twice.
    """
    with database.session(statement=STATEMENT_SECONDS, lock=LOCK_SECONDS) as connection:
        found = connection.execute("SELECT done FROM prismrec.loads WHERE rows_id = %s", (load.mark,)).fetchone()
        counts = Counts(done=0 if found is None else int(found[0]))
        skipped = counts.done
        load.reached(skipped)
        for batch in load.batches(skipped):
            with connection.transaction():
                _take(connection, batch, load, counts)
                if load.mark is not None:
                    connection.execute(_REACHED, (load.mark, counts.done, load.now))
            load.reached(counts.done)
        if counts.stored:
            connection.execute("ANALYZE prismrec.history")  # or the first lists are planned for an empty table
        with connection.transaction():
            dropped = connection.execute(_CUT, {"bound": load.max_history}).rowcount
            connection.execute("DELETE FROM prismrec.loads WHERE rows_id = %s", (load.rows_id,))
    return counts.loaded(skipped=skipped, dropped=dropped)


def _take(connection: Timed, batch: list[StoredRow], load: BulkLoad, counts: Counts) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_INCOMING)
        with cursor.copy("COPY incoming FROM STDIN") as copy:
            for row in batch:
                copy.write_row(row)
        cursor.execute(_ALONE, ERASING_LOCK)
        if cursor.execute(_ANY_ERASED).fetchone() == (True,):
            _heed_erased(cursor, load, counts)
        cursor.execute(_TAKE)
        counts.stored += cursor.rowcount
    counts.done += len(batch)


def _heed_erased(cursor: psycopg.Cursor[Rows], load: BulkLoad, counts: Counts) -> None:
    """Take the rows of users who were erased out of the batch, or forget that they were."""
    if load.restore_erased:
        cursor.execute(_RESTORE)
        return
    left_out = [user_id for (user_id,) in cursor.execute(_LEAVE_OUT)]
    counts.erased += len(left_out)
    counts.erased_users.update(left_out)
