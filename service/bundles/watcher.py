"""Watches a model folder and swaps in what appears there. One load at a time, but for those that were given up on.

A target (folder, names, sizes and times of its files) is tried once: a bundle that was refused is not tried again
until the pointer or a file changes, or, where the reason may pass by itself (service.bundles.backoff), a while has
gone by; one still being copied is tried again as its files grow; of that, the log and the counter hear once a reason
until the files are at rest. What is served is never loaded again, whoever asks, while its target is the same.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from bundle.errors import BundleError, LateError, MemoryShortError, UnforeseenError
from service.bundles.backoff import Backoff
from service.bundles.loader import load_bundle
from service.bundles.loads import Loads
from service.bundles.memory import give_back, give_back_with
from service.bundles.shelf import Shelf, Target, target
from service.bundles.slot import ReloadReport, Slot
from service.engine import LoadedBundle
from service.errors import (
    BundleRefusedError,
    ConflictError,
    DeadlineError,
    InternalError,
    NoMemoryError,
    ServiceError,
)
from service.limits import LIMITS

Listener = Callable[[ReloadReport, LoadedBundle | None], None]
"""Hears of each attempt, and gets the bundle that was taken up. What it fails with is its own affair."""


class Watcher:
    """Polls a shelf and keeps `slot` up to date; `start` runs it in a daemon thread, `check` polls once."""

    def __init__(
        self,
        slot: Slot,
        shelf: Shelf,
        *,
        interval: float = 5.0,
        fallback: bool = False,
        load: Callable[[Path], LoadedBundle] = load_bundle,
        clock: Callable[[], float] = time.time,
        listener: Listener | None = None,
        turn: Lock | None = None,
    ) -> None:
        """interval: seconds between polls; fallback: while nothing is served and what is to be served cannot be, the
        newest version that can; turn: held while a bundle is loaded and told of, so watchers that share one never do
        so at the same time; load: has LIMITS.load_seconds.
        """
        self._slot, self._shelf, self._fallback = slot, shelf, fallback
        self._interval, self._clock, self._listener = interval, clock, listener
        self._loads = Loads(load, seconds=LIMITS.load_seconds)
        self._again = Backoff(clock, first=interval)
        self._busy, self._turn = Lock(), turn or Lock()
        self._loading: Path | None = None
        self._made_of: Target | None = None  # what is served, as its files were when it was loaded
        self._stopping = Event()
        self._tried: Target | str | None = None
        self._passed_over: set[Target] = set()  # what was no fallback either
        self._told: tuple[Path, str] | None = None  # the folder still growing, and why it was refused
        self._stumbled = ""  # what a poll ended with that nobody foresaw
        self._thread: Thread | None = None

    @property
    def loads_left(self) -> int:
        """How many loads were given up on and still run."""
        return self._loads.left

    def start(self) -> None:
        """Poll at once and then every `interval` seconds (0 = only at once), in a daemon thread, until `stop`."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="bundle-watcher", daemon=True)
            self._thread.start()

    def stop(self, timeout: float | None = 5.0) -> None:
        """Ask the thread to end and wait for it; a load under way is left to finish by itself."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def check(self) -> ReloadReport | None:
        """One poll: load what is new. None when nothing changed or a load is running."""
        if not self._busy.acquire(blocking=False):
            return None
        try:
            again = self._again.is_over()
            if again:
                self._told = None
                self._passed_over.clear()
            report = self._follow(again=again)
            if self._fallback and self._slot.current is None:
                return self._stand_in() or report
            return report
        finally:
            self._busy.release()

    def reload(self, version: str | None = None) -> ReloadReport:
        """Take up the version named, else the one to serve, now; what is served already is kept and nothing loaded.

        A named version is held until the pointer or the files change. While the poll loads the very same version its
        result is waited for and is the answer. Raises ConflictError while another version is being loaded,
        UnknownBundleError for a version that is not there, BundleRefusedError (with the reason) when its checks fail,
        NoMemoryError and DeadlineError where memory or time do not suffice, InternalError for what nobody foresaw.
        """
        folder, before = self._shelf.chosen(version), self._slot.last_reload
        joined = not self._busy.acquire(blocking=False)
        if joined:
            if self._loading not in {folder, None}:
                raise ConflictError("another version of this model is being loaded")
            self._busy.acquire()  # as long as that load takes; the caller's deadline bounds the wait
        try:
            report = self._slot.last_reload if joined else None
            if report is None or report is before or not self._is_of(report, folder):
                self._told = None  # who asked by name is told, whatever the poll said before
                self._tried = self._now_there()  # before the load: what changes meanwhile is news to the next poll
                wanted = isinstance(self._tried, Target) and self._tried.folder == folder
                report = self._attempt(folder, held=not wanted)
                if report.outcome == "ok" or wanted:
                    self._again.heard(report.reason)
        finally:
            self._busy.release()
        if report.outcome == "failed":
            raise _refusal(report)
        return report

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.check()
                self._stumbled = ""
            except Exception as error:  # noqa: BLE001  # whatever it is, the next poll must come
                self._stumble(_unforeseen(error))
            if self._interval <= 0:
                return
            self._stopping.wait(self._interval)

    def _follow(self, *, again: bool) -> ReloadReport | None:
        """Take up what is to be served, where that is not what was tried last, or is worth another try."""
        try:
            wanted = self._shelf.wanted()
        except (BundleError, OSError) as error:
            return self._missing(error)
        if wanted != self._tried:
            self._again.forget()
        elif not again:
            self._told = None  # at rest: a refusal after the next change is news
            return None
        self._tried = wanted
        report = self._attempt(wanted.folder)
        self._again.heard(report.reason)
        return report

    def _stand_in(self) -> ReloadReport | None:
        """Nothing is served: take the newest version that passes its checks, each tried once. None = there is none.

        What is to be served remains that, and its refusal the last reload.
        """
        refused = self._slot.last_reload
        try:
            found = self._shelf.newest_first()
        except (BundleError, OSError):
            return None
        self._passed_over.intersection_update(found)  # of a copy that grows, only what it is now
        for other in found:
            if other == self._tried or other in self._passed_over:
                continue
            self._passed_over.add(other)
            report = self._attempt(other.folder, instead_of=refused)
            if report.outcome == "ok":
                return report
            self._again.heard(report.reason)
        return None

    def _is_of(self, report: ReloadReport, folder: Path) -> bool:
        """Whether the load that was waited for was of this folder as it is now."""
        found = _made_of(folder)
        return report.version == folder.name and found is not None and self._tried == found

    def _now_there(self) -> Target | str | None:
        try:
            return self._shelf.wanted()
        except (BundleError, OSError):
            return self._tried

    def _attempt(self, folder: Path, *, instead_of: ReloadReport | None = None, held: bool = False) -> ReloadReport:
        """Load and swap, or keep what is served and report why; in turn with the other models' watchers."""
        self._slot.loading()
        self._loading = folder
        try:
            with self._turn:
                found = _made_of(folder)
                if found is not None and found == self._made_of:
                    return self._keep(held=held)
                report = self._take_up(folder, instead_of, held=held)
                if report.outcome == "ok":
                    self._made_of = found
                give_back()
                return report
        finally:
            self._loading = None

    def _keep(self, *, held: bool) -> ReloadReport:
        """What was asked for is what is served."""
        loaded = self._slot.require()
        report = self._taken(loaded, held=held, kept=True)
        self._slot.keep(report)
        self._told = None
        self._tell(report, loaded)
        return report

    def _take_up(self, folder: Path, instead_of: ReloadReport | None, *, held: bool) -> ReloadReport:
        try:
            loaded = self._loads.take(folder)
        except BundleError as error:
            return self._failed(folder, error.reason, error.message, instead_of)
        except MemoryError:
            return self._failed(folder, MemoryShortError.reason, "there was not enough memory to load it", instead_of)
        except OSError as error:
            return self._failed(folder, "files", f"the bundle cannot be read ({type(error).__name__})", instead_of)
        except Exception as error:  # noqa: BLE001  # a slot must not stand at `loading` for ever
            return self._failed(folder, UnforeseenError.reason, _unforeseen(error), instead_of)
        report = self._taken(loaded, fallback=instead_of is not None, held=held)
        self._slot.swap(loaded, report if instead_of is None else instead_of, fallback=report.fallback, held=held)
        give_back_with(loaded)
        self._told = None
        self._tell(report, loaded)
        return report

    def _taken(self, loaded: LoadedBundle, *, held: bool, fallback: bool = False, kept: bool = False) -> ReloadReport:
        found, at = loaded.manifest, self._clock()
        return ReloadReport(
            "ok", at, found.name, found.version, loaded.bundle_id, fallback=fallback, held=held, kept=kept
        )

    def _failed(self, folder: Path, reason: str, detail: str, instead_of: ReloadReport | None) -> ReloadReport:
        report = ReloadReport("failed", self._clock(), folder.parent.name, folder.name, reason=reason, detail=detail)
        self._slot.fail(report if instead_of is None else instead_of)
        if (folder, reason) != self._told:  # a slow copy is refused at every poll, and told of once
            self._told = (folder, reason)
            self._tell(report)
        return report

    def _missing(self, error: BundleError | OSError) -> ReloadReport | None:
        """Nothing to load: said once per kind of trouble, so that a missing folder fills no log."""
        reason = error.reason if isinstance(error, BundleError) else "files"
        detail = error.message if isinstance(error, BundleError) else f"cannot be read ({type(error).__name__})"
        if self._tried == reason:
            return None
        self._tried = reason
        report = ReloadReport("failed", self._clock(), self._shelf.name, reason=reason, detail=detail)
        self._slot.fail(report)
        self._tell(report)
        return report

    def _stumble(self, detail: str) -> None:
        """A poll ended with what nobody foresaw: said once per cause, as it may end so each time."""
        report = ReloadReport("failed", self._clock(), self._shelf.name, reason=UnforeseenError.reason, detail=detail)
        self._slot.fail(report)
        if detail != self._stumbled:
            self._stumbled = detail
            self._tell(report)

    def _tell(self, report: ReloadReport, loaded: LoadedBundle | None = None) -> None:
        if self._listener is not None:
            with suppress(Exception):  # a log that cannot be written must not keep bundles away
                self._listener(report, loaded)


def _made_of(folder: Path) -> Target | None:
    """What is in the folder now; None = it cannot be listed."""
    try:
        return target(folder)
    except OSError:
        return None


def _unforeseen(error: Exception) -> str:
    """The kind of an error and its place; its message may hold anything."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"an error that was not foreseen ({type(error).__name__} at {Path(last.filename).name}:{last.lineno})"


def _refusal(report: ReloadReport) -> ServiceError:
    """What is answered to who asked for a bundle that was not taken up."""
    detail = f"the bundle was refused ({report.reason}): {report.detail}"
    if report.reason == MemoryShortError.reason:
        return NoMemoryError(detail)
    if report.reason == UnforeseenError.reason:
        return InternalError(detail)
    return DeadlineError(detail) if report.reason == LateError.reason else BundleRefusedError(detail)
