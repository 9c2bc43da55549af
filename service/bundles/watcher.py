"""Watches a model folder and swaps in what appears there. At most one load runs at any time.

A target (folder, names, sizes and times of its files) is tried once: a bundle that was refused is not tried again
until the pointer or a file changes, and one still being copied is tried again as its files grow; of that, the log
and the counter hear once a reason until the files are at rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread

from bundle import files
from bundle.errors import BundleError
from bundle.errors import NoBundleError as MissingBundleError
from bundle.reader import model_names, resolve
from service.bundles.loader import load_bundle
from service.bundles.memory import give_back
from service.bundles.slot import ReloadReport, Slot
from service.engine import LoadedBundle
from service.errors import BundleRefusedError, ConflictError, UnknownBundleError

Target = tuple[str, tuple[tuple[str, int, int, int], ...]]
Listener = Callable[[ReloadReport], None]


def model_folder(models: Path, name: str | None) -> Path:
    """The folder of the model to serve: the named one, or the only one. Raises bundle.errors.NoBundleError."""
    if name is not None:
        return models / name
    found = model_names(models)
    if len(found) != 1:
        raise MissingBundleError(
            f"{models} holds {len(found)} models with bundles, one was expected",
            hint="name one in PRISMREC_MODEL" if found else None,
        )
    return models / found[0]


class Watcher:
    """Polls `models/<name>` and keeps `slot` up to date; `start` runs it in a daemon thread, `check` polls once."""

    def __init__(
        self,
        slot: Slot,
        models: Path,
        *,
        name: str | None = None,
        interval: float = 5.0,
        load: Callable[[Path], LoadedBundle] = load_bundle,
        clock: Callable[[], float] = time.time,
        listener: Listener | None = None,
        turn: Lock | None = None,
    ) -> None:
        """turn: held while a bundle is loaded; watchers that share one never load at the same time."""
        self._slot, self._models, self._name = slot, models, name
        self._interval, self._load, self._clock, self._listener = interval, load, clock, listener
        self._busy, self._turn = Lock(), turn or Lock()
        self._loading: Path | None = None
        self._stopping = Event()
        self._tried: Target | str | None = None
        self._told: tuple[Path, str] | None = None  # the folder still growing, and why it was refused
        self._thread: Thread | None = None

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
            try:
                folder = self._folder()
                target: Target | str = _target(folder)
            except (BundleError, OSError) as error:
                return self._missing(error)
            if target == self._tried:
                self._told = None  # at rest: a refusal after the next change is news
                return None
            self._tried = target
            return self._attempt(folder)
        finally:
            self._busy.release()

    def reload(self, version: str | None = None) -> ReloadReport:
        """Load now, whether anything changed or not: the version named, else the one to serve.

        A named version stays until the pointer or the files change. While the poll loads the very same version its
        result is waited for and is the answer. Raises ConflictError while another version is being loaded,
        UnknownBundleError for a version that is not there, BundleRefusedError (with the reason) when its checks fail.
        """
        folder, before = self._chosen(version), self._slot.last_reload
        joined = not self._busy.acquire(blocking=False)
        if joined:
            if self._loading not in {folder, None}:
                raise ConflictError("another version of this model is being loaded")
            self._busy.acquire()  # as long as that load takes; the caller's deadline bounds the wait
        try:
            report = self._slot.last_reload if joined else None
            if report is None or report is before or not self._is_of(report, folder):
                self._told = None  # who asked by name is told, whatever the poll said before
                report = self._attempt(folder)
                self._tried = self._now_there()
        finally:
            self._busy.release()
        if report.outcome == "failed":
            raise BundleRefusedError(f"the bundle was refused ({report.reason}): {report.detail}")
        return report

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.check()
            if self._interval <= 0:
                return
            self._stopping.wait(self._interval)

    def _folder(self) -> Path:
        return resolve(model_folder(self._models, self._name))

    def _chosen(self, version: str | None) -> Path:
        try:
            if version is None:
                return self._folder()
            parent = model_folder(self._models, self._name)
        except BundleError as error:
            raise UnknownBundleError(error.message, hint=error.hint) from error
        if not files.valid_version(version) or not (parent / version / files.MANIFEST).is_file():
            raise UnknownBundleError("the model has no such version")
        return (parent / version).resolve()

    def _is_of(self, report: ReloadReport, folder: Path) -> bool:
        """Whether the load that was waited for was of this folder as it is now."""
        try:
            return report.version == folder.name and self._tried == _target(folder)
        except OSError:
            return False

    def _now_there(self) -> Target | str | None:
        try:
            return _target(self._folder())
        except (BundleError, OSError):
            return self._tried

    def _attempt(self, folder: Path) -> ReloadReport:
        """Load and swap, or keep what is served and report why; in turn with the other models' watchers."""
        self._slot.loading()
        self._loading = folder
        try:
            with self._turn:
                report = self._take_up(folder)
                give_back()
                return report
        finally:
            self._loading = None

    def _take_up(self, folder: Path) -> ReloadReport:
        try:
            loaded = self._load(folder)
        except BundleError as error:
            return self._failed(folder, error.reason, error.message)
        except (OSError, MemoryError) as error:
            return self._failed(folder, "files", f"the bundle cannot be read ({type(error).__name__})")
        manifest = loaded.manifest
        report = ReloadReport("ok", self._clock(), manifest.name, manifest.version, loaded.bundle_id)
        self._slot.swap(loaded, report)
        self._told = None
        self._tell(report)
        return report

    def _failed(self, folder: Path, reason: str, detail: str) -> ReloadReport:
        report = ReloadReport("failed", self._clock(), folder.parent.name, folder.name, reason=reason, detail=detail)
        self._slot.fail(report)
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
        report = ReloadReport("failed", self._clock(), self._name, reason=reason, detail=detail)
        self._slot.fail(report)
        self._tell(report)
        return report

    def _tell(self, report: ReloadReport) -> None:
        if self._listener is not None:
            self._listener(report)


def _target(folder: Path) -> Target:
    """What is there now: the resolved folder with name, size, time and inode of each file in it."""
    listed = []
    for path in sorted(folder.iterdir()):
        status = path.lstat()
        listed.append((path.name, status.st_size, status.st_mtime_ns, status.st_ino))
    return str(folder), tuple(listed)
