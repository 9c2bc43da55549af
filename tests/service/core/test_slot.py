"""The slot's states, and that a swap under load never shows a mixture."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from threading import Event, Thread

import pytest

from service.bundles.loader import load_bundle
from service.bundles.slot import ReloadReport, Slot
from service.engine import LoadedBundle
from service.errors import NoBundleError
from service.query import Query
from tests.builders import make_bundle

OK = ReloadReport("ok", 0.0)
FAILED = ReloadReport("failed", 1.0, reason="hash", detail="differs")


def test_slot_without_a_bundle_is_loading_then_says_that_there_is_none() -> None:
    slot = Slot()
    assert slot.state == "loading"
    with pytest.raises(NoBundleError, match="being loaded"):
        slot.require()
    slot.fail(FAILED)
    assert (slot.state, slot.last_reload) == ("no_bundle", FAILED)
    with pytest.raises(NoBundleError, match="no good bundle") as caught:
        slot.require()
    assert (caught.value.status, caught.value.retry_after) == (503, 5)
    slot.loading()
    assert slot.state == "loading"


def test_slot_failed_reload_keeps_serving(loaded: LoadedBundle) -> None:
    slot = Slot()
    slot.swap(loaded, OK)
    slot.loading()
    slot.fail(FAILED)
    assert (slot.state, slot.require(), slot.last_reload) == ("serving", loaded, FAILED)


def test_slot_that_keeps_what_it_serves_says_only_what_the_report_says(loaded: LoadedBundle) -> None:
    slot = Slot()
    slot.swap(loaded, FAILED, fallback=True)
    slot.keep(dataclasses.replace(OK, held=True, kept=True))
    now = slot.now
    assert (now.state, now.current, now.fallback, now.held) == ("serving", loaded, False, True)
    slot.swap(loaded, OK)
    assert not slot.now.held


def test_slot_swapped_under_threads_gives_only_whole_bundles(tmp_path: Path) -> None:
    bundles = [
        load_bundle(make_bundle(tmp_path, name="a")),
        load_bundle(make_bundle(tmp_path, name="b", n_items=80, seed=5)),
    ]
    query = Query(history=(0, 3, 6), n=10)
    truth = {b.bundle_id: b.recommend(query).items for b in bundles}
    slot, stop = Slot(bundles[0]), Event()
    wrong: list[str] = []
    answers = [0] * 4

    def ask(worker: int) -> None:
        while not stop.is_set():
            held = slot.require()
            if held.recommend(query).items != truth[held.bundle_id]:
                wrong.append(held.bundle_id)
            answers[worker] += 1

    workers = [Thread(target=ask, args=(w,)) for w in range(4)]
    for worker in workers:
        worker.start()
    for swap in range(200):
        slot.swap(bundles[swap % 2], OK)
        stop.wait(0.001)
    stop.set()
    for worker in workers:
        worker.join()
    assert not wrong
    assert min(answers) > 0
    assert len(set(truth.values())) == 2  # the control: a mixture would have been seen
