"""What a watcher does about refusals that pass, loads that do not end, and a bundle to serve that cannot be served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from bundle.errors import LateError, MemoryShortError
from bundle.writer import point_current
from service.bundles.backoff import LONGEST, Backoff
from service.bundles.loader import load_bundle
from service.bundles.loads import MAX_LEFT, Loads
from service.bundles.shelf import Shelf
from service.bundles.slot import ReloadReport, Slot
from service.bundles.watcher import Watcher
from service.engine import LoadedBundle
from service.errors import BundleRefusedError, DeadlineError, NoMemoryError
from tests.builders import damage, make_bundle

POLL = 2.0
SOON = 20.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Loading:
    """A loader that refuses the versions of `short` for want of memory, and never ends with those of `stuck`."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.short: set[str] = set()
        self.stuck: set[str] = set()
        self.release = Event()

    def __call__(self, folder: Path) -> LoadedBundle:
        self.loads.append(folder.name)
        if folder.name in self.short:
            raise MemoryShortError("there is no room")
        if folder.name in self.stuck:
            assert self.release.wait(60)
        return load_bundle(folder)


class Watched:
    """A watcher over `root`, its clock, its loader and what it told."""

    def __init__(self, root: Path, *, fallback: bool = False) -> None:
        self.slot, self.clock, self.load = Slot(), Clock(), Loading()
        self.told: list[ReloadReport] = []
        self.watcher = Watcher(
            self.slot,
            Shelf(root, "demo"),
            interval=POLL,
            fallback=fallback,
            load=self.load,
            clock=self.clock,
            listener=lambda report, _: self.told.append(report),
        )

    @property
    def version(self) -> str:
        return self.slot.require().manifest.version

    def reasons(self) -> list[str | None]:
        return [report.reason for report in self.told]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    make_bundle(tmp_path)
    return Watched(tmp_path)


def until(true: Callable[[], bool]) -> None:
    """Wait for what a thread does."""
    waiting = Event()
    for _ in range(int(SOON / 0.01)):
        if true():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not happen")


def test_backoff_waits_twice_as_long_each_time_up_to_the_longest() -> None:
    clock = Clock()
    again = Backoff(clock, first=POLL)
    waits = []
    for _ in range(12):
        again.heard("memory")
        began = clock.now
        while not again.is_over():
            clock.now += 1
        assert not again.is_over()  # said once
        waits.append(clock.now - began)
    assert waits == [min(POLL * 2**n, LONGEST) for n in range(12)]
    again.heard(None)
    again.heard("late")
    clock.now += POLL
    assert again.is_over()


@pytest.mark.parametrize("reason", ["hash", "files", "manifest", "content", "graph", "golden", "no_bundle"])
def test_backoff_of_a_refusal_that_does_not_pass_never_ends(reason: str) -> None:
    clock = Clock()
    again = Backoff(clock, first=POLL)
    again.heard(reason)
    clock.now += 10 * LONGEST
    assert not again.is_over()


def test_backoff_of_a_clock_that_is_set_back_is_over() -> None:
    clock = Clock()
    again = Backoff(clock, first=POLL)
    again.heard("memory")
    clock.now -= 3600
    assert again.is_over()


def test_watcher_bundle_without_room_is_tried_again_ever_later_and_told_of_each_time(
    tmp_path: Path, watched: Watched
) -> None:
    watched.watcher.check()
    make_bundle(tmp_path, version="2", seed=4)
    watched.load.short = {"2"}
    tried = []
    for second in range(40):
        watched.clock.now = 2000.0 + second
        if watched.watcher.check() is not None:
            tried.append(second)
    assert tried == [0, 2, 6, 14, 30]
    assert (watched.version, watched.reasons()) == ("1", [None] + ["memory"] * 5)
    watched.load.short = set()
    watched.clock.now += 32
    watched.watcher.check()
    assert watched.version == "2"


def test_watcher_first_bundle_without_room_is_served_once_there_is(watched: Watched) -> None:
    watched.load.short = {"1"}
    watched.watcher.check()
    assert (watched.slot.state, watched.watcher.check()) == ("no_bundle", None)
    watched.load.short = set()
    watched.clock.now += POLL
    watched.watcher.check()
    assert watched.version == "1"


def test_watcher_something_new_is_tried_at_once_and_with_a_new_wait(tmp_path: Path, watched: Watched) -> None:
    watched.watcher.check()
    make_bundle(tmp_path, version="2", seed=4)
    watched.load.short = {"2", "3"}
    for _ in range(3):
        watched.watcher.check()
        watched.clock.now += 100
    make_bundle(tmp_path, version="3", seed=5)
    assert watched.watcher.check() is not None
    watched.clock.now += POLL
    assert watched.watcher.check() is not None
    point_current(tmp_path / "demo", "1")
    watched.watcher.check()
    watched.clock.now += LONGEST
    assert watched.watcher.check() is None  # nothing is waited for any more
    assert watched.load.loads == ["1", "2", "2", "2", "3", "3"]  # 1 is served, and was not loaded again


def test_watcher_reload_of_a_bundle_without_room_is_no_memory_and_tried_again_only_if_it_is_the_one_to_serve(
    tmp_path: Path, watched: Watched
) -> None:
    make_bundle(tmp_path, version="2", seed=4)
    point_current(tmp_path / "demo", "1")
    watched.watcher.check()
    watched.load.short = {"1", "2"}
    with pytest.raises(NoMemoryError, match=r"\(memory\): there is no room") as caught:
        watched.watcher.reload("2")
    assert (caught.value.code, caught.value.status) == ("no-memory", 507)
    watched.clock.now += LONGEST
    assert watched.watcher.check() is None
    (tmp_path / "demo" / "1" / "items.json").touch()  # as it is, it is served and needs no memory
    with pytest.raises(NoMemoryError):
        watched.watcher.reload()
    watched.load.short = set()
    watched.clock.now += LONGEST
    assert watched.watcher.check() is not None
    assert watched.version == "1"


def test_watcher_that_runs_out_of_memory_all_the_same_says_so(watched: Watched) -> None:
    def load(_: Path) -> LoadedBundle:
        raise MemoryError

    watched.watcher._loads._load = load
    report = watched.watcher.check()
    assert report is not None
    assert (report.outcome, report.reason) == ("failed", "memory")


def test_loads_that_do_not_end_are_given_up_on_and_do_not_pile_up(tmp_path: Path) -> None:
    folders = [make_bundle(tmp_path, version=str(n)) for n in range(MAX_LEFT + 2)]
    load = Loading()
    loads = Loads(load, seconds=0.05)
    load.stuck = {folder.name for folder in folders}
    for folder in folders[:MAX_LEFT]:
        with pytest.raises(LateError, match=r"not loaded within 0\.05 s"):
            loads.take(folder)
        with pytest.raises(LateError, match="still run"):
            loads.take(folder)
    with pytest.raises(LateError, match="still run"):
        loads.take(folders[-1])
    assert (loads.left, load.loads) == (MAX_LEFT, [folder.name for folder in folders[:MAX_LEFT]])
    load.release.set()
    until(lambda: loads.left == 0)
    load.stuck = set()
    assert Loads(load, seconds=SOON).take(folders[-1]).manifest.version == folders[-1].name


@pytest.mark.parametrize("error", [TimeoutError("the disk does not answer"), OSError(5, "EIO"), KeyError("a mistake")])
def test_loads_that_fail_raise_what_they_failed_with(tmp_path: Path, error: Exception) -> None:
    def load(_: Path) -> LoadedBundle:
        raise error

    with pytest.raises(type(error)) as caught:
        Loads(load, seconds=SOON).take(tmp_path)
    assert caught.value is error


def test_watcher_given_up_load_lets_others_have_their_turn_and_its_bundle_is_never_served(
    tmp_path: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.watcher.check()
    make_bundle(tmp_path, version="2", seed=4)
    watched.load.stuck = {"2"}
    monkeypatch.setattr(watched.watcher._loads, "_seconds", 0.05)
    report = watched.watcher.check()
    assert report is not None
    assert (report.reason, watched.watcher.loads_left, watched.version) == ("late", 1, "1")
    with pytest.raises(DeadlineError, match="still run"):
        watched.watcher.reload("2")
    monkeypatch.setattr(watched.watcher._loads, "_seconds", SOON)
    make_bundle(tmp_path, version="3", seed=5)
    watched.watcher.check()
    assert watched.version == "3"
    watched.load.release.set()
    until(lambda: watched.watcher.loads_left == 0)
    assert (watched.version, watched.load.loads) == ("3", ["1", "2", "3"])


def three(root: Path) -> None:
    for version in "123":
        make_bundle(root, version=version, seed=int(version))


def bad(root: Path, *versions: str) -> None:
    for version in versions:
        damage(root / "demo" / version, "flipped-bit")


@pytest.mark.parametrize(
    ("damaged", "pointer", "served"),
    [
        ("3", None, "2"),
        ("3", "3", "2"),
        ("32", "2", "1"),
        ("", "9", "3"),  # current names what is not there
        ("3", "9", "2"),
        ("", "../..", "3"),
        ("321", "3", None),
    ],
)
def test_watcher_with_nothing_else_serves_the_newest_good_version(
    tmp_path: Path, damaged: str, pointer: str | None, served: str | None
) -> None:
    three(tmp_path)
    bad(tmp_path, *damaged)
    current = tmp_path / "demo" / "current"
    current.unlink() if pointer is None else current.write_text(pointer)
    without, with_it = Watched(tmp_path), Watched(tmp_path, fallback=True)
    without.watcher.check()
    assert (without.slot.state, without.slot.now.fallback) == ("no_bundle", False)  # control: it is a setting
    for _ in range(3):
        with_it.watcher.check()
    now = with_it.slot.now
    assert (now.fallback, None if now.current is None else with_it.version) == (served is not None, served)
    assert now.last_reload is not None and now.last_reload.outcome == "failed"
    assert now.last_reload.version == (pointer if pointer in {"2", "3"} else "3" if pointer is None else None)
    assert len(with_it.load.loads) == len(set(with_it.load.loads))  # each was tried once


def test_watcher_serves_the_right_one_as_soon_as_it_is_there(tmp_path: Path) -> None:
    three(tmp_path)
    bad(tmp_path, "3")
    watched = Watched(tmp_path, fallback=True)
    watched.watcher.check()
    assert (watched.version, watched.told[-1].fallback) == ("2", True)
    make_bundle(tmp_path, version="4", seed=4)
    watched.watcher.check()
    assert (watched.version, watched.slot.now.fallback, watched.told[-1].fallback) == ("4", False, False)
    bad(tmp_path, "4")
    watched.watcher.check()
    assert (watched.version, watched.slot.now.fallback) == ("4", False)  # what is served is never left for an older one


def test_watcher_fallback_without_room_is_tried_again_with_what_is_to_be_served(tmp_path: Path) -> None:
    three(tmp_path)
    bad(tmp_path, "3")
    watched = Watched(tmp_path, fallback=True)
    watched.load.short = {"1", "2"}
    for second in range(20):
        watched.clock.now = 2000.0 + second
        watched.watcher.check()
    assert watched.load.loads == ["3", "2", "1"] * 4  # at 0, 2, 6 and 14 s
    watched.load.short = set()
    watched.clock.now += 16
    watched.watcher.check()
    assert (watched.version, watched.slot.now.fallback) == ("2", True)


def test_watcher_reload_of_a_bad_version_is_no_fallback(tmp_path: Path) -> None:
    three(tmp_path)
    bad(tmp_path, "3")
    watched = Watched(tmp_path, fallback=True)
    with pytest.raises(BundleRefusedError):
        watched.watcher.reload("3")
    assert watched.slot.current is None
    watched.watcher.reload("1")
    assert (watched.version, watched.slot.now.fallback) == ("1", False)
