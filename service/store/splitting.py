"""The step of the SQLite schema that deals the users of one table to the parts (service.store.parts)."""

from __future__ import annotations

import sqlite3

from service.store.parts import KINDS, PARTS, mac, part_number

_TABLES = """
    CREATE TABLE {0.history} (
        user_id TEXT NOT NULL, item_id TEXT NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (user_id, item_id)
    ) WITHOUT ROWID;
    CREATE TABLE {0.preferences} (
        user_id TEXT PRIMARY KEY, steer TEXT NOT NULL, bundle_id TEXT NOT NULL, at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE {0.writes} (
        user_id TEXT NOT NULL, key TEXT NOT NULL, fingerprint BLOB NOT NULL, stored INTEGER NOT NULL,
        duplicates INTEGER NOT NULL, unknown_items TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (user_id, key)
    ) WITHOUT ROWID;
    CREATE INDEX {0.writes}_by_time ON {0.writes} (at);
    """


_MOVED = """
    INSERT INTO {0.history} SELECT old.user_id, item_id, at, seq
        FROM placed CROSS JOIN old_history AS old USING (user_id) WHERE part = {1};
    INSERT INTO {0.preferences} SELECT old.user_id, steer, bundle_id, at
        FROM placed CROSS JOIN old_preferences AS old USING (user_id) WHERE part = {1};
    INSERT INTO {0.writes} SELECT old.user_id, key, fingerprint, stored, duplicates, unknown_items, at
        FROM placed CROSS JOIN old_writes AS old USING (user_id) WHERE part = {1};
    """


_VIEW = "CREATE VIEW {0} AS {1};"


def _view(kind: str) -> str:
    tables = (str(getattr(part, kind)) for part in PARTS)
    return _VIEW.format(kind, " UNION ALL ".join(map("SELECT * FROM {}".format, tables)))


SPLIT = "".join(
    (
        """
    CREATE TABLE secret (id INTEGER PRIMARY KEY CHECK (id = 1), value BLOB NOT NULL);
    INSERT INTO secret VALUES (1, randomblob(32));
    CREATE TABLE erased (mac BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE keys (mac BLOB PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX keys_by_time ON keys (at);
    INSERT INTO keys SELECT mac(value, 'key', key), at FROM writes, secret;

    ALTER TABLE history RENAME TO old_history;
    ALTER TABLE preferences RENAME TO old_preferences;
    ALTER TABLE writes RENAME TO old_writes;
    CREATE TEMP TABLE placed (part INTEGER, user_id TEXT, PRIMARY KEY (part, user_id)) WITHOUT ROWID;
    INSERT INTO placed SELECT part_number(user_id), user_id FROM (
        SELECT user_id FROM old_history UNION SELECT user_id FROM old_preferences UNION SELECT user_id FROM old_writes);
    """,
        *(_TABLES.format(part) for part in PARTS),
        *(_MOVED.format(part, number) for number, part in enumerate(PARTS)),
        """
    DROP TABLE temp.placed;
    DROP TABLE old_history;
    DROP TABLE old_preferences;
    DROP TABLE old_writes;
    """,
        *(_view(kind) for kind in KINDS),
    )
)
"""The script; it needs what `teach` gives. The views are for whoever looks into the file.

keys    every idempotency key of the last day, erased users' too, so that a late retry is not taken for a new write
erased  the users who were erased, so that loading the same data again does not bring them back
"""


def teach(connection: sqlite3.Connection) -> None:
    """The functions that SPLIT needs."""
    connection.create_function("part_number", 1, part_number, deterministic=True)
    connection.create_function("mac", 3, mac, deterministic=True)
