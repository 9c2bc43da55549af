"""W1: kill -9 while clients write. No acknowledged write is lost, none is there twice; each engine, and two controls.

KILLS in the environment says how often (10 unless told, `make faults`: 100); SEED makes the moments come again.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.faults.killing import ASYNCHRONOUS, EARLY, HONEST, Ledger

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("KILLS", "10"))
CLIENTS = 4
START_SECONDS = 10.0


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    print(f"SEED={seed}")
    return random.Random(seed)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.fresh_database()


def _killed_once(url: str, variant: str, ledger: Ledger, moment: float, kill: Callable[[], None] | None = None) -> None:
    """Clients write; `moment` seconds after the first answer their process is killed, and `kill` strikes before."""
    firsts = ",".join(map(str, ledger.following))
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.killing", url, variant, firsts], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        first = child.stdout.readline()
        assert first, "the writing process broke"
        assert time.monotonic() - started < START_SECONDS
        time.sleep(moment)
        if kill is not None:
            kill()
    finally:
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()  # what was said before the kill counts
        child.stdout.close()
        child.wait()
    ledger.acknowledged([first, *rest.split("\n")[:-1]])


def test_w1_killed_process_loses_nothing_that_was_acknowledged(url: str, rng: random.Random) -> None:
    ledger = Ledger.of(CLIENTS)
    for _ in range(KILLS):
        _killed_once(url, HONEST, ledger, rng.uniform(0.0, 0.4))
        ledger.check(url)
        assert (ledger.lost, ledger.changed) == (0, 0)
    ledger.check_histories(url)
    assert sum(ledger.following) > 5 * KILLS, "positive control: there was something to lose"


def test_killed_process_that_answers_before_it_commits_is_found_out(url: str, rng: random.Random) -> None:
    ledger = Ledger.of(CLIENTS)
    for _ in range(3):
        _killed_once(url, EARLY, ledger, rng.uniform(0.1, 0.3))
        ledger.check(url)
    assert ledger.lost > 0


@pytest.fixture
def crashing(cluster: Cluster) -> Iterator[Callable[[], None]]:
    """Kills every process of the server at once, as a crash of it does; it runs again afterwards."""

    def crash() -> None:
        cluster.stop("immediate")

    yield crash
    if not cluster.runs:
        cluster.start()


def test_crashed_database_loses_nothing_that_was_acknowledged(
    cluster: Cluster, crashing: Callable[[], None], rng: random.Random
) -> None:
    """The clients outlive it here: they go on with the same key when it is back, and it is done once."""
    url = cluster.fresh_database()
    ledger = Ledger.of(CLIENTS)

    def crash_and_return() -> None:
        crashing()
        cluster.start()
        time.sleep(rng.uniform(0.5, 1.5))

    for _ in range(max(2, KILLS // 5)):
        _killed_once(url, HONEST, ledger, rng.uniform(0.0, 0.4), crash_and_return)
        ledger.check(url)
        assert (ledger.lost, ledger.changed) == (0, 0)
    ledger.check_histories(url)


def test_crashed_database_that_answers_before_it_is_on_disk_is_found_out(
    cluster: Cluster, crashing: Callable[[], None], rng: random.Random
) -> None:
    """synchronous_commit = off, which the store overrules: here it is kept from that."""
    url = cluster.fresh_database()
    name = url.partition("?")[0].rpartition("/")[2]
    Ledger.of(1).check(url)  # makes the tables, so that they are not what is lost
    ledger = Ledger([1], [1])
    cluster.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    cluster.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
    cluster.execute("SELECT pg_reload_conf()")
    try:
        _killed_once(url, ASYNCHRONOUS, ledger, rng.uniform(0.1, 0.3), crashing)
        cluster.start()
        ledger.check(url)
        assert ledger.lost > 0
    finally:
        cluster.execute("ALTER SYSTEM RESET wal_writer_delay")
        cluster.execute("SELECT pg_reload_conf()")
