"""New bundles are noticed, bad ones are refused once, two loads never run together."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from threading import Event, Lock, Thread

import pytest

from bundle.writer import point_current
from service.bundles.loader import load_bundle
from service.bundles.shelf import Shelf
from service.bundles.slot import ReloadReport, Slot
from service.bundles.watcher import Watcher
from service.errors import BundleRefusedError, ConflictError, UnknownBundleError
from service.query import Query
from tests.builders import damage, make_bundle


class Counted:
    """A loader that counts, and waits for `gate` when told to."""

    def __init__(self) -> None:
        self.loads = 0
        self.entered, self.gate = Event(), Event()
        self.gate.set()

    def __call__(self, folder: Path):
        self.loads += 1
        self.entered.set()
        assert self.gate.wait(10)
        return load_bundle(folder)


def watching(root: Path, name: str | None = None, **options):
    slot, load = Slot(), Counted()
    return slot, load, Watcher(slot, Shelf(root, name), **{"load": load, "clock": lambda: 7.0, **options})


def version_of(slot: Slot) -> str:
    return slot.require().manifest.version


def test_watcher_empty_folder_then_bundle_becomes_ready_by_itself(tmp_path: Path) -> None:
    slot, _, watcher = watching(tmp_path)
    report = watcher.check()
    assert report is not None
    assert (report.outcome, report.reason, slot.state) == ("failed", "no_bundle", "no_bundle")
    assert watcher.check() is None  # said once, not at each poll
    make_bundle(tmp_path)
    report = watcher.check()
    assert report == ReloadReport("ok", 7.0, "demo", "1", slot.require().bundle_id)
    assert slot.state == "serving"


def test_watcher_unchanged_bundle_is_loaded_once(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    _, load, watcher = watching(tmp_path)
    assert [watcher.check() is None for _ in range(3)] == [False, True, True]
    assert load.loads == 1


def test_watcher_new_version_and_rollback_are_swapped_in(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    slot, _, watcher = watching(tmp_path)
    watcher.check()
    make_bundle(tmp_path, version="2", seed=4)
    watcher.check()
    assert version_of(slot) == "2"
    point_current(tmp_path / "demo", "1")
    watcher.check()
    assert version_of(slot) == "1"


@pytest.mark.parametrize("kind", ["flipped-bit", "truncated", "missing-file", "nan-weights", "golden-off", "loop"])
def test_watcher_bad_bundle_keeps_the_old_one_and_is_not_tried_again(tmp_path: Path, kind: str) -> None:
    make_bundle(tmp_path)
    slot, load, watcher = watching(tmp_path)
    watcher.check()
    before = slot.require()
    damage(make_bundle(tmp_path, version="2", seed=4), kind)
    report = watcher.check()
    assert report is not None
    assert (report.outcome, report.version) == ("failed", "2")
    assert report.reason
    assert (slot.state, slot.require(), slot.last_reload) == ("serving", before, report)
    assert before.recommend(Query(history=(0,))).returned == 10
    assert watcher.check() is None
    assert load.loads == 2


def test_watcher_bit_flipped_at_many_places_never_replaces_the_bundle(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    slot, _, watcher = watching(tmp_path)
    watcher.check()
    before = slot.require()
    other = make_bundle(tmp_path, version="2", seed=4)
    for name in sorted(p.name for p in other.iterdir()):
        whole = (other / name).read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 7)):
            spoiled = bytearray(whole)
            spoiled[place] ^= 0x10
            (other / name).write_bytes(bytes(spoiled))
            report = watcher.check()
            assert report is None or report.outcome == "failed"
            assert slot.require() is before
        (other / name).write_bytes(whole)
    watcher.check()
    assert version_of(slot) == "2"  # the control: unspoiled, it is taken


def test_watcher_bundle_copied_in_file_by_file_is_taken_only_when_whole(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    slot, _, watcher = watching(tmp_path)
    watcher.check()
    source = make_bundle(tmp_path / "elsewhere", version="2", seed=4)
    (tmp_path / "demo" / "current").unlink()
    target = tmp_path / "demo" / "2"
    target.mkdir()
    for path in sorted(source.iterdir(), key=lambda p: p.name != "manifest.json"):  # the manifest first
        assert version_of(slot) == "1"
        shutil.copy(path, target / path.name)
        watcher.check()
    assert version_of(slot) == "2"


def test_watcher_reload_of_what_the_poll_is_loading_gets_that_result(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    make_bundle(tmp_path, version="2", seed=4)
    slot, load, watcher = watching(tmp_path)
    load.gate.clear()
    reports: list[ReloadReport] = []
    first = Thread(target=watcher.check)
    first.start()
    assert load.entered.wait(10)
    assert slot.state == "loading"
    joined = Thread(target=lambda: reports.append(watcher.reload()))
    joined.start()
    with pytest.raises(ConflictError, match="another version"):
        watcher.reload("1")
    assert watcher.check() is None
    load.gate.set()
    first.join()
    joined.join()
    assert (load.loads, slot.state, version_of(slot)) == (1, "serving", "2")
    assert reports == [slot.last_reload]


def test_watcher_reload_that_met_an_idle_poll_loads_all_the_same(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    slot, load, watcher = watching(tmp_path)
    watcher.check()
    (tmp_path / "demo" / "1" / "manifest.json").touch()
    with watcher._busy:  # a poll that is looking, and will find nothing new
        asked = Thread(target=watcher.reload)
        asked.start()
        asked.join(0.05)
        assert asked.is_alive()
    asked.join(10)
    assert (load.loads, version_of(slot)) == (2, "1")


def test_watchers_that_share_a_turn_never_load_together(tmp_path: Path) -> None:
    make_bundle(tmp_path, name="a")
    make_bundle(tmp_path, name="b")
    turn = Lock()
    _, slow, first = watching(tmp_path, name="a", turn=turn)
    slot, quick, second = watching(tmp_path, name="b", turn=turn)
    slow.gate.clear()
    threads = [Thread(target=watcher.check) for watcher in (first, second)]
    threads[0].start()
    assert slow.entered.wait(10)
    threads[1].start()
    assert not quick.entered.wait(0.1)
    slow.gate.set()
    for thread in threads:
        thread.join(10)
    assert quick.loads == 1
    assert version_of(slot) == "1"


def test_watcher_reload_of_a_named_version_stays_until_the_pointer_moves(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    make_bundle(tmp_path, version="2", seed=4)
    slot, _, watcher = watching(tmp_path)
    watcher.check()
    assert watcher.reload("1").version == "1"
    assert watcher.check() is None
    assert version_of(slot) == "1"
    make_bundle(tmp_path, version="3", seed=5)
    watcher.check()
    assert version_of(slot) == "3"


@pytest.mark.parametrize("ask", [None, "1", "poll"])
def test_watcher_what_is_served_is_kept_without_a_load_while_its_files_are_the_same(
    tmp_path: Path, ask: str | None
) -> None:
    folder = make_bundle(tmp_path)
    told: list[ReloadReport] = []
    slot, load, watcher = watching(tmp_path, listener=lambda report, _: told.append(report))
    first = watcher.check()
    served = slot.require()

    def again() -> ReloadReport | None:
        if ask != "poll":
            return watcher.reload(ask)
        (tmp_path / "demo" / "current").write_text("9")
        watcher.check()
        assert slot.last_reload is not None and slot.last_reload.outcome == "failed"
        point_current(tmp_path / "demo", "1")
        return watcher.check()

    assert first is not None
    report = again()
    assert report == slot.last_reload == told[-1] == dataclasses.replace(first, kept=True)
    assert (load.loads, slot.require() is served) == (1, True)
    (folder / "items.json").touch()
    assert again() == dataclasses.replace(first, kept=False)
    assert (load.loads, slot.require() is served) == (2, False)


def test_watcher_reload_of_a_named_version_is_held_until_the_pointer_names_it_or_another_is_taken(
    tmp_path: Path,
) -> None:
    make_bundle(tmp_path)
    make_bundle(tmp_path, version="2", seed=4)
    slot, load, watcher = watching(tmp_path)
    watcher.check()
    held = []
    for version in ("2", "1", "1", None):
        held.append((watcher.reload(version).held, slot.now.held))
    assert held == [(False, False), (True, True), (True, True), (False, False)]
    assert (version_of(slot), load.loads) == ("2", 3)
    watcher.reload("1")
    damage(make_bundle(tmp_path, version="3", seed=5), "flipped-bit")
    watcher.check()
    assert (version_of(slot), slot.now.held) == ("1", True)  # refused: 1 goes on in its place
    point_current(tmp_path / "demo", "1")
    report = watcher.check()
    assert report is not None and report.kept
    assert (version_of(slot), slot.now.held) == ("1", False)


def test_watcher_pointer_that_moves_in_a_reload_by_name_is_followed(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    slot, load, watcher = watching(tmp_path)
    watcher.check()
    make_bundle(tmp_path, version="2", seed=4)
    point_current(tmp_path / "demo", "1")
    load.entered.clear()
    load.gate.clear()
    asked = Thread(target=watcher.reload, args=("2",))
    asked.start()
    assert load.entered.wait(10)
    make_bundle(tmp_path, version="3", seed=5)  # and the pointer to it
    load.gate.set()
    asked.join(10)
    assert version_of(slot) == "2"
    watcher.check()
    assert version_of(slot) == "3"


@pytest.mark.parametrize("version", ["9", "..", "../demo/1", "/etc", "", "1/", ".staging-1"])
def test_watcher_reload_of_no_such_version_is_refused(tmp_path: Path, version: str) -> None:
    make_bundle(tmp_path)
    _, load, watcher = watching(tmp_path)
    with pytest.raises(UnknownBundleError):
        watcher.reload(version)
    assert load.loads == 0


def test_watcher_reload_of_a_bad_bundle_says_why_and_keeps_the_old(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    slot, _, watcher = watching(tmp_path)
    watcher.check()
    damage(make_bundle(tmp_path, version="2", seed=4), "flipped-bit")
    with pytest.raises(BundleRefusedError, match="hash"):
        watcher.reload("2")
    assert version_of(slot) == "1"
    assert slot.last_reload is not None
    assert slot.last_reload.reason == "hash"


def test_watcher_two_models_and_no_name_asks_for_one(tmp_path: Path) -> None:
    make_bundle(tmp_path, name="a")
    make_bundle(tmp_path, name="b")
    slot, _, watcher = watching(tmp_path)
    report = watcher.check()
    assert report is not None
    assert "2 models" in (report.detail or "")
    slot, _, named = watching(tmp_path, name="b")
    named.check()
    assert slot.require().manifest.name == "b"


def test_watcher_thread_swaps_by_itself_and_stops(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    swapped = Event()
    slot = Slot()
    watcher = Watcher(slot, Shelf(tmp_path), interval=0.01, listener=lambda *_: swapped.set())
    watcher.start()
    assert swapped.wait(10)
    watcher.stop()
    assert slot.state == "serving"
    assert watcher._thread is not None
    assert not watcher._thread.is_alive()


def test_watcher_without_an_interval_looks_once_and_ends(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    slot = Slot()
    watcher = Watcher(slot, Shelf(tmp_path), interval=0)
    watcher.start()
    assert watcher._thread is not None
    watcher._thread.join(10)
    assert not watcher._thread.is_alive()
    assert slot.state == "serving"
