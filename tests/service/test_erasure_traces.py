"""What an erasure leaves in the files of either engine: the bytes are searched, not the tables."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import psycopg
import pytest

from service.errors import StorageFullError
from service.store.postgres import PostgresStore
from service.store.protocol import Interaction, Write
from service.store.sqlite import SqliteStore
from tests.cluster import Cluster
from tests.service.store_contract import NOW

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
SEEDS = range(4)
USERS = 120
APPENDS = 700
ERASED = 60
PAGE = 4096


def _filled(folder: Path, rng: random.Random) -> tuple[SqliteStore, list[str]]:
    """A store of users whose rows came in no order, so that its pages were split often; every word has its user's id.

    One part of the tables holds them all, as it holds 16,000 of a million.
    """
    store = SqliteStore(folder / "store.sqlite", clock=lambda: NOW)
    store._writer.execute("PRAGMA synchronous = OFF")
    users = [f"usr-{rng.getrandbits(60):015x}-end" for _ in range(USERS)]
    for step in range(APPENDS):
        user = rng.choice(users)
        items = (f"{rng.getrandbits(24):06x} {user}" for _ in range(rng.randrange(1, 12)))
        store.append(Write(user, tuple(Interaction(item, rng.randrange(NOW)) for item in items), f"{step} {user}"))
        if rng.random() < 0.3:
            store.put_preferences(user, f'"{user * rng.randrange(1, 12)}"', "b")
    rng.shuffle(users)
    return store, [user for user in users if store.known(user)]


def _left(folder: Path, user: str) -> bool:
    return any(user.encode() in path.read_bytes() for path in folder.iterdir())


@pytest.mark.parametrize("seed", SEEDS)
def test_erased_users_of_a_store_written_in_no_order_leave_no_trace(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.parts.N_PARTS", 1)
    store, users = _filled(tmp_path, random.Random(seed))
    assert all(_left(tmp_path, user) for user in users), "positive control: the search finds what is there"
    before = {user: store.interactions(user) for user in users}
    kept = {user: (store.known(user), store.writes(user)) for user in users}
    for user in users[:ERASED]:
        assert store.erase(user)
        assert not _left(tmp_path, user)
    for user in users[ERASED:]:
        assert (store.known(user), store.writes(user)) == kept[user], "what is written anew is what was there"
        assert store.interactions(user) == before[user]
        if store.erase_preferences(user):
            assert f'"{user}'.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert store._writer.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    store.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_control_zeroing_what_is_deleted_is_not_enough(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.parts.N_PARTS", 1)
    monkeypatch.setattr("service.store.sqlite.write_anew", lambda *_: None)
    store, users = _filled(tmp_path, random.Random(seed))
    assert store._writer.execute("PRAGMA secure_delete").fetchone() == (1,)
    for user in users[:ERASED]:
        store.erase(user)
    assert any(_left(tmp_path, user) for user in users[:ERASED])
    store.close()


def test_erasure_writes_a_part_anew_and_leaves_the_others_alone(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    store._writer.execute("PRAGMA synchronous = OFF")
    users = [f"user-{number}-end" for number in range(300)]
    store.load_many([(user, f"{user} {place}", place) for user in users for place in range(20)])
    for user in users:
        store.put_preferences(user, f'"{user}"', "b")
    for user in users[:100]:
        assert store.erase(user)
    assert not [user for user in users[:100] if _left(tmp_path, user)]
    assert all(len(store.history(user) or ()) == 20 for user in users[100:])
    assert [user.user_id for user in store.users(500)] == sorted(users[100:])
    store.close()
    assert not [user for user in users[:100] if _left(tmp_path, user)]


RECEIPT_LIFE_OVER = NOW + 3 * 24 * 3600


def test_receipts_that_had_run_out_leave_no_trace_of_a_user_erased_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.parts.N_PARTS", 1)
    now = [NOW]
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: now[0])
    store._writer.execute("PRAGMA synchronous = OFF")
    rng = random.Random(1)
    users = [f"usr-{rng.getrandbits(60):015x}-end" for _ in range(60)]
    for _ in range(400):
        user = rng.choice(users)
        store.append(
            Write(user, (Interaction("a", NOW),), f"{rng.getrandbits(64):x} {user}", (user,) * rng.randrange(9))
        )
    now[0] = RECEIPT_LIFE_OVER
    store.append(Write("another", (Interaction("a", NOW),), "sweeps them"))
    there = [user for user in users if store.history(user)]
    assert not any(store.writes(user) for user in there)
    for user in there:
        assert store.erase(user)
        assert not _left(tmp_path, user)
    store.close()


def _tidying() -> list[str]:
    """The statements that docs/operations.md gives for a database."""
    text = OPERATIONS.read_text().partition("## What an erasure leaves behind")[2]
    return text.partition("```sql\n")[2].partition("```")[0].strip().removesuffix(";").split(";")


def _in_statistics(connection: psycopg.Connection, user: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM pg_stats WHERE schemaname = 'prismrec'"
        " AND concat(most_common_vals::text, histogram_bounds::text) LIKE %s",
        (f"%{user}%",),
    )
    return found.fetchone() is not None


def test_erased_users_leave_no_trace_in_a_database_that_is_tidied_as_the_manual_says(cluster: Cluster) -> None:
    rng = random.Random(1)
    users = [f"usr-{rng.getrandbits(60):015x}-end" for _ in range(100)]
    store = PostgresStore(cluster.fresh_database(), clock=lambda: NOW)
    store.load_many([(user, f"{place} {user}", place) for user in users for place in range(20)])
    for step in range(100):
        user = rng.choice(users)
        store.append(Write(user, (Interaction(f"{step} of {user}", NOW),), f"{step} {user}"))
        store.put_preferences(user, f'"{user}"', "b")
    gone = users[:30]
    for user in gone:
        assert store.erase(user)

    def left(below: str) -> set[str]:
        contents = [path.read_bytes() for path in (cluster.data / below).rglob("*") if path.is_file()]
        return {user for user in gone if any(user.encode() in content for content in contents)}

    with psycopg.connect(store._database._url, autocommit=True) as connection:
        connection.execute("VACUUM prismrec.history, prismrec.writes, prismrec.preferences")
        connection.execute("CHECKPOINT")
        assert left("base") and left("pg_wal"), "the control: VACUUM and a checkpoint are not enough"
        assert any(_in_statistics(connection, user) for user in gone), "and the planner has its samples"
        connection.execute("ALTER SYSTEM SET wal_recycle = off")
        connection.execute("SELECT pg_reload_conf()")
        try:
            for statement in _tidying():
                connection.execute(statement.encode())
            assert not left(".")
            assert not any(_in_statistics(connection, user) for user in gone)
        finally:
            connection.execute("ALTER SYSTEM RESET wal_recycle")
            connection.execute("SELECT pg_reload_conf()")
    assert all(store.history(user) for user in users[30:])
    store.close()


def test_erasure_that_finds_no_room_leaves_everything_and_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    store.append(Write("1", (Interaction("a", NOW),), "key"))
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for number in range(PAGE):
            store._writer.execute("INSERT INTO erased VALUES (?, ?)", (number.to_bytes(16, "big"), NOW))
    with pytest.raises(StorageFullError) as refused:
        store.erase("1")
    assert store.history("1") == ("a",)
    assert refused.value.detail == "the store has no room left"
    assert refused.value.hint == "nothing was changed; make room and send it again"
    store.close()
