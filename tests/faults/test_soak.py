"""P4 and its part of P7, in short: does the check of the soak find a leak? The soak itself is `make soak`.

A short run cannot see what the long one sees. Swaps of large bundles move resident memory by tens of MiB to and fro, so
here the bundles are small, swaps and requests come fast, and the growth over the whole run is held to MAX_GROWTH MiB:
ten KiB a request, or a few hundred KiB a swap, are seen. A leak of a hundred bytes a request is for the long form.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tests.faults.served import Weight, served
from tests.faults.soaked import BUNDLES, FILES, HONEST, REPLIES
from tests.faults.soaking import MAX_SLOPE, Plan, Sample, Seen, Verdict, make_models, soak, theil_sen, verdict_of

pytestmark = pytest.mark.timeout(300)

PLAN = Plan(seconds=5.0, warm_up=2.0, rate=120.0, clients=2, swap_every=0.25, sample_every=0.1)
SMALL = {"n_items": 600, "n_latent": 16}
MAX_GROWTH = 4.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_models(tmp_path_factory.mktemp("soak"), **SMALL)


def soaked(folder: Path, variant: str, **settings: str) -> tuple[Seen, Verdict]:
    with served(folder, module="tests.faults.soaked", variant=variant, poll_seconds="0", **settings) as running:
        seen = asyncio.run(soak(running, PLAN, n_items=SMALL["n_items"]))
        running.holds()
    found = verdict_of(seen)
    print(f"{variant}: {sum(seen.requests.values())} requests, {seen.swaps} swaps, {found}")
    return seen, found


@pytest.mark.e2e
def test_p4_short_soak_of_the_service_fails_nothing_and_keeps_nothing(folder: Path) -> None:
    seen, found = soaked(folder, HONEST)
    assert not seen.failed
    assert seen.swaps > 0 and len(seen.requests) == 6
    assert found.fds[1] <= found.fds[0] and found.threads[1] <= found.threads[0]
    assert found.growth < MAX_GROWTH


@pytest.mark.e2e
def test_p7_build_that_keeps_replies_and_files_is_found_out(folder: Path) -> None:
    seen, found = soaked(folder, f"{REPLIES}+{FILES}")
    assert found.growth > MAX_GROWTH
    assert found.fds[1] - found.fds[0] >= seen.swaps > 0
    complaints = found.complaints()
    assert any("memory grows" in words for words in complaints)
    assert any("file descriptors" in words for words in complaints)


@pytest.mark.e2e
def test_p7_build_that_keeps_bundles_is_found_out(folder: Path) -> None:
    _, found = soaked(folder, BUNDLES)
    assert found.growth > MAX_GROWTH
    assert any("memory grows" in words for words in found.complaints())


def seen_of(rss: np.ndarray, *, every: float = 2.0) -> Seen:
    samples = [Sample(every * i, Weight(float(one), 20, 8)) for i, one in enumerate(rss)]
    return Seen(samples=samples, quiet=[Weight(1.0, 20, 8)] * 2)


def test_slope_of_a_slow_leak_among_peaks_is_found_and_of_none_is_not() -> None:
    rng, at = np.random.default_rng(3), np.arange(0.0, 1800.0, 2.0)
    peaks = 400 + rng.normal(0, 3, len(at)) + 80 * (rng.random(len(at)) < 0.1)
    flat, leaking = verdict_of(seen_of(peaks)), verdict_of(seen_of(peaks + at * 2 / 600))
    assert not flat.complaints() and abs(flat.slope) < MAX_SLOPE
    assert leaking.low < 2 < leaking.high
    assert [words for words in leaking.complaints() if "memory grows" in words]


def test_theil_sen_is_the_median_of_pairs() -> None:
    at = np.array([0.0, 1.0, 2.0, 3.0])
    slope, low, high = theil_sen(at, np.array([0.0, 1.0, 2.0, 30.0]))
    assert slope == np.median([1, 1, 10, 1, 14.5, 28])
    assert low <= slope <= high


def test_more_files_or_threads_are_complained_about() -> None:
    found = Verdict(slope=0, low=0, high=0, growth=0, fds=(20, 21), threads=(8, 9))
    assert len(found.complaints()) == 2
