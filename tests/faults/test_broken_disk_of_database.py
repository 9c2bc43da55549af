"""W3 with PostgreSQL: the n-th write or sync fails in the server's process that works for us, for n = 1, 2, ...

Where a table finds no room the server says so; where its log cannot be written it gives up, and starts again.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from tests.builders import make_bundle
from tests.cluster import Cluster
from tests.faults.careless import EARLY
from tests.faults.injecting import failing, skip_without_strace
from tests.faults.serving import PROBLEMS, Service, serving, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ITEMS = tuple(f"m{i}" for i in range(50))
CALLS = ("pwrite64", "fdatasync", "fallocate")
MOST = 100
TURNS = ("growing", "grown")
"""The tables find room first, as a new one does, and then have it."""


@pytest.fixture(autouse=True)
def _strace() -> None:
    skip_without_strace()


def _backends(cluster: Cluster, service: Service) -> list[int]:
    """The server's processes that hold a connection of the service."""
    name = service.settings["PRISMREC_STORE_URL"].partition("@/")[2].partition("?")[0]
    return [pid for (pid,) in cluster.execute(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")]


def _fail_nth(service: Service, pids: list[int], user: str, fault: tuple[str, str, int]) -> int | None:
    """The status of a write whose n-th call fails, None where it has no n-th one; half a write is never there."""
    error, call, n = fault
    with failing(pids, error, when=str(n), calls=[call]) as broken:
        status = service.write(user, *ITEMS, key=user).status_code
        service.ask()  # lists go on
    assert status in ({503, 507} if broken.calls else {200})
    wait_until(lambda: service.status(f"/users/{user}") in {200, 404}, "it is read again")
    found = service.http.get(f"/users/{user}").json().get("n_items", 0)
    # a log that was written and not synced may be found again after the crash: then the same key gets that answer
    assert found in ({0, len(ITEMS)} if broken.calls else {len(ITEMS)})
    wait_until(lambda: service.write(user, *ITEMS, key=user).status_code == 200, "it is written again, by the same key")
    assert service.http.get(f"/users/{user}").json()["n_items"] == len(ITEMS)
    return status if broken.calls else None


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_w3_nth_operation_of_the_databases_disk_fails_and_nothing_acknowledged_is_lost(
    tmp_path: Path, cluster: Cluster, error: str
) -> None:
    make_bundle(tmp_path / "models")
    seen: Counter[tuple[str, int]] = Counter()
    with serving(tmp_path, STORE_URL=cluster.fresh_database()) as service, service.holds(PROBLEMS):
        for turn, call in product(TURNS, CALLS):
            for n in range(1, MOST):
                status = _fail_nth(service, _backends(cluster, service), f"{turn}-{call}-{n}", (error, call, n))
                if status is None:
                    break
                seen[call, status] += 1
        wait_until(lambda: service.http.get("/health/ready").json()["degraded"] == [], "the store is whole again")
    print(error, dict(seen))
    assert {call for call, _ in seen} >= {"pwrite64", "fdatasync"}, "the harness reaches writes and syncs"
    assert any(status == 507 for _, status in seen) == (error == "ENOSPC")


def test_w3_control_write_acknowledged_before_the_database_took_it_is_found_out(
    tmp_path: Path, cluster: Cluster
) -> None:
    make_bundle(tmp_path / "models")
    careless = ("tests.faults.careless", EARLY)
    url = cluster.fresh_database()
    with (
        serving(tmp_path, command=careless, STORE_URL=url) as service,
        pytest.raises(AssertionError, match="assert 200"),
    ):
        _fail_nth(service, _backends(cluster, service), "u", ("EIO", "fdatasync", 1))
