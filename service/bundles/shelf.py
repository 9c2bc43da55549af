"""Where a model's bundles stand: which one is to be served, which others there are, and what each is made of now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bundle import files
from bundle.errors import BundleError, NoBundleError
from bundle.reader import model_names, resolve, versions
from service.errors import UnknownBundleError


@dataclass(frozen=True, slots=True)
class Target:
    """A bundle's folder as it is now, resolved: (name, size, time, inode) of each file in it."""

    folder: Path
    files: tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The bundles of one model: models/<name>, or the only model of `models` where name is None."""

    models: Path
    name: str | None = None

    def wanted(self) -> Target:
        """The bundle to serve: the one that `current` names, else the highest version. Raises BundleError, OSError."""
        return target(resolve(self._folder()))

    def newest_first(self) -> list[Target]:
        """All versions, the highest first. Raises BundleError, OSError."""
        folder = self._folder()
        return [target((folder / version).resolve()) for version in reversed(versions(folder))]

    def chosen(self, version: str | None) -> Path:
        """The folder of a version; of the one to serve for None. Raises UnknownBundleError."""
        try:
            folder = self._folder()
            if version is None:
                return resolve(folder)
        except BundleError as error:
            raise UnknownBundleError(error.message, hint=error.hint) from error
        if not files.valid_version(version) or not (folder / version / files.MANIFEST).is_file():
            raise UnknownBundleError("the model has no such version")
        return (folder / version).resolve()

    def _folder(self) -> Path:
        if self.name is not None:
            return self.models / self.name
        found = model_names(self.models)
        if len(found) != 1:
            raise NoBundleError(
                f"{self.models} holds {len(found)} models with bundles, one was expected",
                hint="name one in PRISMREC_MODEL" if found else None,
            )
        return self.models / found[0]


def target(folder: Path) -> Target:
    """What is in the folder now. Raises OSError."""
    listed = []
    for path in sorted(folder.iterdir()):
        status = path.lstat()
        listed.append((path.name, status.st_size, status.st_mtime_ns, status.st_ino))
    return Target(folder, tuple(listed))
