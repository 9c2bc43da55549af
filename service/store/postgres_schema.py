"""The tables in PostgreSQL: a schema of their own, its versions, and how a database is brought to the newest."""

from __future__ import annotations

from typing import Any

import psycopg

from service.errors import StorageUnavailableError

Connection = psycopg.Connection[tuple[Any, ...]]

LOCK = 0x70726D72
"""The advisory lock ("prmr") under which tables are made: of replicas that start at once, one makes them."""

SCHEMA = "prismrec"

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE prismrec.history (
        user_id text COLLATE "C" NOT NULL, item_id text COLLATE "C" NOT NULL, at bigint NOT NULL, seq bigint NOT NULL,
        PRIMARY KEY (user_id, item_id)
    );
    CREATE TABLE prismrec.writes (
        key text COLLATE "C" PRIMARY KEY, user_id text COLLATE "C" NOT NULL, fingerprint bytea NOT NULL,
        stored bigint NOT NULL, duplicates bigint NOT NULL, unknown_items text NOT NULL, at bigint NOT NULL
    );
    CREATE INDEX writes_by_user ON prismrec.writes (user_id);
    CREATE INDEX writes_by_time ON prismrec.writes (at);
    CREATE TABLE prismrec.sources (fingerprint text PRIMARY KEY, name text NOT NULL, at bigint NOT NULL);
    CREATE TABLE prismrec.preferences (
        user_id text COLLATE "C" PRIMARY KEY, steer text NOT NULL, bundle_id text NOT NULL, at bigint NOT NULL
    );
    CREATE TABLE prismrec.probe (id integer PRIMARY KEY CHECK (id = 1), at bigint NOT NULL);
    INSERT INTO prismrec.probe VALUES (1, 0);
    """,
    """
    CREATE TABLE prismrec.loads (rows_id text PRIMARY KEY, done bigint NOT NULL, at bigint NOT NULL);
    """,
    """
    CREATE TABLE prismrec.secret (id integer PRIMARY KEY CHECK (id = 1), value bytea NOT NULL);
    INSERT INTO prismrec.secret
        VALUES (1, sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));
    CREATE FUNCTION prismrec.mac(secret bytea, kind text, id text) RETURNS bytea LANGUAGE sql STABLE
        RETURN sha256(secret || sha256(secret || convert_to(kind || ' ' || id, 'UTF8')));
    CREATE TABLE prismrec.erased (mac bytea PRIMARY KEY, at bigint NOT NULL);
    CREATE TABLE prismrec.keys (mac bytea PRIMARY KEY, at bigint NOT NULL);
    CREATE INDEX keys_by_time ON prismrec.keys (at);
    """,
)
"""One script a version; a database of version n has had the first n. Only ever append.

mac     what may stay of an id ("user") or a key ("key") that is gone: without the secret it says nothing
erased  the users who were erased, so that loading the same data again does not bring them back
keys    the idempotency keys of the last day of erased users, so that a late retry is not taken for a new write
COLLATE "C": ids sort by their bytes, as in SQLite, whatever the database's language is.
"""

_TABLES = """SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s"""
"""Not to_regclass: it may answer out of a cache that does not know yet what another replica has just made."""


def migrate(connection: Connection) -> None:
    """Bring the tables to the newest version, all steps in one transaction; connection: in autocommit mode.

    Raises StorageUnavailableError for a newer version or for tables of somebody else, and changes nothing then.
    """
    if _has_tables(connection) and _version(connection) == len(MIGRATIONS):
        return  # no lock and no rights to make tables are needed for that
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        if _has_tables(connection):
            version = _version(connection)
        else:
            version = 0
            _check_nobody(connection)
            if not _exists(connection, "SELECT oid FROM pg_namespace WHERE nspname = %s"):
                connection.execute("CREATE SCHEMA prismrec")
            connection.execute("CREATE TABLE prismrec.version (id integer PRIMARY KEY CHECK (id = 1), number integer)")
            connection.execute("INSERT INTO prismrec.version VALUES (1, 0)")
        for script in MIGRATIONS[version:]:
            connection.execute(script.encode())
        connection.execute("UPDATE prismrec.version SET number = %s", (len(MIGRATIONS),))


def is_made(connection: Connection) -> bool:
    """Whether our tables are there, of a version that is known here. Raises as `migrate` does, and changes nothing."""
    if _has_tables(connection):
        return _version(connection) > 0
    _check_nobody(connection)
    return False


def _has_tables(connection: Connection) -> bool:
    return _exists(connection, f"{_TABLES} AND relname = 'version'")


def _check_nobody(connection: Connection) -> None:
    if _exists(connection, f"{_TABLES} LIMIT 1"):
        raise StorageUnavailableError(
            f"the database has a schema {SCHEMA} with tables of another program",
            hint="point PRISMREC_STORE_URL to another database",
        )


def _version(connection: Connection) -> int:
    row = connection.execute("SELECT number FROM prismrec.version").fetchone()
    version = 0 if row is None else int(row[0])
    if version > len(MIGRATIONS):
        raise StorageUnavailableError(
            f"the store's tables have schema version {version}, this prismrec knows {len(MIGRATIONS)}",
            hint="use the newer prismrec that made them",
        )
    return version


def _exists(connection: Connection, query: str) -> bool:
    row = connection.execute(query.encode(), (SCHEMA,)).fetchone()
    return row is not None and row[0] is not None
