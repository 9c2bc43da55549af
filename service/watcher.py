"""Watches a model folder and swaps in what appears there. At most one load runs at any time.

A target (folder, names, sizes and times of its files) is tried once: a bundle that was refused is not tried again
until the pointer or a file changes, and one still being copied is tried again as its files grow.
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
from service.engine import LoadedBundle
from service.errors import BundleRefusedError, ConflictError, UnknownBundleError
from service.loader import load_bundle
from service.slot import ReloadReport, Slot

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
    ) -> None:
        self._slot, self._models, self._name = slot, models, name
        self._interval, self._load, self._clock, self._listener = interval, load, clock, listener
        self._busy = Lock()
        self._stopping = Event()
        self._tried: Target | str | None = None
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
                return None
            self._tried = target
            return self._attempt(folder)
        finally:
            self._busy.release()

    def reload(self, version: str | None = None) -> ReloadReport:
        """Load now, whether anything changed or not: the version named, else the one to serve.

        A named version stays until the pointer or the files change. Raises ConflictError while another load runs,
        UnknownBundleError for a version that is not there, BundleRefusedError (with the reason) when its checks fail.
        """
        if not self._busy.acquire(blocking=False):
            raise ConflictError("a bundle is being loaded already")
        try:
            folder = self._chosen(version)
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

    def _now_there(self) -> Target | str | None:
        try:
            return _target(self._folder())
        except (BundleError, OSError):
            return self._tried

    def _attempt(self, folder: Path) -> ReloadReport:
        """Load and swap, or keep what is served and report why."""
        self._slot.loading()
        try:
            loaded = self._load(folder)
        except BundleError as error:
            return self._failed(folder, error.reason, error.message)
        except (OSError, MemoryError) as error:
            return self._failed(folder, "files", f"the bundle cannot be read ({type(error).__name__})")
        manifest = loaded.manifest
        report = ReloadReport("ok", self._clock(), manifest.name, manifest.version, loaded.bundle_id)
        self._slot.swap(loaded, report)
        self._tell(report)
        return report

    def _failed(self, folder: Path, reason: str, detail: str) -> ReloadReport:
        report = ReloadReport("failed", self._clock(), folder.parent.name, folder.name, reason=reason, detail=detail)
        self._slot.fail(report)
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
