"""R15, R16 and their part of P7 on the real process; the long form (OVERLOAD_SECONDS) is `make overload`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx
import pytest

from service.limits import LIMITS
from tests.builders import make_bundle
from tests.faults.hurried import PACED, SLEEPING, UNBOUNDED
from tests.faults.overloading import EXPLAIN, FULL, RECOVERY_SECONDS, burst, capacity, recovery
from tests.faults.served import LATENTS, ML_1M_ITEMS, served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SECONDS = float(os.environ.get("OVERLOAD_SECONDS", "2"))
THREADS = min(LIMITS.concurrency, os.cpu_count() or 1)
ROOM = THREADS + LIMITS.queue
WAITED = 'prismrec_connections_cut_total{reason="waited"}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("overload")
    make_bundle(made / "models", n_items=ML_1M_ITEMS, n_latent=LATENTS, steering=True)
    return made


def test_r15_four_times_capacity_keeps_the_deadline_of_what_is_accepted_and_recovers(folder: Path) -> None:
    with served(folder, module="tests.faults.hurried", variant=PACED) as server:
        calm = recovery(server)
        found = capacity(server, seconds=SECONDS / 6)
        assert ROOM * 7 // 8 - 1 <= found <= ROOM, "clients find the capacity that the limits name"
        seen = asyncio.run(burst(server, clients=4 * found, seconds=SECONDS))
        took = recovery(server)
        print(f"capacity {found}, burst {seen.statuses}, slowest {max(seen.took):.2f} s, recovered in {took:.2f} s")
        assert not seen.complaints()
        assert took <= RECOVERY_SECONDS + calm
        assert server.counter(FULL) + server.counter(WAITED) >= seen.statuses[503]
        server.holds()


def test_real_work_at_four_times_capacity_keeps_its_deadline(folder: Path) -> None:
    with served(folder) as server:
        calm = recovery(server)
        seen = asyncio.run(burst(server, clients=4 * ROOM, seconds=SECONDS))
        took = recovery(server)
        print(f"burst {seen.statuses}, slowest {max(seen.took):.2f} s, recovered in {took:.2f} s, lag {seen.lag:.2f} s")
        assert not seen.complaints()
        assert took <= RECOVERY_SECONDS + calm
        server.holds()


def test_p7_queue_without_a_bound_is_found_out(folder: Path) -> None:
    with served(folder, module="tests.faults.hurried", variant=UNBOUNDED) as server:
        complaints = asyncio.run(burst(server, clients=4 * ROOM, seconds=SECONDS)).complaints()
    assert "none was refused, so nothing bounds the queue" in complaints
    assert any("504" in words or "after the deadline" in words for words in complaints)


def test_r16_engine_that_sleeps_is_answered_504_and_its_full_pool_503(folder: Path) -> None:
    with served(folder, module="tests.faults.hurried", variant=SLEEPING) as server:
        reply = httpx.post(f"{server.base}/explain", json=EXPLAIN, timeout=30)
        assert (reply.status_code, reply.json()["code"]) == (504, "deadline")
        seen = asyncio.run(burst(server, clients=4 * ROOM, seconds=SECONDS))
        assert "no request was answered" in seen.complaints()  # the control: the check of the burst finds it out
        assert set(seen.statuses) <= {503, 504}
        assert seen.statuses[503] and seen.statuses[504]
        assert not seen.unsaid and not seen.broken
        server.holds()  # lists need no worker: a stuck pool does not stop them
