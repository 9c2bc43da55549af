"""Finding a bundle, and the store beside it, for the verbs that use the service's engine from the shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bundle import files
from bundle.errors import NoBundleError
from bundle.reader import model_names, resolve

if TYPE_CHECKING:
    from service.engine import LoadedBundle
    from service.store import Store


def find_bundle(path: Path) -> Path:
    """The bundle folder that a path means: itself, a model's current version, or that of the only model below it."""
    if any((path / name).exists() for name in (files.MANIFEST, *files.PAYLOAD)):
        return path
    if not path.exists():
        raise NoBundleError(f"{path} does not exist")
    names = model_names(path)
    if len(names) == 1 and not (path / files.CURRENT).exists():
        return resolve(path / names[0])
    if len(names) > 1 and not (path / files.CURRENT).exists():
        raise NoBundleError(f"{path} holds the models {', '.join(names)}", hint=f"name one: {path / names[0]}")
    return resolve(path)


def load(path: Path) -> LoadedBundle:
    """The bundle, verified and loaded as the service does it."""
    from service.loader import load_bundle

    return load_bundle(find_bundle(path))


@contextmanager
def opened_store(url: str | None) -> Iterator[Store]:
    """The store of --store, else of PRISMREC_STORE_URL, else the embedded default; closed afterwards."""
    from service.settings import load_settings
    from service.store import open_store

    with closing(open_store(url or load_settings().store_url)) as store:
        yield store
