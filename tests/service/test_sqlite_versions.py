"""Versions of the SQLite file: older ones are brought up with all they hold, newer and foreign ones are refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from service.errors import ConflictError, StorageUnavailableError
from service.store import open_store
from service.store.protocol import Interaction, Known, Preferences, Source
from service.store.receipts import fingerprint_of
from service.store.schema import APPLICATION_ID, MIGRATIONS
from service.store.sqlite import SqliteStore
from tests.service.store_contract import NOW, write


def test_store_of_the_first_schema_keeps_its_histories_and_learns_of_sources(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID};{MIGRATIONS[0]}PRAGMA user_version = 1;")
        db.execute("INSERT INTO history VALUES ('1', 'a', 0, 1)")
    db.close()
    store = open_store(f"sqlite:///{path}")
    assert store.history("1") == ("a",)
    store.load_many([("1", "b", NOW)], source=Source("films", "0123"))
    assert [source.name for source in store.sources()] == ["films"]
    store.close()


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_store_of_an_older_schema_takes_preferences_and_loads(tmp_path: Path, version: int) -> None:
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as db:
        scripts = "".join(MIGRATIONS[:version])
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID};{scripts}PRAGMA user_version = {version};")
        db.execute("INSERT INTO history VALUES ('1', 'a', 0, 1)")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            db.execute("SELECT * FROM erased")
    db.close()
    store = open_store(f"sqlite:///{path}")
    kept = store.put_preferences("1", "{}", "b")
    assert store.known("1") == Known(("a",), kept)
    assert store.load_many([("1", "a", NOW)], rows_id="x").stored == 0
    assert [(user.user_id, user.n_items) for user in store.users(9)] == [("1", 1)]
    store.close()


def test_store_from_before_the_parts_is_dealt_to_them_and_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    users = [f"user-{number}" for number in range(200)]
    same = write("user-3", "i0", key="a key of user-3")
    with sqlite3.connect(path) as db:
        scripts = "".join(MIGRATIONS[:4])
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID};{scripts}PRAGMA user_version = 4;")
        rows = [(user, f"i{place}", place, place) for user in users for place in range(3)]
        db.executemany("INSERT INTO history VALUES (?, ?, ?, ?)", rows)
        db.executemany("INSERT INTO preferences VALUES (?, '{}', 'b', 7)", [(user,) for user in [*users[:9], "alone"]])
        kept = ("a key of user-3", "user-3", fingerprint_of(same), 1, 0, "[]", NOW)
        db.execute("INSERT INTO writes VALUES (?, ?, ?, ?, ?, ?, ?)", kept)
    db.close()
    store = SqliteStore(path, clock=lambda: NOW)
    assert [user.user_id for user in store.users(500)] == sorted([*users, "alone"])
    assert all(store.interactions(user) == tuple(Interaction(f"i{n}", n) for n in range(3)) for user in users)
    assert store.known("user-8") == Known(("i0", "i1", "i2"), Preferences("{}", "b", 7))
    assert store.known("alone") == Known((), Preferences("{}", "b", 7))
    assert store.append(same).replayed
    assert store.erase("user-3")
    with pytest.raises(ConflictError):
        store.append(same)
    contents = [file.read_bytes() for file in tmp_path.iterdir()]
    assert not any(b"a key of user-3" in content for content in contents), "the tables of before left nothing"
    assert store._read("SELECT count(*), count(DISTINCT user_id) FROM history") == [(597, 199)]
    store.close()


def test_newer_schema_is_refused_with_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    open_store(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StorageUnavailableError, match=f"version {len(MIGRATIONS) + 1}, this prismrec knows"):
        open_store(f"sqlite:///{path}")


def test_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(StorageUnavailableError, match="another program"):
        open_store(f"sqlite:///{path}")
