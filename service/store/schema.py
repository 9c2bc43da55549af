"""The SQLite file of the store: how it is opened, and its schema's versions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from service.errors import StorageUnavailableError
from service.store.splitting import SPLIT, teach

APPLICATION_ID = 0x70726D72
"""Written into the file's header ("prmr"), so that no other program's database is taken for ours."""

STATEMENTS = 1024
"""How many prepared statements a connection keeps: every part has its own."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE history (
        user_id TEXT NOT NULL, item_id TEXT NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (user_id, item_id)
    ) WITHOUT ROWID;
    CREATE TABLE writes (
        key TEXT PRIMARY KEY, user_id TEXT NOT NULL, fingerprint BLOB NOT NULL, stored INTEGER NOT NULL,
        duplicates INTEGER NOT NULL, unknown_items TEXT NOT NULL, at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX writes_by_user ON writes (user_id);
    CREATE INDEX writes_by_time ON writes (at);
    CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
    INSERT INTO probe VALUES (1, 0);
    """,
    """
    CREATE TABLE sources (fingerprint TEXT PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE TABLE preferences (
        user_id TEXT PRIMARY KEY, steer TEXT NOT NULL, bundle_id TEXT NOT NULL, at INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE loads (rows_id TEXT PRIMARY KEY, done INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
    """,
    SPLIT,
)
"""One script a version; version n of the file (PRAGMA user_version) has had the first n. Only ever append."""


def connect(path: Path, *, busy_ms: int) -> sqlite3.Connection:
    """A connection in autocommit mode with the settings that acknowledged writes need (WAL, FULL).

    StorageUnavailableError for a file that is not ours or newer: before WAL, which is written into the file.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=busy_ms / 1000, cached_statements=STATEMENTS
    )
    try:
        _version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
    except (sqlite3.Error, StorageUnavailableError):
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest version, one transaction a step; StorageUnavailableError for a foreign file."""
    version = _version(connection)
    teach(connection)
    for number in range(version, len(MIGRATIONS)):
        script = f"PRAGMA application_id = {APPLICATION_ID};\n{MIGRATIONS[number]}\nPRAGMA user_version = {number + 1};"
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if _version(connection) > number:
                continue  # another process made the same step meanwhile
            raise


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and owner != APPLICATION_ID:
        raise StorageUnavailableError(
            "the store's file is a database of another program", hint="point PRISMREC_STORE_URL to another file"
        )
    if version > len(MIGRATIONS):
        raise StorageUnavailableError(
            f"the store's file has schema version {version}, this prismrec knows {len(MIGRATIONS)}",
            hint="use the newer prismrec that wrote it",
        )
    return int(version)
