"""B9 and B15 on the real process: bundles swapped and rolled back under load; the long form is `make swaps`."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from service.bundles.split import Split, parse_split
from tests.builders import make_bundle
from tests.faults.swapping import (
    HISTORY,
    HONEST,
    MIXING,
    STEADY,
    SWAPPED,
    USERS,
    Seen,
    Truth,
    ask_meanwhile,
    truth_of,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

SWAPS = int(os.environ.get("SWAPS", "16"))
CLIENTS = 32
READY_SECONDS = 30.0
SPLIT = f"{SWAPPED}:0.5,{STEADY}:0.5"


@contextmanager
def served(folder: Path, variant: str) -> Iterator[str]:
    """The address of a process that serves both models."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PRISMREC_")}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    settings = {
        "PRISMREC_MODELS": str(folder / "models"),
        "PRISMREC_SERVE": f"{SWAPPED},{STEADY}",
        "PRISMREC_SPLIT": SPLIT,
        "PRISMREC_STORE_URL": f"sqlite:///{folder / 'store.sqlite'}",
        "PRISMREC_POLL_SECONDS": "0.05",
        "PRISMREC_LOG_LEVEL": "error",
        "PRISMREC_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "tests.faults.swapping", variant], env=kept | settings)
    base, until = f"http://127.0.0.1:{port}", time.monotonic() + READY_SECONDS
    try:
        while not _ready(base):
            assert process.poll() is None and time.monotonic() < until, "not ready"
            time.sleep(0.05)
        yield base
    finally:
        process.kill()
        process.wait()


def _ready(base: str) -> bool:
    try:
        reply = httpx.get(f"{base}/health/ready", timeout=1)
    except httpx.TransportError:
        return False
    return reply.status_code == 200 and reply.json()["degraded"] == []


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    models = tmp_path / "models"
    bundles = [make_bundle(models, name=SWAPPED, version=version, seed=int(version)) for version in ("1", "2")]
    return truth_of(tmp_path, [*bundles, make_bundle(models, name=STEADY, seed=5)])


def swapped(folder: Path, truth: Truth, variant: str, *, swaps: int) -> tuple[Seen, str]:
    """What clients saw of such a process, and its metrics afterwards."""
    with served(folder, variant) as base:
        for place, user in enumerate(USERS):
            body = {"interactions": [{"item_id": item} for item in HISTORY[: place + 1]]}
            key = {"Idempotency-Key": f"of-{user}"}
            assert httpx.post(f"{base}/users/{user}/interactions", json=body, headers=key).status_code == 200
        seen = asyncio.run(ask_meanwhile(base, folder / "models", truth, swaps=swaps, clients=CLIENTS))
        assert httpx.get(f"{base}/health/live").status_code == 200
        return seen, httpx.get(f"{base}/metrics").text


def test_b9_swaps_under_load_fail_nothing_and_every_reply_is_of_its_bundle(tmp_path: Path, truth: Truth) -> None:
    seen, metrics = swapped(tmp_path, truth, HONEST, swaps=SWAPS)
    print(f"{SWAPS} swaps, {CLIENTS} clients, {sum(seen.by_bundle.values())} replies: {dict(seen.by_bundle)}")
    assert not seen.failed
    assert not seen.mixed
    assert set(seen.by_bundle) == {bundle for bundle, _ in truth}  # the one before, the one after, the steady one
    for model, swaps in ((SWAPPED, SWAPS), (STEADY, 0)):  # each swap loaded once, and once at the start
        assert f'prismrec_bundle_reloads_total{{model="{model}"}} {swaps + 1}.0' in metrics
    split = Split(parse_split(SPLIT))
    assert seen.arms == {user: {split.arm_of(user)} for user in USERS}


def test_b9_slot_that_takes_the_reference_twice_is_found_out(tmp_path: Path, truth: Truth) -> None:
    seen, _ = swapped(tmp_path, truth, MIXING, swaps=10)
    print(f"{len(seen.mixed)} of {sum(seen.by_bundle.values())} replies were of no bundle")
    assert seen.mixed  # the control: half a bundle is seen where there is one


def test_replies_of_the_bundles_differ_in_every_question(truth: Truth) -> None:
    for which in {question for _, question in truth}:
        replies = [
            {name: part for name, part in reply.items() if name not in {"bundle_id", "model"}}
            for (_, question), reply in truth.items()
            if question == which
        ]
        assert all(one != other for i, one in enumerate(replies) for other in replies[:i])
