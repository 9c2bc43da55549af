"""A bundle from wherever fsspec can read (file://, https://, s3://, gs://, memory://) into a models folder.

Only the command does this, before a service starts or beside a running one: no request ever fetches anything. What
comes is data of a stated size and hash, verified before it gets its place (bundle.writer.receive_bundle).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from bundle import files
from bundle.errors import FilesError, ManifestError
from bundle.manifest import MAX_MANIFEST_BYTES, FileEntry, Manifest, parse_manifest
from bundle.writer import receive_bundle
from prismrec.failures import CommandError
from prismrec.fetch_errors import reached

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

CHUNK = 1 << 20
MAX_POINTER_BYTES = 256
STALL_SECONDS = 60.0
"""A web server that sends nothing for so long is given up; a slow one is not, however long it takes."""

CONNECT_SECONDS = 10.0
PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
}
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A bundle elsewhere: its folder on a file system, its manifest as read there, and how to name it to people."""

    system: AbstractFileSystem
    folder: str
    shown: str
    raw_manifest: bytes
    manifest: Manifest


def find_source(url: str) -> Source:
    """The bundle at a URL: a bundle's folder, or a model's, whose `current` names a version. Reads the manifest only.

    Raises CommandError for what cannot be reached, ManifestError or HashError for a manifest that is none.
    """
    shown = shown_url(url)
    if "::" in url:
        raise CommandError("a chained URL is not fetched", hint="name the folder itself; archives are never unpacked")
    system, folder = _open(url, shown)
    folder = folder.rstrip("/")
    raw = _read(system, f"{folder}/{files.MANIFEST}", MAX_MANIFEST_BYTES, shown)
    if raw is None:
        pointer = _read(system, f"{folder}/{files.CURRENT}", MAX_POINTER_BYTES, shown)
        version = "" if pointer is None else pointer.decode("ascii", "replace").strip()
        if not files.valid_version(version):
            raise CommandError(
                f"{shown} holds no {files.MANIFEST}, and no `{files.CURRENT}` that names a version",
                hint="give the URL of a version's folder, .../models/<name>/<version>",
            )
        folder, shown = f"{folder}/{version}", f"{shown.rstrip('/')}/{version}"
        raw = _read(system, f"{folder}/{files.MANIFEST}", MAX_MANIFEST_BYTES, shown)
    if raw is None:
        raise ManifestError(f"{shown} has no {files.MANIFEST}")
    return Source(system, folder, shown, raw, parse_manifest(raw))


def take(source: Source, models: Path, *, make_current: bool = True, tell: Told = lambda _: None) -> Path:
    """Fetch, verify and place a bundle below `models`, and make it current unless told not to; returns its folder.

    tell: gets the bytes fetched so far. One file is held in chunks of CHUNK bytes, nothing whole. Raises BundleError,
    or CommandError where the source fails; then `models` is as it was.
    """
    fetched = 0

    def fetch(name: str, entry: FileEntry, path: Path) -> None:
        nonlocal fetched
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            for piece in _pieces(source, name, entry):
                _write(fd, piece)
                fetched += len(piece)
                tell(fetched)
            os.fsync(fd)
        finally:
            os.close(fd)

    return receive_bundle(models / source.manifest.name, source.raw_manifest, fetch, make_current=make_current)


def shown_url(url: str) -> str:
    """The URL without what may be secret: user, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _open(url: str, shown: str) -> tuple[AbstractFileSystem, str]:
    from fsspec.core import url_to_fs

    scheme = urlsplit(url).scheme
    try:
        with reached(shown):
            system, folder = url_to_fs(url, **_options(scheme))
    except ImportError as error:
        package = PACKAGES.get(scheme, error.name or "its package")
        raise CommandError(f"{scheme}:// needs a package", hint=f"pip install {package}") from None
    return system, str(folder)


def _options(scheme: str) -> dict[str, object]:
    """What a file system is told beyond its address. Those of object stores bound each of their own short requests."""
    if scheme not in {"http", "https"}:
        return {}
    from aiohttp import ClientTimeout

    patience = ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=STALL_SECONDS)
    return {"client_kwargs": {"timeout": patience}}


def _read(system: AbstractFileSystem, path: str, limit: int, shown: str) -> bytes | None:
    """The bytes of a small file; None where there is none."""
    _check_regular(system, path, shown)
    try:
        with reached(shown), system.open(path, "rb") as handle:
            content: bytes = handle.read(limit + 1)
    except FileNotFoundError:
        return None
    if len(content) > limit:
        raise ManifestError(f"a file of {shown} has more than {limit} bytes, so it is not what it is named after")
    return content


def _check_regular(system: AbstractFileSystem, path: str, shown: str) -> None:
    """A named pipe on this machine would let us wait for ever."""
    if "file" in system.protocol and Path(path).exists() and not Path(path).is_file():
        raise FilesError(f"{Path(path).name} in {shown} is not a regular file")


def _pieces(source: Source, name: str, entry: FileEntry) -> Iterator[bytes]:
    """One file in pieces of at most CHUNK bytes; it ends one byte past the stated size, which is one too many."""
    left, path = entry.size + 1, f"{source.folder}/{name}"
    _check_regular(source.system, path, source.shown)
    try:
        with reached(source.shown), source.system.open(path, "rb") as handle:
            while left and (piece := handle.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece
    except FileNotFoundError:
        raise FilesError(f"{name} is missing from {source.shown}") from None


def _write(fd: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(fd, view) :]
