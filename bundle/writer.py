"""Writing a bundle so that a reader sees all of it or nothing.

Order: check everything -> stage beside the target -> write and fsync every file -> manifest last -> fsync the folder
-> rename to the version -> fsync the parent -> new pointer, fsync, replace, fsync the parent. A version is never
written twice. A lock file in the model's folder keeps two exporters from sweeping each other's staging.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bundle import files
from bundle.content import check_content
from bundle.errors import ContentError, FilesError
from bundle.manifest import FileEntry, Manifest, parse_manifest, seal
from bundle.reader import read_bundle, versions

LOCK = ".lock"
"""Held while a version is written into a model's folder; the file itself stays and means nothing."""


def file_entries(payload: Mapping[str, bytes]) -> dict[str, FileEntry]:
    """Size and sha256 of each file, as the manifest lists them."""
    return {
        name: FileEntry(size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in sorted(payload.items())
    }


def next_version(model_folder: Path) -> str:
    """The version after the highest whole number used in `model_folder`; "1" for a new model."""
    names = [p.name for p in model_folder.iterdir()] if model_folder.is_dir() else []
    used = [int(name) for name in names if files.valid_version(name) and name.isdigit()]
    return str(max(used, default=0) + 1)


def check_target(model_folder: Path, version: str) -> None:
    """Refuse, before any long work, a target that could not be written: bad names, a used version, a file in the way.

    Makes the model's folder. Raises FilesError.
    """
    if not (files.valid_name(model_folder.name) and files.valid_version(version)):
        raise FilesError(
            f"{model_folder.name!r} and {version!r} cannot name a model and its version",
            hint="use letters, digits, '.', '_' and '-', starting with a letter or digit; not 'current'",
        )
    if model_folder.exists() and not model_folder.is_dir():
        raise FilesError(f"{model_folder} is a file, not a folder", hint="choose another --out")
    if os.path.lexists(model_folder / version):
        raise FilesError(
            f"{model_folder / version} exists; a version is never overwritten",
            hint="leave --version out to take the next one",
        )
    try:
        model_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FilesError(f"{model_folder} cannot be made: {error.strerror}", hint="choose another --out") from error
    if not os.access(model_folder, os.W_OK | os.X_OK):
        raise FilesError(f"{model_folder} is not writable", hint="choose another --out or change its permissions")


def write_bundle(
    model_folder: Path,
    version: str,
    payload: Mapping[str, bytes],
    make_manifest: Callable[[dict[str, FileEntry]], Manifest],
    *,
    make_current: bool = True,
) -> Path:
    """Write `models/<name>/<version>` durably and point `current` to it; returns the bundle's folder.

    payload        file name -> bytes: `files.PAYLOAD`, and of `files.OPTIONAL` the graphs that the manifest names
    make_manifest  gets the file table and returns the manifest
    make_current   False: what is served stays so, also where no `current` says it yet; only a first version is served
    Raises FilesError (target refused, another exporter at work, disk), ManifestError or ContentError (parts
    contradict each other). After any error a reader sees the older bundle or the whole new one, never a part.
    """
    if set(payload) - set(files.OPTIONAL) != set(files.PAYLOAD):
        raise FilesError(f"a bundle holds {sorted(files.PAYLOAD)}, got {sorted(payload)}")
    check_target(model_folder, version)
    manifest = seal(make_manifest(file_entries(payload)))
    _check_parts(model_folder.name, version, manifest, payload)
    needed = len(manifest) + sum(map(len, payload.values()))
    if needed > files.MAX_BUNDLE_BYTES:
        raise FilesError(
            f"the bundle would have {needed} bytes, at most {files.MAX_BUNDLE_BYTES} are read",
            hint="train with fewer items or a narrower hidden layer",
        )
    try:
        with _exclusive(model_folder):
            sweep_staging(model_folder)
            if not make_current:
                _keep_current(model_folder)
            _publish(model_folder / version, payload, manifest)
            if make_current:
                _point(model_folder, version)
    except OSError as error:
        state = "is whole but not made current" if (model_folder / version).is_dir() else "was not written"
        raise FilesError(
            f"{model_folder / version} {state}: {error.strerror}; the bundle needs {needed} bytes",
            hint="free disk space or choose another --out, then export again",
        ) from error
    return model_folder / version


def receive_bundle(
    model_folder: Path, raw_manifest: bytes, fetch: Callable[[str, FileEntry, Path], None], *, make_current: bool = True
) -> Path:
    """Take over a bundle from elsewhere, byte for byte, into the version that its manifest names; returns its folder.

    fetch(name, entry, path) writes one file of the bundle to a new path and fsyncs it; whatever it raises goes up.
    What it wrote is read and verified as a service would before it gets its place, so a file that differs from the
    manifest leaves no trace (HashError, FilesError, ContentError). A version that is there with this very manifest
    is taken as it is, else FilesError. After any error, or a kill, a reader sees what was there before or all of it.
    """
    manifest = parse_manifest(raw_manifest)
    target = model_folder / manifest.version
    needed = sum(entry.size for entry in manifest.files.values())
    if needed > files.MAX_BUNDLE_BYTES:
        raise FilesError(f"the bundle has {needed} bytes, at most {files.MAX_BUNDLE_BYTES} are read")
    there = _is_there(target, raw_manifest)
    if not there:
        check_target(model_folder, manifest.version)
    try:
        with _exclusive(model_folder):
            sweep_staging(model_folder)
            if not make_current:
                _keep_current(model_folder)
            if not there:
                _fill(target, manifest, raw_manifest, fetch)
            if make_current:
                _point(model_folder, manifest.version)
    except OSError as error:
        raise FilesError(
            f"{target} was not written: {error.strerror or error}; the bundle needs {needed} bytes",
            hint="free disk space or choose another folder, then fetch again",
        ) from error
    return target


def point_current(model_folder: Path, version: str) -> None:
    """Let `current` name a version that exists, in one atomic step: a release, or a rollback. Raises FilesError."""
    if not files.valid_version(version) or not (model_folder / version / files.MANIFEST).is_file():
        raise FilesError(f"{model_folder} has no version {version!r}", hint="`current` can only name a whole version")
    try:
        _point(model_folder, version)
    except OSError as error:
        raise FilesError(f"{model_folder / files.CURRENT} was not changed: {error.strerror}") from error


def sweep_staging(model_folder: Path) -> None:
    """Remove what an interrupted export left behind. Only for the holder of the lock."""
    for stale in model_folder.glob(f"{files.STAGING_PREFIX}*"):
        if stale.is_dir() and not stale.is_symlink():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)


def _keep_current(model_folder: Path) -> None:
    """Without a `current` the highest version is served: name it before another one is the highest."""
    there = versions(model_folder)
    if there and not os.path.lexists(model_folder / files.CURRENT):
        _point(model_folder, there[-1])


def _check_parts(name: str, version: str, raw_manifest: bytes, payload: Mapping[str, bytes]) -> None:
    """What the reader would refuse is not written."""
    manifest = parse_manifest(raw_manifest)
    if (manifest.name, manifest.version) != (name, version):
        raise ContentError(f"the manifest says {manifest.name}/{manifest.version}, the target is {name}/{version}")
    if set(payload) != manifest.payload:
        raise FilesError(f"the manifest's graphs need {sorted(manifest.payload)}, got {sorted(payload)}")
    check_content(manifest, payload)


def _publish(target: Path, payload: Mapping[str, bytes], manifest: bytes) -> None:
    staging = _staging_beside(target)
    staging.mkdir()
    try:
        for name, content in payload.items():
            files.write_durably(staging / name, content)
        files.write_durably(staging / files.MANIFEST, manifest)
        files.sync_folder(staging)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    files.sync_folder(target.parent)


def _is_there(target: Path, raw_manifest: bytes) -> bool:
    """Whether the version is there already and whole, with this very manifest."""
    try:
        return (target / files.MANIFEST).read_bytes() == raw_manifest and bool(read_bundle(target))
    except OSError:
        return False


def _fill(target: Path, manifest: Manifest, raw_manifest: bytes, fetch: Callable[[str, FileEntry, Path], None]) -> None:
    staging = _staging_beside(target)
    staging.mkdir()
    try:
        for name in sorted(manifest.payload & set(manifest.files)):
            fetch(name, manifest.files[name], staging / name)
        files.write_durably(staging / files.MANIFEST, raw_manifest)
        read_bundle(staging)
        files.sync_folder(staging)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    files.sync_folder(target.parent)


def _point(model_folder: Path, version: str) -> None:
    staged = _staging_beside(model_folder / files.CURRENT)
    try:
        files.write_durably(staged, f"{version}\n".encode())
        staged.replace(model_folder / files.CURRENT)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    files.sync_folder(model_folder)


def _staging_beside(target: Path) -> Path:
    return target.parent / f"{files.STAGING_PREFIX}{secrets.token_hex(8)}"


@contextmanager
def _exclusive(model_folder: Path) -> Iterator[None]:
    fd = os.open(model_folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FilesError(
                f"another export or fetch is writing to {model_folder}", hint="wait until it ends"
            ) from None
        yield
    finally:
        os.close(fd)
