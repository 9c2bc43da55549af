"""W3, W4, W5 and W8 on the real process: a full disk, a lock, a damaged or foreign file, a bad row.

Lists for histories go on in every case, and nothing is acknowledged that is not kept.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest

from service.store import open_store
from service.store.schema import APPLICATION_ID, MIGRATIONS
from tests.builders import make_bundle
from tests.faults.serving import PROBLEMS, Service, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LOCKED_SECONDS = float(os.environ.get("LOCKED_SECONDS", "3"))
NO_ROOM = {"storage-full", "storage-unavailable"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    make_bundle(tmp_path / "models")
    with serving(tmp_path) as service:
        yield service


def _history(service: Service, user: str) -> int | None:
    reply = service.http.get(f"/users/{user}")
    return reply.json()["n_items"] if reply.status_code == 200 else None


def _no_room(service: Service, *, until: int = 400) -> tuple[int, httpx.Response]:
    """Write until there is no room: (the write that was refused, its reply)."""
    for number in range(until):
        reply = service.write(f"u{number}", *(f"m{i}" for i in range(50)), key=f"fill-{number}")
        if reply.status_code != 200:
            return number, reply
    raise AssertionError("there was room for everything")


def _refused_at_last(service: Service) -> bool:
    """Whether small writes come to an end: some still fit where the refused one was rolled back."""
    writes = (service.write(f"small{n}", "m5", key=f"small-{n}") for n in range(300))
    return any(reply.status_code in {503, 507} for reply in writes)


def _runs_full_and_recovers(
    service: Service,
    *,
    take_the_rest: Callable[[], object],
    give_room: Callable[[], object],
    degraded: tuple[list[str], ...] = (["store"],),
) -> None:
    assert service.write("kept", "m0", "m3", key="kept").status_code == 200
    with service.holds("prismrec_requests_total", route="/users/{user_id}/interactions"):
        number, reply = _no_room(service)
        assert reply.json()["code"] in NO_ROOM
        assert reply.status_code in {503, 507}
        assert service.counted(PROBLEMS, code=reply.json()["code"]) >= 1
        assert _history(service, f"u{number}") is None, "what was not acknowledged is not there"
        assert _history(service, "kept") == 2
        service.ask()
        take_the_rest()
        assert _refused_at_last(service), "small writes, too, are refused in the end"
        ready = service.http.get("/health/ready")
        assert ready.status_code == 200 and ready.json()["degraded"] in degraded
        give_room()
        again = service.write(f"u{number}", *(f"m{i}" for i in range(50)), key=f"fill-{number}")
        assert (again.status_code, again.json()["stored"]) == (200, 50)  # without a restart, by the same key
    assert _history(service, "kept") == 2
    assert service.http.get("/health/ready").json()["degraded"] == []


def test_w3_file_size_limit_is_not_acknowledged_and_recovers(service: Service) -> None:
    """The process may write no file beyond a size: a quota, and a write that the system cuts short."""
    soft, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
    wal = service.folder / "store.sqlite-wal"

    def limit(size: int) -> None:
        resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    limit(wal.stat().st_size + 100_001)
    _runs_full_and_recovers(service, take_the_rest=lambda: limit(4096), give_room=lambda: limit(soft))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four mebibytes; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("NO SMALL DISK: a tmpfs cannot be mounted here; the limit of a file's size is tried instead")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_w3_full_disk_is_not_acknowledged_and_recovers(tmp_path: Path, small_disk: Path) -> None:
    make_bundle(tmp_path / "models")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_500_000))  # making the tables takes two and a half megabytes for a moment
    with serving(tmp_path, STORE_URL=f"sqlite:///{small_disk / 'store.sqlite'}") as service:
        # readiness asks with a write of one page, for which there may still be room
        either: tuple[list[str], ...] = (["store"], [])
        fill = partial(_fill, ballast)
        _runs_full_and_recovers(service, take_the_rest=fill, give_room=ballast.unlink, degraded=either)


def test_w3_disk_without_room_for_the_tables_degrades_and_says_so(tmp_path: Path, small_disk: Path) -> None:
    make_bundle(tmp_path / "models")
    (small_disk / "ballast").write_bytes(bytes(3_500_000))
    with serving(tmp_path, STORE_URL=f"sqlite:///{small_disk / 'store.sqlite'}") as service:
        with service.holds(PROBLEMS, code="storage-unavailable"):
            assert service.http.get("/health/ready").json()["degraded"] == ["store"]
            assert service.write("1", "m0", key="k").status_code == 503
        assert ["no room" in line["cause"] for line in service.log() if "cause" in line] == [True]


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as ballast:
        while ballast.write(bytes(4096)):
            pass


def test_w4_lock_of_another_process_refuses_writes_and_starves_nobody(service: Service) -> None:
    assert service.write("1", "m0", key="before").status_code == 200
    other = sqlite3.connect(service.folder / "store.sqlite", isolation_level=None)
    with closing(other), ThreadPoolExecutor(6) as callers, service.holds(PROBLEMS):
        other.execute("BEGIN IMMEDIATE")
        until, refused, read = time.monotonic() + LOCKED_SECONDS, 0, 0
        while time.monotonic() < until:
            writes = [
                callers.submit(service.write, "2", "m3", key=f"during-{n}") for n in range(6)
            ]  # a retry each turn
            while not all(write.done() for write in writes):
                assert service.ask()["history_used"] == 3
                assert service.http.get("/items/m0").status_code == 200
                read += 1
            for write in writes:
                reply = write.result()
                assert reply.status_code in {503, 504}, reply.text  # 504: it waited behind another one's timeout
                assert reply.json()["code"] in {"storage-unavailable", "overloaded", "deadline"}
                refused += 1
        assert read > refused > 0
        other.execute("ROLLBACK")
        assert service.write("3", "m3", key="after").json()["stored"] == 1
        again = [service.write("2", "m3", key=f"during-{n}") for n in range(6)]
        assert sum(reply.json()["stored"] for reply in again) <= 1 and _history(service, "2") == 1


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)


def _torn(path: Path) -> None:
    """A database of ours, its first page whole and those behind it gone over."""
    open_store(f"sqlite:///{path}").close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(bytes(content))


def _at_version(path: Path, version: int, *, said: int | None = None) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA application_id = {APPLICATION_ID};" + "".join(MIGRATIONS[:version]))
        db.execute("INSERT INTO history VALUES ('old', 'm0', 1, 1)")
        db.execute(f"PRAGMA user_version = {said or version}")
        db.commit()


def _theirs(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (x)")
        db.commit()


UNUSABLE = {
    "garbage": _garbage,
    "torn": _torn,
    "folder": Path.mkdir,
    "theirs": _theirs,
    "newer": lambda path: _at_version(path, 1, said=len(MIGRATIONS) + 1),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_w5_store_that_cannot_be_used_is_said_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    make_bundle(tmp_path / "models")
    path = tmp_path / "store.sqlite"
    UNUSABLE[kind](path)
    before = None if path.is_dir() else path.read_bytes()
    with serving(tmp_path) as service:
        with service.holds(PROBLEMS, code="storage-unavailable"):
            assert service.http.get("/health/ready").json()["degraded"] == ["store"]
            reply = service.write("1", "m0", key="k")
            assert (reply.status_code, reply.json()["code"]) == (503, "storage-unavailable")
        warnings = [line for line in service.log() if "store" in line["event"] and line["level"] == "warning"]
        assert len(warnings) == 1
        if kind == "newer":
            assert f"version {len(MIGRATIONS) + 1}" in warnings[0]["cause"]
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_w5_store_of_an_older_schema_is_brought_up_and_keeps_its_histories(tmp_path: Path, version: int) -> None:
    make_bundle(tmp_path / "models")
    _at_version(tmp_path / "store.sqlite", version)
    with serving(tmp_path) as service, service.holds("prismrec_requests_total", route="/users/{user_id}"):
        assert _history(service, "old") == 1
        assert service.write("old", "m3", key="k").status_code == 200
        assert _history(service, "old") == 2
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_w5_missing_store_is_made_and_one_in_a_missing_folder_is_a_typo(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    folder = tmp_path / "there"
    url = f"sqlite:///{folder / 'store.sqlite'}"
    with pytest.raises(AssertionError), serving(tmp_path, STORE_URL=url):
        pass
    assert not folder.exists()
    folder.mkdir()
    counted = {"route": "/users/{user_id}/interactions", "status": "200"}
    with serving(tmp_path, STORE_URL=url) as service, service.holds("prismrec_requests_total", by=1, **counted):
        assert service.write("1", "m0", key="k").status_code == 200
    assert (folder / "store.sqlite").exists()


def test_w8_one_bad_row_of_500_stores_nothing(service: Service) -> None:
    rows = [{"item_id": f"m{i % 50}", "timestamp": i} for i in range(500)]
    headers = {"Idempotency-Key": "k"}
    with service.holds(PROBLEMS, by=2, code="invalid-request"):
        for place, bad in ((499, {"item_id": ""}), (250, {"item_id": "m1", "timestamp": "now"})):
            spoilt = [*rows[:place], bad, *rows[place + 1 :]]
            reply = service.post("/users/1/interactions", {"interactions": spoilt}, **headers)
            assert reply.status_code == 422
            assert _history(service, "1") is None
    assert service.post("/users/1/interactions", {"interactions": rows}, **headers).json()["stored"] == 50
