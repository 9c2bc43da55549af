"""W4: a write whose caller was told 504 is not done behind its back."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from pathlib import Path

import pytest

from service.errors import DeadlineError
from service.lateness import given_up
from service.store import Interaction, Store, Write, open_store
from tests.builders import make_bundle
from tests.cluster import Cluster
from tests.faults.careless import LATE
from tests.faults.serving import PROBLEMS, Service, serving, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WRITERS = 6
"""Two wait for the lock, one after the other; those behind them are told 504 while they wait for their turn."""

TRIES = 5


def _told_504_and_done(service: Service, turn: int) -> tuple[int, int]:
    """Writes while somebody else holds the lock, which goes as soon as all are answered: (told 504, of these done)."""
    users = [f"u{turn}-{n}" for n in range(WRITERS)]
    other = sqlite3.connect(service.folder / "store.sqlite", isolation_level=None)
    with closing(other), ThreadPoolExecutor(WRITERS) as callers:
        other.execute("BEGIN IMMEDIATE")
        replies = list(callers.map(lambda user: service.write(user, "m0", key=user), users))
        other.execute("ROLLBACK")
    assert {reply.status_code for reply in replies} <= {503, 504}
    wait_until(lambda: service.counted("prismrec_workers_busy", pool="storage") == 0, "the writers end")
    late = [user for user, reply in zip(users, replies, strict=True) if reply.status_code == 504]
    return len(late), sum(service.status(f"/users/{user}") == 200 for user in late)


def test_w4_write_that_was_told_504_is_not_done_behind_its_callers_back(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with serving(tmp_path) as service, service.holds(PROBLEMS, code="deadline"):
        late, done = _told_504_and_done(service, 0)
        assert late > 0 and done == 0
        assert service.write("u0-0", "m0", key="u0-0").json()["stored"] == 1


def test_w4_control_writer_that_never_asks_whether_it_is_late_is_found_out(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    with serving(tmp_path, command=("tests.faults.careless", LATE)) as service:
        assert any(_told_504_and_done(service, turn)[1] for turn in range(TRIES))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.fresh_database()
    with closing(open_store(url)) as made:
        yield made


def _append(store: Store, key: str, late: threading.Event) -> None:
    given_up.set(late)
    store.append(Write("1", (Interaction("a", 1),), key))


def test_w4_store_stores_nothing_that_nobody_waits_for(store: Store) -> None:
    late = threading.Event()
    late.set()
    with pytest.raises(DeadlineError):
        copy_context().run(_append, store, "late", late)
    assert store.known("1") is None and store.ping()
    copy_context().run(_append, store, "in time", threading.Event())  # the control
    assert store.history("1") == ("a",)
