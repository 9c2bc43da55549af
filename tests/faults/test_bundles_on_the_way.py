"""B7, B10, B13, B14 and B15 on the real process: bundles that arrive slowly, at once, in a kill, late, or go back."""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from bundle.reader import read_bundle
from tests.builders import damage, make_bundle
from tests.faults.serving import PROBLEMS, REFUSALS, SWAPS, Service, serving, two_versions, wait_until
from tests.faults.slow_loading import BEGINS, ENDS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

KILLS = max(3, int(os.environ.get("KILLS", "10")) // 3)
COPY_SECONDS, PIECES = 2.0, 60
COPY_POLL = 0.25
SLOW = ("tests.faults.slow_loading", "1.0")
FALLBACK = "prismrec_bundle_fallback"


@pytest.fixture
def rng() -> random.Random:
    seed = int(os.environ.get("SEED", time.time_ns() % 10**6))
    print(f"SEED={seed}")
    return random.Random(seed)


def copy_slowly(whole: Path, target: Path, names: list[str], still: Callable[[], None]) -> None:
    """File by file, piece by piece, as a copy over a slow line does; `still` is called before the last piece."""
    total = sum((whole / name).stat().st_size for name in names)
    size = -(-total // PIECES)
    target.mkdir()
    for name in names:
        content = (whole / name).read_bytes()
        with (target / name).open("wb", buffering=0) as copy:
            for start in range(0, len(content), size):
                if name == names[-1] and start + size >= len(content):
                    still()
                time.sleep(COPY_SECONDS / PIECES)
                copy.write(content[start : start + size])


@pytest.mark.parametrize("order", ["manifest-first", "manifest-last", "any"])
def test_b7_copy_in_progress_is_not_loaded_and_told_of_once(tmp_path: Path, order: str, rng: random.Random) -> None:
    _, whole = two_versions(tmp_path)
    names = sorted(path.name for path in whole.iterdir())
    rng.shuffle(names)
    if order != "any":
        names.sort(key=lambda name: (name == "manifest.json") != (order == "manifest-first"))
    with serving(tmp_path, POLL_SECONDS=str(COPY_POLL)) as service:
        old = service.ask()["bundle_id"]
        swaps = service.counted(SWAPS)

        def still_old() -> None:
            assert service.ask()["bundle_id"] == old
            assert service.counted(SWAPS) == swaps

        with service.holds(REFUSALS):
            service.point("2")
            copy_slowly(whole, service.models / "demo" / "2", names, still_old)
            wait_until(lambda: service.serving()["version"] == "2", "the whole copy is taken")
        told = [line for line in service.log("bundle") if line["outcome"] == "failed"]
        assert 1 <= len(told) <= 4, told  # one for each kind of trouble on the way, however long it takes
        assert service.counted(REFUSALS) == len(told)


def test_b10_reloads_at_once_make_one_load_at_a_time(tmp_path: Path) -> None:
    _, whole = two_versions(tmp_path)
    with serving(tmp_path, command=SLOW, POLL_SECONDS="0.1") as service, ThreadPoolExecutor(8) as callers:
        with service.holds(SWAPS):
            loads = len(service.log(BEGINS))
            service.put(whole)  # the watcher loads it while it is asked for
            asked = [callers.submit(service.post, "/bundles/reload", {"version": v}) for v in ("2", "2", "2", "1") * 2]
            replies = [one.result() for one in asked]
            assert {reply.status_code for reply in replies} <= {200, 409}
            assert any(reply.status_code == 200 for reply in replies)
            assert all(r.json()["code"] == "conflict" for r in replies if r.status_code == 409)
            wait_until(lambda: service.log()[-1]["event"] != BEGINS, "no load is left")
        events = [line["event"] for line in service.log() if line["event"] in {BEGINS, ENDS}]
        assert all(one != other for one, other in pairwise(events)), "two loads at once"
        assert 1 <= events.count(BEGINS) - loads < len(replies), "each caller had a load of its own"


def test_b13_kill_in_a_load_or_swap_leaves_a_whole_bundle(tmp_path: Path, rng: random.Random) -> None:
    """The pointer goes to and fro until the kill; the next process serves what the pointer names, and it is whole."""
    first, whole = two_versions(tmp_path)
    shutil.copytree(whole, tmp_path / "models" / "demo" / "2")
    ids = {"1": read_bundle(first).bundle_id, "2": read_bundle(whole).bundle_id}
    swapped = 0.0
    for _ in range(KILLS):
        with serving(tmp_path, POLL_SECONDS="0.01") as service:
            pointed = (tmp_path / "models" / "demo" / "current").read_text().strip()
            assert service.serving()["bundle_id"] == ids[pointed]
            service.check_alive()
            stop = threading.Event()
            flipping = threading.Thread(target=_flip, args=(service, stop))
            flipping.start()
            try:
                wait_until(lambda service=service: service.counted(SWAPS) > 1, "swaps")  # type: ignore[misc]
                time.sleep(rng.uniform(0.0, 0.3))
                swapped += service.counted(SWAPS)
                service.kill()
            finally:
                stop.set()
                flipping.join()
    assert swapped > 2 * KILLS - 1, "control: swaps were under way"
    with serving(tmp_path) as service, service.holds(SWAPS, by=1):
        service.point("1" if service.serving()["version"] == "2" else "2")
        wait_until(lambda: service.counted(SWAPS) == 2, "a swap after the kills")


def _flip(service: Service, stop: threading.Event) -> None:
    version = "1"
    while not stop.wait(0.03):
        version = "2" if version == "1" else "1"
        service.point(version)


@pytest.mark.parametrize("only", [None, "flipped-bit", "missing-manifest", "golden-off"])
def test_b14_without_a_good_bundle_the_process_waits_and_becomes_ready(tmp_path: Path, only: str | None) -> None:
    first, whole = two_versions(tmp_path)
    if only is None:
        shutil.rmtree(first)
        (tmp_path / "models" / "demo" / "current").unlink()
    else:
        damage(first, only)
    with serving(tmp_path, ready=False) as service:
        wait_until(lambda: service.http.get("/health/ready").json()["status"] == "no_bundle", "no_bundle is said")
        assert service.status("/health/live") == 200
        with service.holds(PROBLEMS, code="no-bundle"):
            assert service.status("/health/ready") == 503
            reply = service.post("/recommend", {"history": ["m0"]})
            assert (reply.status_code, reply.json()["code"]) == (503, "no-bundle")
            assert int(reply.headers["retry-after"]) >= 1
            service.put(whole)
            service.wait_ready()  # by itself
        assert service.serving()["version"] == "2"


@pytest.mark.parametrize("wanted", ["flipped-bit", "golden-off", "missing"])
def test_b14_newest_good_version_stands_in_where_that_is_asked_for(tmp_path: Path, wanted: str) -> None:
    """Versions 1 and 2 are good, 3 is damaged, and `current` names it, or what is not there."""
    _, whole = two_versions(tmp_path)
    shutil.copytree(whole, tmp_path / "models" / "demo" / "2")
    damage(make_bundle(tmp_path / "models", version="3", seed=3), "truncated" if wanted == "missing" else wanted)
    if wanted == "missing":
        (tmp_path / "models" / "demo" / "current").write_text("9")
    good = make_bundle(tmp_path / "whole", version="4", seed=4)
    with serving(tmp_path, FALLBACK="newest") as service:
        service.check_alive()
        assert (service.counted(FALLBACK), service.ask()["bundle_id"]) == (1, service.serving()["bundle_id"])
        ready = service.http.get("/health/ready").json()
        assert (ready["degraded"], ready["last_reload"]) == (["bundles"], "failed")
        assert ready["models"][0]["fallback"] is True
        listed = service.http.get("/bundles").json()["models"][0]
        assert (listed["serving"]["version"], listed["fallback"]) == ("2", True)
        (line,) = [line for line in service.log("bundle") if line["outcome"] == "ok"]
        assert (line["version"], line["fallback"], line["level"]) == ("2", True, "warning")
        with service.holds(SWAPS, by=1):
            service.put(good)
            wait_until(lambda: service.serving()["version"] == "4", "the right one takes over by itself")
        assert service.http.get("/health/ready").json()["degraded"] == []
        assert service.counted(FALLBACK) == 0


def test_b15_rollback_answers_with_the_older_bundle_to_the_byte(tmp_path: Path) -> None:
    _, whole = two_versions(tmp_path)
    asked = [
        ("/recommend", {"history": ["m0", "m5"], "explain": True, "n": 5}),
        ("/explain", {"history": ["m0", "m5"], "item_id": "m9"}),
    ]

    def answers(service: Service) -> list[bytes]:
        replies = [service.post(path, body) for path, body in asked]
        assert all(reply.status_code == 200 for reply in replies), replies[-1].text
        return [reply.content for reply in replies]

    with serving(tmp_path) as service:
        with service.holds(SWAPS, by=2):
            before = answers(service)
            service.put(whole)
            wait_until(lambda: service.serving()["version"] == "2", "2 is taken")
            newer = answers(service)
            service.point("1")
            wait_until(lambda: service.serving()["version"] == "1", "rolled back")
            assert answers(service) == before
        assert all(one != other for one, other in zip(before, newer, strict=True)), "control: the bundles differ"
