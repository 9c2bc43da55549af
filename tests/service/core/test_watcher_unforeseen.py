"""What nobody foresaw ends one load or one poll, never the watcher."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundle.reader import versions
from service.bundles.shelf import Shelf
from service.bundles.slot import ReloadReport, Slot
from service.bundles.watcher import Watcher
from service.engine import LoadedBundle
from service.errors import InternalError
from service.telemetry.metrics import REASONS
from tests.builders import damage, make_bundle
from tests.service.core.test_watcher_again import POLL, Watched, until


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    make_bundle(tmp_path)
    return Watched(tmp_path)


def odd(_: Path) -> LoadedBundle:
    raise RuntimeError("secret of the message")


def test_watcher_load_that_fails_unforeseen_is_a_refusal_and_tried_again(watched: Watched) -> None:
    watched.watcher._loads._load = odd
    report = watched.watcher.check()
    assert report is not None
    assert (report.outcome, report.reason, watched.slot.state) == ("failed", "internal", "no_bundle")
    assert report.detail is not None
    assert f"RuntimeError at {Path(__file__).name}:" in report.detail and "secret" not in report.detail
    assert report.reason in REASONS
    watched.watcher._loads._load = watched.load
    assert watched.watcher.check() is None
    watched.clock.now += POLL
    watched.watcher.check()
    assert (watched.version, watched.reasons()) == ("1", ["internal", None])


def test_watcher_reload_that_fails_unforeseen_is_an_internal_error(watched: Watched) -> None:
    watched.watcher._loads._load = odd
    with pytest.raises(InternalError, match="internal"):
        watched.watcher.reload("1")
    assert watched.slot.state == "no_bundle"


def test_watcher_listener_that_fails_keeps_no_bundle_away(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    told: list[ReloadReport] = []

    def listen(report: ReloadReport, _: LoadedBundle | None) -> None:
        told.append(report)
        raise OSError(28, "No space left on device")

    slot = Slot()
    watcher = Watcher(slot, Shelf(tmp_path, "demo"), listener=listen)
    assert watcher.check() == slot.last_reload == told[0]
    damage(make_bundle(tmp_path, version="2", seed=4), "flipped-bit")
    assert watcher.check() == slot.last_reload == told[1]
    assert (slot.require().manifest.version, told[1].outcome) == ("1", "failed")


class Stumbling(Shelf):
    """A shelf that `fails` that often, in a way that nobody foresaw, before it says what is wanted."""

    fails = [1, 2, 3]  # noqa: RUF012  # of one test

    def wanted(self):
        if self.fails:
            raise RuntimeError(f"{self.fails.pop()}")
        return super().wanted()


def test_watcher_thread_goes_on_after_an_unforeseen_error_and_says_it_once(tmp_path: Path) -> None:
    make_bundle(tmp_path)
    slot, told = Slot(), list[ReloadReport]()
    watcher = Watcher(slot, Stumbling(tmp_path, "demo"), interval=0.01, listener=lambda report, _: told.append(report))
    watcher.start()
    try:
        until(lambda: slot.current is not None)
    finally:
        watcher.stop()
    assert [report.reason for report in told] == ["internal", None]


def test_watcher_remembers_of_a_copy_that_grows_only_what_it_is_now(tmp_path: Path) -> None:
    for version in "123":
        damage(make_bundle(tmp_path, version=version, seed=int(version)), "flipped-bit")
    watched = Watched(tmp_path, fallback=True)
    for size in range(20):
        (tmp_path / "demo" / "2" / "growing").write_bytes(bytes(size))
        watched.watcher.check()
    assert watched.load.loads.count("2") == 20, "each state of it is tried"
    assert len(watched.watcher._passed_over) < len(versions(tmp_path / "demo"))
