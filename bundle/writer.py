"""Writing a bundle so that a reader sees all of it or nothing.

Order: stage beside the target -> write and fsync every file -> manifest last -> fsync the folder -> rename to the
version -> fsync the parent -> new pointer, fsync, replace, fsync the parent. A version is never written twice.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from bundle import files
from bundle.errors import FilesError
from bundle.manifest import FileEntry, Manifest, encode, parse_manifest


def file_entries(payload: Mapping[str, bytes]) -> dict[str, FileEntry]:
    """Size and sha256 of each file, as the manifest lists them."""
    return {
        name: FileEntry(size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in sorted(payload.items())
    }


def next_version(model_folder: Path) -> str:
    """The version after the highest whole number used in `model_folder`; "1" for a new model."""
    used = [int(p.name) for p in model_folder.iterdir() if p.name.isdigit()] if model_folder.is_dir() else []
    return str(max(used, default=0) + 1)


def check_target(model_folder: Path, version: str) -> None:
    """Refuse, before any long work, a target that could not be written: bad names, a used version, a file in the way."""
    for name in (model_folder.name, version):
        if not files.valid_name(name):
            raise FilesError(
                f"{name!r} cannot name a model or a version",
                hint="use letters, digits, '.', '_' and '-', starting with a letter or digit",
            )
    if model_folder.exists() and not model_folder.is_dir():
        raise FilesError(f"{model_folder} is a file, not a folder", hint="choose another --out")
    if (model_folder / version).exists():
        raise FilesError(
            f"{model_folder / version} exists; a version is never overwritten",
            hint="leave --version out to take the next one",
        )
    model_folder.mkdir(parents=True, exist_ok=True)
    if not os.access(model_folder, os.W_OK):
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

    payload        file name -> bytes, exactly `files.PAYLOAD`
    make_manifest  gets the file table and returns the manifest
    Raises FilesError (target refused), ManifestError (manifest contradicts itself), OSError (disk); after an
    error nothing but an older bundle is visible.
    """
    if set(payload) != set(files.PAYLOAD):
        raise FilesError(f"a bundle holds {sorted(files.PAYLOAD)}, got {sorted(payload)}")
    check_target(model_folder, version)
    manifest = encode(make_manifest(file_entries(payload)))
    parse_manifest(manifest)
    sweep_staging(model_folder)
    staging = model_folder / f"{files.STAGING_PREFIX}{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        for name, content in payload.items():
            files.write_durably(staging / name, content)
        files.write_durably(staging / files.MANIFEST, manifest)
        files.sync_folder(staging)
        staging.rename(model_folder / version)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    files.sync_folder(model_folder)
    if make_current:
        point_current(model_folder, version)
    return model_folder / version


def point_current(model_folder: Path, version: str) -> None:
    """Let `current` name `version`, in one atomic step."""
    staged = model_folder / f"{files.STAGING_PREFIX}{secrets.token_hex(8)}"
    files.write_durably(staged, f"{version}\n".encode())
    staged.replace(model_folder / files.CURRENT)
    files.sync_folder(model_folder)


def sweep_staging(model_folder: Path) -> None:
    """Remove what an interrupted export left behind. One exporter per model folder is assumed."""
    for stale in model_folder.glob(f"{files.STAGING_PREFIX}*"):
        if stale.is_dir():
            shutil.rmtree(stale, ignore_errors=True)
        else:
            stale.unlink(missing_ok=True)
