"""The PostgreSQL engine: the contract, and what is its own (versions, replicas, time limits, what leaks)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from service.errors import ConflictError, StorageFullError, StorageUnavailableError
from service.limits import LIMITS
from service.store import open_store
from service.store.postgres import PostgresStore
from service.store.postgres_pool import TIMING
from service.store.postgres_schema import MIGRATIONS
from service.store.protocol import Interaction, Known, Receipt, Store, Write
from service.store.receipts import KEY_LIFE_SECONDS
from tests.cluster import Cluster
from tests.service.store_contract import MAX_HISTORY, NOW, StoreContract, write

TABLES = ("history", "writes", "preferences", "sources", "loads", "erased", "keys")


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> str:
    return cluster.fresh_database()


@pytest.fixture
def url(database: str) -> str:
    """A database whose tables, where it has any, are empty."""
    with psycopg.connect(database, autocommit=True) as connection:
        made = connection.execute("SELECT to_regclass('prismrec.history')").fetchone()
        if made != (None,):
            connection.execute(f"TRUNCATE {', '.join(f'prismrec.{table}' for table in TABLES)}")
    return database


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore(url, clock=lambda: NOW, max_history=MAX_HISTORY)
    yield opened
    opened.close()


class TestPostgresStore(StoreContract):
    """The contract; its `store` is the fixture above."""


def _together(count: int, call: Callable[[int], object]) -> list[object]:
    """What `count` threads got that started at the same moment; an exception is a result, too."""
    barrier = threading.Barrier(count)

    def run(number: int) -> object:
        barrier.wait()
        try:
            return call(number)
        except (ConflictError, StorageUnavailableError) as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def _sql(url: str, statement: str) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as connection:
        done = connection.execute(statement)
        return done.fetchall() if done.description else []


def test_same_key_from_two_replicas_at_once_is_written_once(url: str, store: Store) -> None:
    other = PostgresStore(url, clock=lambda: NOW, max_history=MAX_HISTORY)
    for attempt in range(8):
        asked = write(f"user{attempt}", "a", "b", key=f"key{attempt}")
        found = _together(8, lambda number, asked=asked: (store, other)[number % 2].append(asked))
        assert (
            sorted(found, key=lambda receipt: receipt.replayed)
            == [Receipt(2, 0, ())] + [Receipt(2, 0, (), replayed=True)] * 7
        )
        assert store.history(f"user{attempt}") == ("a", "b")
    other.close()


def test_same_key_for_other_writes_at_once_is_a_conflict_for_all_but_one(url: str, store: Store) -> None:
    for attempt in range(8):
        found = _together(6, lambda n, attempt=attempt: store.append(write(f"u{n}", "a", key=f"key{attempt}")))
        assert sum(isinstance(one, Receipt) for one in found) == 1
        assert sum(isinstance(one, ConflictError) for one in found) == 5
        kept = [n for n in range(6) if store.history(f"u{n}") is not None]
        assert len(kept) == 1
        store.erase(f"u{kept[0]}")


def test_history_stays_bounded_when_replicas_write_to_it_at_once(url: str, store: Store) -> None:
    other = PostgresStore(url, clock=lambda: NOW, max_history=MAX_HISTORY)
    for step in range(6):
        _together(
            6,
            lambda n, step=step: (store, other)[n % 2].append(
                write("1", *(f"{step}-{n}-{i}" for i in range(4)), key=f"{step}-{n}")
            ),
        )
        assert len(store.history("1") or ()) == MAX_HISTORY
    (most,) = _sql(url, "SELECT max(n) FROM (SELECT count(*) AS n FROM prismrec.history GROUP BY user_id, seq) AS x")
    assert most == (1,), "no two of a user have the same place"
    other.close()


def test_erasing_and_writing_at_once_never_leaves_half_a_user(url: str, store: Store) -> None:
    def act(attempt: int, number: int) -> object:
        if number % 2:
            return store.erase("1")
        return store.append(write("1", "a", "b", "c", key=f"k{attempt}-{number}"))

    for attempt in range(6):
        found = _together(8, partial(act, attempt))
        assert not [one for one in found if isinstance(one, Exception)]
        assert store.history("1") in {None, ("a", "b", "c")}
        store.erase("1")


def test_key_older_than_its_life_is_forgotten_and_swept(url: str) -> None:
    now = [NOW]
    store = PostgresStore(url, clock=lambda: now[0])
    store.append(write("1", "a", key="same"))
    store.append(write("1", "b", key="other"))
    now[0] += KEY_LIFE_SECONDS
    assert store.append(write("1", "a", key="same")).replayed, "positive control: it lives as long as it should"
    now[0] += 1
    assert not store.append(write("2", "b", key="same")).replayed
    assert _sql(url, "SELECT key, user_id FROM prismrec.writes") == [("same", "2")]
    store.close()


def test_erased_user_is_in_no_table_of_the_database(url: str, store: Store) -> None:
    def found(needle: str) -> list[str]:
        return [
            table
            for table in TABLES
            if _sql(url, f"SELECT 1 FROM prismrec.{table} AS one WHERE one::text LIKE '%{needle}%'")
        ]

    store.append(Write("secret-user", tuple(Interaction(f"secret-{i}") for i in range(4)), "secret-key", ("secret-x",)))
    store.put_preferences("secret-user", '"secret-steer"', "b")
    store.append(write("other", "kept"))
    assert found("secret") == ["history", "writes", "preferences"], "positive control: the search finds what is there"
    assert store.erase("secret-user")
    assert found("secret") == []
    assert store.history("other") == ("kept",)


def test_full_database_is_not_acknowledged_and_recovers(url: str, store: PostgresStore) -> None:
    _sql(
        url,
        """CREATE OR REPLACE FUNCTION prismrec.fill() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$;
           CREATE TRIGGER fill BEFORE INSERT ON prismrec.writes EXECUTE FUNCTION prismrec.fill()""",
    )
    try:
        with pytest.raises(StorageFullError):
            store.append(write("1", "a"))
        assert store.history("1") is None, "all or nothing"
    finally:
        _sql(url, "DROP TRIGGER fill ON prismrec.writes; DROP FUNCTION prismrec.fill()")
    assert store.ping()
    assert store.append(write("1", "a")) == Receipt(1, 0, ())


def test_lock_held_by_another_session_is_an_error_in_time_and_reads_go_on(url: str, store: Store) -> None:
    store.append(write("1", "a", key="one"))
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE prismrec.history IN SHARE MODE")
        with pytest.raises(StorageUnavailableError, match="LockNotAvailable"):
            store.append(write("1", "b", key="two"))
        assert store.history("1") == ("a",)
    assert store.append(write("1", "b", key="two")).stored == 1


def test_database_that_takes_no_writes_is_not_healthy(cluster: Cluster) -> None:
    url = cluster.fresh_database()
    open_store(url).close()
    name = url.partition("?")[0].rpartition("/")[2]
    cluster.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = open_store(url)
    assert not store.ping()
    assert store.history("1") is None
    with pytest.raises(StorageUnavailableError, match="ReadOnly"):
        store.append(write("1", "a"))
    cluster.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    store.close()


def test_acknowledged_is_durable_even_where_the_database_is_set_to_answer_early(cluster: Cluster) -> None:
    url = cluster.fresh_database()
    name = url.partition("?")[0].rpartition("/")[2]
    cluster.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert _sql(url, "SHOW synchronous_commit") == [("off",)]
    store = PostgresStore(url, clock=lambda: NOW)
    assert store._read("SHOW synchronous_commit", ()) == [("on",)]
    store.close()


def test_every_limit_ends_before_the_deadline_of_a_request() -> None:
    assert TIMING.lock <= TIMING.statement < TIMING.call < LIMITS.deadline_seconds
    assert TIMING.checkout < TIMING.call


class TestVersions:
    @pytest.fixture
    def fresh(self, cluster: Cluster) -> str:
        return cluster.fresh_database()

    def test_many_replicas_that_start_at_once_make_the_tables_once(self, fresh: str) -> None:
        stores = _together(6, lambda _: PostgresStore(fresh, clock=lambda: NOW))
        assert not [one for one in stores if isinstance(one, Exception)]
        stores[0].append(write("1", "a"))
        assert [store.known("1") for store in stores] == [Known(("a",))] * 6
        for store in stores:
            store.close()

    @pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
    def test_database_of_an_older_schema_keeps_its_histories_and_learns_the_rest(
        self, fresh: str, version: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patched:
            patched.setattr("service.store.postgres_schema.MIGRATIONS", MIGRATIONS[:version])
            old = open_store(fresh)
            _sql(fresh, "INSERT INTO prismrec.history VALUES ('1', 'a', 0, 1)")
            with pytest.raises(StorageUnavailableError, match="UndefinedTable"):
                old.append(write("1", "b"))
            old.close()
        store = open_store(fresh)
        assert store.load_many([("1", "b", NOW + 9)]).stored == 1
        assert store.history("1") == ("a", "b")
        assert store.erase("1")
        assert store.load_many([("1", "b", NOW + 9)]).erased == 1
        assert _sql(fresh, "SELECT number FROM prismrec.version") == [(len(MIGRATIONS),)]
        store.close()

    def test_newer_schema_is_refused_with_both_versions(self, fresh: str) -> None:
        open_store(fresh).close()
        _sql(fresh, f"UPDATE prismrec.version SET number = {len(MIGRATIONS) + 1}")
        with pytest.raises(StorageUnavailableError, match=f"version {len(MIGRATIONS) + 1}, this prismrec knows"):
            open_store(fresh)

    def test_schema_of_another_program_is_refused_and_left_as_it_is(self, fresh: str) -> None:
        _sql(fresh, "CREATE SCHEMA prismrec; CREATE TABLE prismrec.theirs (x int)")
        with pytest.raises(StorageUnavailableError, match="another program"):
            open_store(fresh)
        assert _sql(fresh, "SELECT relname FROM pg_class WHERE relnamespace = 'prismrec'::regnamespace") == [
            ("theirs",)
        ]

    def test_tables_of_another_program_beside_ours_are_left_alone(self, fresh: str) -> None:
        _sql(fresh, "CREATE TABLE history (x int); INSERT INTO history VALUES (7)")
        store = open_store(fresh)
        store.append(write("1", "a"))
        store.erase("1")
        assert _sql(fresh, "SELECT x FROM public.history") == [(7,)]
        store.close()

    def test_migration_that_fails_leaves_nothing_behind(self, fresh: str, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = (*MIGRATIONS, "CREATE TABLE prismrec.more (x int); SELECT 1 / 0")
        with monkeypatch.context() as patched:
            patched.setattr("service.store.postgres_schema.MIGRATIONS", broken)
            with pytest.raises(StorageUnavailableError, match="DivisionByZero"):
                open_store(fresh)
        assert _sql(fresh, "SELECT to_regnamespace('prismrec')") == [(None,)]
        open_store(fresh).close()

    def test_role_without_the_right_to_make_a_schema_uses_one_that_was_made_for_it(
        self, cluster: Cluster, fresh: str
    ) -> None:
        name = fresh.partition("?")[0].rpartition("/")[2]
        cluster.execute("DROP ROLE IF EXISTS modest")
        cluster.execute("CREATE ROLE modest LOGIN")
        modest = cluster.url(name, user="modest")
        with pytest.raises(StorageUnavailableError, match="InsufficientPrivilege"):
            open_store(modest)
        _sql(fresh, "CREATE SCHEMA prismrec AUTHORIZATION modest")
        store = open_store(modest)
        assert store.append(write("1", "a")).stored == 1
        store.close()
