"""The SQLite engine: the contract, and what is its own (files, damage, versions, traces, crashes)."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.errors import ServiceError, StorageFullError, StorageUnavailableError
from service.store import BrokenStore, open_or_degrade, open_store
from service.store.protocol import Interaction, Known, Preferences, Store, Write
from service.store.receipts import KEY_LIFE_SECONDS
from service.store.sqlite import SqliteStore
from tests.service.store_contract import MAX_HISTORY, NOW, StoreContract, write


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        opened = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW, max_history=MAX_HISTORY)
        yield opened
        opened.close()


def test_reopened_store_has_what_was_acknowledged(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'store.sqlite'}"
    first = open_store(url)
    first.append(write("1", "a"))
    first.close()
    again = open_store(url)
    assert again.history("1") == ("a",)
    again.close()


def test_two_open_stores_see_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    one, two = open_store(url), open_store(url)
    one.append(write("1", "a"))
    assert two.history("1") == ("a",)
    one.close()
    two.close()


@pytest.mark.parametrize("read", [SqliteStore.known, lambda store, user: store.known_many([user])[0]])
def test_known_of_a_user_who_is_written_to_meanwhile_is_of_one_moment(
    tmp_path: Path, read: Callable[[SqliteStore, str], Known | None]
) -> None:
    store, other = (SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW) for _ in range(2))
    store.append(write("1", "a", key="one"))
    begun: list[str] = []

    def write_both(statement: str) -> None:
        if "preferences" in statement and not begun:
            begun.append(statement)
            other.append(write("1", "b", key="two"))
            other.put_preferences("1", "{}", "bundle")

    with store._reading() as reader:
        reader.set_trace_callback(write_both)
    assert read(store, "1") == Known(("a",))
    assert begun, "nothing was written between the two reads"
    assert read(store, "1") == Known(("a", "b"), Preferences("{}", "bundle", NOW))
    store.close()
    other.close()


def test_read_that_fails_leaves_no_snapshot_open(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    store.append(write("1", "a"))
    traced = [""]
    with store._reading() as reader:
        pass
    reader.set_trace_callback(traced.append)
    reader.set_progress_handler(lambda: traced[-1].startswith("SELECT"), 1)  # interrupts what comes after BEGIN
    with pytest.raises(StorageUnavailableError):
        store.known("1")
    assert not reader.in_transaction
    store.close()


def test_key_older_than_its_life_is_forgotten(tmp_path: Path) -> None:
    now = [NOW]
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: now[0])
    store.append(write("1", "a"))
    now[0] += KEY_LIFE_SECONDS + 1
    assert not store.append(write("1", "b")).replayed
    store.close()


def test_erased_user_leaves_no_trace_in_the_files(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    store.append(Write("secret-user", tuple(Interaction(f"secret-item-{i}", NOW) for i in range(50)), "secret-key"))
    store.append(write("other", "kept", key="other"))
    assert _found(tmp_path, b"secret-"), "positive control: the search finds what is there"
    store.erase("secret-user")
    assert not _found(tmp_path, b"secret-")
    assert store.history("other") == ("kept",)
    store.close()
    assert not _found(tmp_path, b"secret-")


def test_erased_preferences_leave_no_trace_in_the_files(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    for number in range(40):  # those before are overwritten: they must not stay behind, either
        store.put_preferences("secret-user", f"secret-steer-{number}" * number, "secret-bundle")
    store.put_preferences("only-these", "secret-alone", "b")
    store.put_preferences("other", "kept", "b")
    assert _found(tmp_path, b"secret-"), "positive control: the search finds what is there"
    assert store.erase("secret-user")
    assert store.erase_preferences("only-these")
    assert not _found(tmp_path, b"secret-")
    assert not _found(tmp_path, b"only-these")
    assert _found(tmp_path, b"kept")
    store.close()
    assert not _found(tmp_path, b"secret-")


@pytest.mark.parametrize("after", ["ping", "write", "erase", "start"])
def test_erasure_beside_a_long_reader_is_finished_when_that_reader_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    monkeypatch.setattr("service.store.sqlite.WRITE_BUSY_MS", 50)
    path = tmp_path / "store.sqlite"
    store = SqliteStore(path, clock=lambda: NOW)
    store.append(Write("secret-user", (Interaction("secret-item", NOW),), "secret-key"))
    with reading(path) as end:
        assert store.erase("secret-user")
        assert store.history("secret-user") is None
        assert store.ping()
        assert _found(tmp_path, b"secret-"), "the control: the reader's snapshot keeps the old pages in the log"
        end()
        if after == "start":
            store.close()
            assert _found(tmp_path, b"secret-"), "the control: the other connection is still open, so nothing was cut"
            store = SqliteStore(path, clock=lambda: NOW)
        else:
            {
                "ping": store.ping,
                "write": lambda: store.append(write("1", "a")),
                "erase": lambda: store.erase("nobody"),
            }[after]()
        assert not _found(tmp_path, b"secret-")
    store.close()


def test_erasure_waits_for_a_reader_that_ends_in_time(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    store.append(Write("secret-user", (Interaction("secret-item", NOW),), "secret-key"))
    with reading(tmp_path / "store.sqlite") as end:
        timer = threading.Timer(0.1, end)
        timer.start()
        assert store.erase("secret-user")
        timer.join()
        assert not _found(tmp_path, b"secret-")
    store.close()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Callable[[], None]]:
    """Another process that holds a snapshot of the store until the function is called, and its connection longer."""
    script = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN")
print(len(db.execute("SELECT * FROM history").fetchall()), flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
print("ended", flush=True)
sys.stdin.readline()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "1\n"
        told, heard = process.stdin, process.stdout

        def end() -> None:
            told.write("\n")
            told.flush()
            assert heard.readline() == "ended\n"

        yield end
        told.close()


def test_ping_after_a_refused_write_writes_each_time_also_within_a_second(tmp_path: Path) -> None:
    """SQLite writes nothing where a row stays as it is: such a probe would find a full disk well."""
    path = tmp_path / "store.sqlite"
    store = SqliteStore(path, clock=lambda: NOW)
    with contextlib.closing(sqlite3.connect(path)) as other:

        def version() -> int:
            return int(other.execute("PRAGMA data_version").fetchone()[0])

        seen = [version()]
        for _ in range(3):
            store._write_failed = True
            assert store.ping()
            seen.append(version())
        assert len(set(seen)) == len(seen)
        assert store.ping() and version() == seen[-1], "control: none was refused since, so nothing is written"
    store.close()


def test_store_that_is_closed_while_threads_read_ends_their_reads_and_not_the_process(tmp_path: Path) -> None:
    """In a process of its own, as a connection that is closed under a read takes the process with it."""
    script = f"""
import threading
from service.errors import StorageUnavailableError
from service.store.sqlite import SqliteStore
for _ in range(20):
    store = SqliteStore(__import__("pathlib").Path({str(tmp_path / "store.sqlite")!r}), clock=lambda: 1)
    reads = threading.Semaphore(0)
    def read():
        try:
            while True:
                store.users(10)
                store.known("1")
                reads.release()
        except StorageUnavailableError:
            pass
    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers: reader.start()
    for _ in range(40): reads.acquire()
    store.close()
    for reader in readers: reader.join()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_same_preferences_again_change_nothing_not_even_their_time(tmp_path: Path) -> None:
    now = [NOW]
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: now[0])
    first = store.put_preferences("1", "{}", "b")
    now[0] += 60
    assert store.put_preferences("1", "{}", "b") == first
    assert store.put_preferences("1", "{}", "c").updated == NOW + 60
    store.close()
    again = SqliteStore(tmp_path / "store.sqlite", clock=lambda: now[0])
    assert again.known("1") == Known((), Preferences("{}", "c", NOW + 60))
    again.close()


@pytest.mark.parametrize(
    "content", [b"", b"x" * 4096, b"SQLite format 3\x00" + b"\xff" * 4080], ids=["empty", "text", "head"]
)
def test_damaged_file_degrades_and_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(content)
    store = open_or_degrade(f"sqlite:///{path}")
    if not content:  # an empty file is a new database
        assert store.ping()
    else:
        assert isinstance(store, BrokenStore)
        assert not store.ping()
        with pytest.raises(StorageUnavailableError):
            store.history("1")
        assert path.read_bytes() == content
    store.close()


@pytest.mark.parametrize("url", ["", "store.sqlite", "sqlite:///", "postgresql://x", "mysql://x"])
def test_url_of_no_known_engine_is_refused(url: str) -> None:
    with pytest.raises(StorageUnavailableError):
        open_store(url)


def test_full_disk_is_not_acknowledged_and_recovers(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    store.append(write("1", "a", key="one"))
    (pages,) = store._writer.execute("PRAGMA page_count").fetchone()
    store._writer.execute(f"PRAGMA max_page_count = {pages}")
    many = Write("2", tuple(Interaction(f"item-{i}-{'x' * 40}", NOW) for i in range(500)), "two")
    with pytest.raises(StorageFullError):
        store.append(many)
    assert store.history("1") == ("a",)
    assert store.history("2") is None
    store._writer.execute("PRAGMA max_page_count = 1000000")
    assert store.ping()
    assert store.append(many).stored == 500
    store.close()


def test_lock_held_by_another_process_is_an_error_and_reads_go_on(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    store.append(write("1", "a", key="one"))
    store._writer.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailableError, match="SQLITE_BUSY"):
        store.append(write("1", "b", key="two"))
    assert store.history("1") == ("a",)
    other.execute("ROLLBACK")
    other.close()
    assert store.append(write("1", "b", key="two")).stored == 1
    store.close()


@pytest.mark.e2e
def test_killed_writer_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    script = (
        "import sys; from pathlib import Path; from service.store.sqlite import SqliteStore;"
        "from service.store.protocol import Write, Interaction\n"
        "store = SqliteStore(Path(sys.argv[1]), clock=lambda: 0)\n"
        "start = int(sys.argv[2])\n"
        "for i in range(start, start + 100000):\n"
        "    store.append(Write(str(i % 7), (Interaction(str(i), i),), f'k{i}')); print(i, flush=True)\n"
    )
    acknowledged: list[int] = []
    for attempt in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(attempt * 1000)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(15):
            acknowledged.append(int(child.stdout.readline()))
        os.kill(child.pid, signal.SIGKILL)
        rest = child.stdout.read().split("\n")[:-1]
        acknowledged += [int(line) for line in rest if line]
        child.wait()
        child.stdout.close()
    store = SqliteStore(path, clock=lambda: 0)
    kept = {item for user in range(7) for item in store.history(str(user)) or ()}
    assert {str(i) for i in acknowledged} <= kept
    assert len(kept) <= len(acknowledged) + 3, "at most the write under way may be kept unacknowledged, once each"
    store.close()


def test_errors_of_the_store_name_no_path_and_no_id(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite", clock=lambda: NOW)
    store.close()
    with pytest.raises(ServiceError) as caught:
        store.append(write("secret-user", "a"))
    assert "secret" not in caught.value.detail
    assert str(tmp_path) not in caught.value.detail


def _found(folder: Path, needle: bytes) -> bool:
    return any(needle in path.read_bytes() for path in folder.iterdir())
