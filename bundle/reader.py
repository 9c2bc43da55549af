"""Reading a bundle: resolve the version once, read each file's bytes once, verify those bytes, use those bytes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bundle import files
from bundle.catalogue import Catalogue
from bundle.content import check_content
from bundle.errors import BundleError, FilesError, HashError, ManifestError, NoBundleError
from bundle.factors import FactorMap, LatentMap
from bundle.manifest import MAX_MANIFEST_BYTES, FileEntry, Manifest, parse_manifest

Admit = Callable[[Manifest], None]
"""Is shown the manifest of a bundle before anything else of it is read, and raises a BundleError to refuse it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle: what the manifest promises is true of the bytes held here.

    bundle_id is the first 16 hex digits of the manifest's sha256; as the manifest holds every file's hash, it names
    the whole content.
    """

    bundle_id: str
    folder: Path
    manifest: Manifest
    catalogue: Catalogue
    factors: FactorMap
    latent_map: LatentMap
    graphs: Mapping[str, bytes]


def model_names(root: Path) -> list[str]:
    """The models below a repository folder, sorted: folders with at least one version in them."""
    if not root.is_dir():
        return []
    return sorted(p.name for p in root.iterdir() if files.valid_name(p.name) and p.is_dir() and versions(p))


def versions(model_folder: Path) -> list[str]:
    """The versions of a model, oldest first. A folder without a manifest is not (yet) one."""
    if not model_folder.is_dir():
        return []
    try:
        found = [p.name for p in model_folder.iterdir() if files.valid_version(p.name) and _is_whole(p)]
    except OSError as error:
        raise FilesError(f"{model_folder} cannot be listed: {error.strerror}") from error
    return sorted(found, key=files.version_key)


def resolve(model_folder: Path) -> Path:
    """The bundle folder to serve: the one `current` names, else the highest version.

    Raises NoBundleError (no such version) or FilesError (a pointer that names none, a version that is a link).
    """
    pointer = model_folder / files.CURRENT
    try:
        version = _read_regular(pointer, limit=256).decode("ascii", "replace").strip()
    except FileNotFoundError:
        available = versions(model_folder)
        if not available:
            raise NoBundleError(f"there is no bundle in {model_folder}") from None
        version = available[-1]
    if not files.valid_version(version):
        raise FilesError(f"{pointer} does not name a version", hint="write one of the version folders' names into it")
    folder = model_folder / version
    if folder.is_symlink():
        raise FilesError(f"version {version!r} of {model_folder} is a link", hint="copy the version's folder instead")
    if not _is_whole(folder):
        raise NoBundleError(f"{model_folder} has no whole version {version!r}")
    return folder.resolve()


def _is_whole(folder: Path) -> bool:
    """A version appears in one rename, so a manifest in it means that all is there. An unreadable folder has none."""
    try:
        return not folder.is_symlink() and (folder / files.MANIFEST).is_file()
    except OSError:
        return False


def read_bundle(folder: Path, admit: Admit | None = None) -> Bundle:
    """Read and verify one bundle folder. Costs one read and one sha256 of its bytes.

    Raises NoBundleError, FilesError, HashError, ManifestError or ContentError, or what `admit` raises; nothing is
    returned half-read.
    """
    if not folder.is_dir():
        raise NoBundleError(f"{folder} is not a bundle folder")
    try:
        raw_manifest = _read_regular(folder / files.MANIFEST, limit=MAX_MANIFEST_BYTES, larger=ManifestError)
    except FileNotFoundError:
        raise ManifestError(f"{folder} has no {files.MANIFEST}") from None
    manifest = parse_manifest(raw_manifest)
    _check_listing(folder, manifest)
    if admit is not None:
        admit(manifest)
    content = {name: _read_verified(folder / name, entry) for name, entry in manifest.files.items()}
    parts = check_content(manifest, content)
    return Bundle(
        bundle_id=hashlib.sha256(raw_manifest).hexdigest()[:16],
        folder=folder,
        manifest=manifest,
        catalogue=parts.catalogue,
        factors=parts.factors,
        latent_map=parts.latent_map,
        graphs={name: content[name] for name in manifest.graphs.files},
    )


def _check_listing(folder: Path, manifest: Manifest) -> None:
    expected = manifest.payload
    if set(manifest.files) != expected:
        raise FilesError(f"the manifest lists {sorted(manifest.files)}, this bundle holds {sorted(expected)}")
    try:
        extra = {p.name for p in folder.iterdir()} - expected - {files.MANIFEST}
    except OSError as error:
        raise FilesError(f"{folder} cannot be listed: {error.strerror}") from error
    if extra:
        raise FilesError(f"{len(extra)} files are in the bundle folder but not in its manifest, e.g. {min(extra)!r}")
    total = sum(entry.size for entry in manifest.files.values())
    if total > files.MAX_BUNDLE_BYTES:
        raise FilesError(f"the bundle has {total} bytes, at most {files.MAX_BUNDLE_BYTES} are read")


def _read_verified(path: Path, entry: FileEntry) -> bytes:
    try:
        content = _read_regular(path, limit=entry.size)
    except FileNotFoundError:
        raise FilesError(f"{path.name} is missing") from None
    if len(content) != entry.size:
        raise FilesError(f"{path.name} has {len(content)} bytes, the manifest says {entry.size}")
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise HashError(f"the content of {path.name} is not what the manifest describes (sha256 differs)")
    return content


def _read_regular(path: Path, *, limit: int, larger: type[BundleError] = FilesError) -> bytes:
    """The bytes of a regular file; a link, folder, fifo or socket is refused unopened.

    larger: what is raised for more than `limit` bytes; FilesError for all else.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FilesError(f"{path.name} cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise FilesError(f"{path.name} is not a regular file")
        if status.st_size > limit:
            raise larger(f"{path.name} has {status.st_size} bytes, at most {limit} are expected")
        with os.fdopen(fd, "rb", closefd=False) as handle:
            return handle.read(limit + 1)
    except OSError as error:
        raise FilesError(f"{path.name} cannot be read: {error.strerror}") from error
    finally:
        os.close(fd)
