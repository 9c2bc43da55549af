"""The PostgreSQL engine when the database is away, frozen, locked or lost: refused in time, told to nobody, mended."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from service.errors import StorageUnavailableError
from service.limits import LIMITS
from service.store import open_or_degrade, open_store
from service.store.postgres import PostgresStore
from service.store.postgres_pool import TIMING
from tests.builders import make_bundle
from tests.cluster import LOCKED, Cluster
from tests.faults.serving import serving
from tests.service.store_contract import NOW, write
from tests.service.test_store_watch import BACK, ENDED
from tests.stolen import stolen

MENDED_SECONDS = 60.0
"""How long a repair is waited for: for a machine that is busy; nothing here measures it."""

SECRET = "s3cret-word"
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    yield cluster.fresh_database()
    if not cluster.runs:
        cluster.start()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What reaches the root logger, and so the service's log. (caplog also hears loggers that do not propagate.)"""
    lines: list[str] = []
    listening = logging.Handler(logging.WARNING)
    listening.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger().addHandler(listening)
    yield lines
    logging.getLogger().removeHandler(listening)


def _refused_in_time(call: Callable[[], object], *, within: float = LIMITS.deadline_seconds) -> StorageUnavailableError:
    """What the call raises, in less than the deadline of a request, beside what a busy machine takes of it."""
    with stolen() as others, pytest.raises(StorageUnavailableError) as caught:
        started = time.monotonic()
        try:
            call()
        finally:
            took = time.monotonic() - started
    assert took < within + others.seconds
    return caught.value


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + MENDED_SECONDS
    while not holds():
        assert time.monotonic() < until, f"not mended within {MENDED_SECONDS} s"
        time.sleep(0.05)


def test_call_that_takes_longer_than_it_may_is_found_out() -> None:
    """The control of every `_refused_in_time`."""

    def slow() -> None:
        time.sleep(1.0)
        raise StorageUnavailableError("late")

    with pytest.raises(AssertionError):
        _refused_in_time(slow, within=0.1)


def test_start_without_the_database_is_refused_at_once_and_mended_without_a_restart(cluster: Cluster, url: str) -> None:
    cluster.stop()
    with pytest.raises(StorageUnavailableError):
        open_store(url)
    store = open_or_degrade(url, clock=lambda: NOW)
    assert isinstance(store, PostgresStore)
    assert store.cause is not None
    assert "nobody listens there" in store.cause.detail
    assert not store.ping()
    _refused_in_time(lambda: store.append(write("1", "a")))
    cluster.start()
    _until(store.ping)
    assert store.cause is None
    assert store.append(write("1", "a")).stored == 1
    store.close()


def test_database_that_goes_and_comes_back_is_used_again(cluster: Cluster, url: str) -> None:
    store = open_or_degrade(url, clock=lambda: NOW)
    store.append(write("1", "a", key="one"))
    cluster.stop()
    for _ in range(3):
        _refused_in_time(lambda: store.history("1"))
    _refused_in_time(lambda: store.append(write("1", "b", key="two")))
    assert not store.ping()
    time.sleep(2 * TIMING.retry)  # the pool has given up meanwhile
    cluster.start()
    _until(store.ping)
    assert store.history("1") == ("a",)
    assert store.append(write("1", "b", key="two")).stored == 1
    store.close()


def test_restarted_database_costs_no_request_its_answer(cluster: Cluster, url: str) -> None:
    store = PostgresStore(url, clock=lambda: NOW)
    store.append(write("1", "a", key="one"))
    cluster.stop()
    cluster.start()
    assert store.append(write("1", "b", key="two")).stored == 1, "a connection that the server closed is not handed out"
    store.close()


def test_frozen_server_costs_a_call_less_than_its_deadline(url: str) -> None:
    store = PostgresStore(url, clock=lambda: NOW)
    store.append(write("1", "a"))
    backends = [pid for (pid,) in store._read(_BACKENDS, ())]
    for pid in backends:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert "no answer in time" in _refused_in_time(lambda: store.history("1")).detail
        for _ in backends[1:]:  # the pool may have opened another meanwhile, which answers
            with contextlib.suppress(StorageUnavailableError):
                store.history("1")
        assert store.history("1") == ("a",), "a connection that hung is not used again"
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
        store.close()


def test_tables_that_are_lost_are_made_anew(url: str) -> None:
    store = open_or_degrade(url, clock=lambda: NOW)
    store.append(write("1", "a"))
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("DROP SCHEMA prismrec CASCADE")
    _refused_in_time(lambda: store.history("1"))
    _until(store.ping)
    assert store.history("1") is None
    assert store.append(write("1", "a")).stored == 1
    store.close()


@pytest.mark.parametrize("why", ["sign-in", "database", "host", "port"])
def test_refusal_tells_the_kind_and_neither_host_nor_user_nor_password(
    cluster: Cluster, logged: list[str], why: str
) -> None:
    cluster.execute(f"DROP ROLE IF EXISTS {LOCKED}")
    cluster.execute(f"CREATE ROLE {LOCKED} LOGIN PASSWORD 'another'")
    bad, said = {
        "sign-in": (f"postgresql://{LOCKED}:{SECRET}@/postgres?host={cluster.folder}", "sign-in was refused"),
        "database": (f"postgresql://postgres:{SECRET}@/nowhere?host={cluster.folder}", "no such database"),
        "host": (f"postgresql://someone:{SECRET}@host.invalid/nowhere", "host's name is not known"),
        "port": (f"postgresql://someone:{SECRET}@127.0.0.1:1/nowhere", "nobody listens there"),
    }[why]
    with pytest.raises(StorageUnavailableError) as caught:
        open_store(bad)
    store = open_or_degrade(bad)
    assert store.cause is not None
    store.close()
    assert said in caught.value.detail
    told = f"{caught.value.detail} {caught.value.hint} {store.cause.detail} {logged} {store!r}"
    for part in (SECRET, LOCKED, "someone", "nowhere", "host.invalid", "127.0.0.1", str(cluster.folder)):
        assert part not in told


def test_pool_that_cannot_connect_any_more_writes_nothing_to_the_log(
    cluster: Cluster, url: str, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(url, clock=lambda: NOW)
    cluster.stop()
    assert not store.ping()
    time.sleep(TIMING.retry)
    assert logged == []
    monkeypatch.setattr(logging.getLogger("psycopg"), "propagate", True)
    assert not store.ping()
    _until(lambda: any(str(cluster.folder) in line for line in logged))  # positive control: it would have
    cluster.start()
    store.close()


@pytest.mark.e2e
def test_process_that_starts_before_its_database_becomes_whole_when_it_comes(
    cluster: Cluster, url: str, tmp_path: Path
) -> None:
    make_bundle(tmp_path / "models")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
    with_password = url.replace("postgres@", f"postgres:{SECRET}@")
    settings = {"PRISMREC_MODELS": str(tmp_path / "models"), "PRISMREC_STORE_URL": with_password, "PRISMREC_PORT": "0"}
    cluster.stop()
    errors = tmp_path / "stderr"
    with errors.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "-m", "service"], env=kept | settings, stderr=stream)
    try:
        _until(lambda: b'"listening"' in errors.read_bytes())
        port = next(line["port"] for line in map(json.loads, errors.read_text().splitlines()) if "port" in line)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=MENDED_SECONDS) as client:
            _until(lambda: client.get("/health/ready").status_code == 200)
            assert client.get("/health/ready").json()["degraded"] == ["store"]
            assert client.post("/recommend", json={"history": ["m0"]}).status_code == 200
            assert client.get("/recommend/1").json()["code"] == "storage-unavailable"
            cluster.start()
            _until(lambda: client.get("/health/ready").json()["degraded"] == [])
            body = {"interactions": [{"item_id": "m0"}]}
            sent = client.post("/users/1/interactions", json=body, headers={"Idempotency-Key": "a"})
            assert sent.json()["stored"] == 1
            assert client.get("/recommend/1").json()["history_used"] == 1
            assert client.delete("/users/1").status_code == 200
            assert client.get("/users/1").json()["code"] == "unknown-user"
    finally:
        process.terminate()
        assert process.wait(MENDED_SECONDS) in {0, -signal.SIGTERM}
    told = errors.read_text()
    assert '"cause":"the store\'s database does not answer (nobody listens there)"' in told
    assert not [part for part in (SECRET, str(cluster.folder), "Traceback") if part in told]


@pytest.mark.e2e
def test_outage_under_traffic_leaves_a_line_when_it_begins_and_one_when_it_ends(
    cluster: Cluster, url: str, tmp_path: Path
) -> None:
    make_bundle(tmp_path / "models")
    with_password = url.replace("postgres@", f"postgres:{SECRET}@")
    with serving(tmp_path, STORE_URL=with_password) as service:
        assert service.write("1", "m0", key="a").status_code == 200
        assert service.counted("prismrec_store_up") == 1
        cluster.stop()
        for _ in range(20):
            assert service.http.get("/recommend/1").json()["code"] == "storage-unavailable"
            assert service.status("/health/ready") == 200
        assert service.counted("prismrec_store_up") == 0
        assert [line["level"] for line in service.log(ENDED)] == ["warning"]
        cluster.start()
        _until(lambda: service.http.get("/recommend/1").status_code == 200)
        _until(lambda: service.log(BACK) != [])  # by itself: nobody asks
        assert service.counted("prismrec_store_up") == 1
        assert len(service.log(ENDED)) == len(service.log(BACK)) == 1
        assert service.log(ENDED)[0]["cause"].startswith("the store's database does not answer (")
        assert service.log(BACK)[0]["seconds"] > 0
        told = service.log_path.read_text()
    assert not [part for part in (SECRET, str(cluster.folder), "Traceback") if part in told]
