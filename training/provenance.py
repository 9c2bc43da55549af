"""Which code makes the numbers: versions of the libraries and the commit of the checkout."""

from __future__ import annotations

import hashlib
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from training.run_info import Git

SHAPES_NOTHING = frozenset({"bench", "decode", "export", "measures", "tune"})
"""Parts of this package that come after the training and the measuring, or only call them."""
LIBRARIES = ("prismrec", "torch", "lightning", "numpy", "scipy", "polars", "onnx", "onnxruntime")


def library_versions() -> dict[str, str]:
    """Name -> version of the installed libraries that shape the numbers."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def code_digest(folder: Path | None = None) -> str:
    """12 hex digits of the sources (of this package by default) that shape weights and figures.

    Unlike the commit it says whether that code differs: a change of the documents leaves it, a changed work tree does
    not hide in it.
    """
    folder = folder or Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if name.parts[0] not in SHAPES_NOTHING:
            digest.update(f"{name.as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def git_state(folder: Path | None = None) -> Git | None:
    """The commit of the code in `folder` (default: this package's), None where it is not a checkout of its own."""
    folder = folder or Path(__file__).parent
    commit = _git(folder, "rev-parse", "HEAD")
    tracked = _git(folder, "ls-files", "--error-unmatch", str(folder))  # not some other project's checkout around us
    if commit is None or tracked is None:
        return None
    return Git(commit=commit, dirty=bool(_git(folder, "status", "--porcelain", "--untracked-files=no")))


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
