"""W3: the n-th write or sync of the store's files fails, for n = 1, 2, ... until none is left, on the real process."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.builders import make_bundle
from tests.faults.careless import EARLY
from tests.faults.injecting import SYNCS, WRITES, failing, skip_without_strace
from tests.faults.serving import PROBLEMS, Service, serving, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ITEMS = tuple(f"m{i}" for i in range(50))
REFUSED = {"EIO": (503, "storage-unavailable"), "ENOSPC": (507, "storage-full")}
MOST = 200
"""More operations than any write has: the loop ends before, when nothing was left to fail."""


@pytest.fixture(autouse=True)
def _strace() -> None:
    skip_without_strace()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    make_bundle(tmp_path / "models")
    with serving(tmp_path) as service:
        yield service


@dataclass
class Tried:
    """What came of an operation whose n-th call failed, over all n. complaints: what must not be."""

    failed: list[str] = field(default_factory=list)
    refused: int = 0
    kept: dict[str, int | None] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def expect(self, user: str, items: int | None, service: Service, why: str) -> None:
        self.kept[user] = items
        if _history(service, user) != items:
            self.complaints.append(f"{user}: {why}, and {_history(service, user)} items are there")


def _history(service: Service, user: str) -> int | None:
    reply = service.http.get(f"/users/{user}")
    return reply.json()["n_items"] if reply.status_code == 200 else None


def _degraded(service: Service) -> list[str]:
    found: list[str] = service.http.get("/health/ready").json()["degraded"]
    return found


def _files(service: Service) -> list[Path]:
    return [service.folder / f"store.sqlite{suffix}" for suffix in ("", "-wal", "-shm")]


def _write(service: Service, user: str) -> tuple[int, str]:
    reply = service.write(user, *ITEMS, key=user)
    return reply.status_code, reply.json().get("code", "")


def _erase(service: Service, user: str) -> tuple[int, str]:
    reply = service.http.delete(f"/users/{user}")
    return reply.status_code, reply.json().get("code", "")


OPERATIONS = {"write": (_write, None, len(ITEMS)), "erase": (_erase, len(ITEMS), None)}
"""Each with what is there before and after it."""


def _fail_each(service: Service, error: str, kind: str) -> Tried:
    tried = Tried()
    for call in WRITES:
        _fail_each_call(service, tried, (error, kind, call))
    return tried


def _fail_each_call(service: Service, tried: Tried, what: tuple[str, str, str]) -> None:
    error, kind, call = what
    operation, before, after = OPERATIONS[kind]
    for n in range(1, MOST):
        user = f"{kind}-{call}-{n}"
        if before is not None:
            assert _write(service, user) == (200, "")
        with failing([service.process.pid], error, when=str(n), paths=_files(service), calls=[call]) as broken:
            status, code = operation(service, user)
            service.ask()  # lists go on
        tried.failed += broken.calls
        if not broken.calls:
            assert status == 200
            tried.expect(user, after, service, "nothing failed")
            return
        if status == 200:
            tried.expect(user, after, service, f"acknowledged with a failing {broken.calls}")
            continue
        tried.refused += 1
        if (status, code) != REFUSED["EIO" if call in SYNCS else error]:  # the engine does not ask why a sync failed
            tried.complaints.append(f"{status} {code} for {error}")
        tried.expect(user, before, service, "refused")
        assert operation(service, user) == (200, ""), "the same again, without a restart"
        tried.expect(user, after, service, "done again")
    raise AssertionError("there is no end of operations")


@pytest.mark.parametrize(("error", "kind"), [("EIO", "write"), ("EIO", "erase"), ("ENOSPC", "write")])
def test_w3_nth_operation_of_the_disk_fails_and_nothing_acknowledged_is_lost(
    service: Service, error: str, kind: str
) -> None:
    assert _write(service, "kept") == (200, "")
    with service.holds(PROBLEMS, code=REFUSED[error][1]):
        tried = _fail_each(service, error, kind)
    print(f"{error} in {kind}: {Counter(tried.failed)}, {tried.refused} refused")
    assert not tried.complaints
    assert "pwrite64" in tried.failed and SYNCS & set(tried.failed), "the harness reaches writes and syncs"
    assert tried.refused >= 5
    wait_until(lambda: _degraded(service) == [], "the store is whole")
    service.kill()
    with closing(sqlite3.connect(service.folder / "store.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = dict(db.execute("SELECT user_id, count(*) FROM history GROUP BY user_id"))
    assert found == {user: items for user, items in {**tried.kept, "kept": len(ITEMS)}.items() if items}


def test_w3_control_write_acknowledged_before_the_disk_took_it_is_found_out(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with serving(tmp_path, command=("tests.faults.careless", EARLY)) as service:
        assert any("acknowledged" in words for words in _fail_each(service, "EIO", "write").complaints)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_w3_disk_that_fails_for_a_while_is_said_and_recovers_without_a_restart(service: Service, error: str) -> None:
    assert _write(service, "kept") == (200, "")
    with service.holds(PROBLEMS, code=REFUSED[error][1]):
        with failing([service.process.pid], error, when="1+", paths=_files(service)) as broken:
            assert {_write(service, "u") for _ in range(3)} == {REFUSED[error]}
            assert _history(service, "u") is None and _history(service, "kept") == len(ITEMS)
            wait_until(lambda: _degraded(service) == ["store"], "degraded")
            assert service.status("/health/ready") == 200
            service.ask()
        assert len(broken.calls) >= 3
    wait_until(lambda: _degraded(service) == [], "the store is whole again")
    assert _write(service, "u") == (200, "")
    assert _history(service, "u") == len(ITEMS)
