"""B12 on the real process: a bundle for which there is no memory is refused before it is loaded, and nobody is killed.

A budget for the process does it anywhere; a memory limit of the kernel does it for real, with the control that shows
what becomes of a process that does not ask.
"""

from __future__ import annotations

import re
import signal
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.builders import make_bundle
from tests.faults.groups import memory_group
from tests.faults.serving import POLL, REFUSALS, SWAPS, Service, serving, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

BUDGET = 200
"""MiB for the process: it holds about 100 with the small bundle. The large one takes about 150; 200 are asked for."""
LIMIT, ROOMY = 140, 500
"""MiB for a control group, in which what is mapped from files (40 MiB of the process) mostly does not count."""
NUMBERS = re.compile(r"about (\d+) MiB of memory, and (\d+) MiB are left of (.+)$")
TRIES = 4


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("large"), version="2", seed=2, n_items=50_000, n_latent=64)


def refusals(service: Service) -> list[dict[str, object]]:
    return [line for line in service.log("bundle") if line["outcome"] == "failed"]


def numbers(line: dict[str, object]) -> tuple[int, int, str]:
    """What a refusal says: MiB that are needed, that are left, and of what."""
    told = NUMBERS.search(str(line["detail"]))
    assert told is not None, line
    return int(told[1]), int(told[2]), told[3]


def most_held(service: Service) -> float:
    """MiB that the process ever held."""
    status = Path(f"/proc/{service.process.pid}/status").read_text("ascii")
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) / 1024


def test_b12_bundle_that_does_not_fit_is_refused_before_it_is_loaded(tmp_path: Path, large: Path) -> None:
    make_bundle(tmp_path / "models", seed=1)
    with serving(tmp_path, MEMORY=str(BUDGET)) as service:
        old = service.ask()["bundle_id"]
        with service.holds(REFUSALS, reason="memory"):
            service.put(large)
            wait_until(lambda: len(refusals(service)) > 0, "refused")
            ready = service.http.get("/health/ready")
            assert (ready.status_code, ready.json()["last_reload"]) == (200, "failed")
            needed, left, bound = numbers(refusals(service)[0])
            assert needed > left > 0
            assert bound == f"PRISMREC_MEMORY={BUDGET}"
            reply = service.post("/bundles/reload", {"version": "2"})
            assert (reply.status_code, reply.json()["code"]) == (507, "no-memory")
            assert NUMBERS.search(reply.json()["detail"]) and reply.json()["hint"]
        assert service.ask()["bundle_id"] == old
        assert (service.counted(SWAPS), most_held(service) < BUDGET) == (1, True)


def test_b12_refused_bundle_is_tried_again_ever_later(tmp_path: Path, large: Path) -> None:
    make_bundle(tmp_path / "models", seed=1)
    with serving(tmp_path, MEMORY=str(BUDGET)) as service, service.holds(REFUSALS, reason="memory"):
        service.put(large)
        wait_until(lambda: len(refusals(service)) >= TRIES, "tried again by itself")
        at = [datetime.fromisoformat(str(line["time"])).timestamp() for line in refusals(service)[:TRIES]]
        waits = [after - before for before, after in pairwise(at)]
        assert all(wait >= POLL * 2**n - 0.01 for n, wait in enumerate(waits)), waits


def test_b12_first_bundle_that_does_not_fit_leaves_a_process_that_says_so(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models", seed=1)
    with serving(tmp_path, ready=False, MEMORY="20") as service:
        wait_until(lambda: service.counted(REFUSALS, reason="memory") > 0, "refused")
        wait_until(lambda: service.http.get("/health/ready").json()["status"] == "no_bundle", "no_bundle is said")
        assert service.status("/health/ready") == 503
        service.check_alive()
        assert numbers(refusals(service)[0])[1:] == (0, "PRISMREC_MEMORY=20")


def test_b12_limit_of_the_kernel_is_seen_and_a_raised_one_is_used(tmp_path: Path, large: Path) -> None:
    make_bundle(tmp_path / "models", seed=1)
    with memory_group(LIMIT) as group:
        with serving(tmp_path, command=("tests.faults.limited", str(group.procs))) as service:
            with service.holds(REFUSALS, reason="memory"):
                service.put(large)
                wait_until(lambda: len(refusals(service)) > 0, "refused")
            assert numbers(refusals(service)[0])[2] == f"a memory limit of {LIMIT} MiB"
            with service.holds(SWAPS, by=1):
                group.set_limit(ROOMY)
                wait_until(lambda: service.counted(SWAPS) == 2, "taken up by itself")
        assert group.kills() == 0


def test_b12_control_who_does_not_ask_is_killed(tmp_path: Path, large: Path) -> None:
    make_bundle(tmp_path / "models", seed=1)
    with memory_group(LIMIT) as group:
        with serving(tmp_path, command=("tests.faults.limited", str(group.procs)), MEMORY="off") as service:
            service.put(large)
            wait_until(lambda: service.process.poll() is not None, "killed")
            assert service.process.poll() == -signal.SIGKILL
        assert group.kills() == 1
