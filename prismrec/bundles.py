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


def model_of(path: Path) -> Path:
    """The model's folder that `find_bundle` takes its bundle from, as it is named (a link is not followed)."""
    named = path.resolve() if ".." in path.parts else path.absolute()
    if any((named / name).exists() for name in (files.MANIFEST, *files.PAYLOAD)):
        return named.parent
    names = model_names(named)
    return named / names[0] if len(names) == 1 and not (named / files.CURRENT).exists() else named


def load(path: Path) -> LoadedBundle:
    """The bundle, verified and loaded as the service does it."""
    from service.bundles.loader import load_bundle

    return load_bundle(find_bundle(path))


def store_for(url: str | None, model: Path | None = None) -> str:
    """The store of --store, else of PRISMREC_STORE_URL, else the default one beside the model's folder.

    model: its folder; None = that of PRISMREC_MODEL, or the only one in PRISMREC_MODELS. Raises SettingsError where a
    store that was named is a file in a folder that does not exist.
    """
    from service.settings import load_settings
    from service.store_place import check_store_folder, default_store, store_url_of

    settings = load_settings(store_url=url)
    if settings.store_url is not None:
        check_store_folder(settings.store_url)
    if settings.store_url is None and model is not None:
        return default_store(model.parent, model.name or None)
    return store_url_of(settings)


def shown_store(url: str) -> str:
    """A store's URL as it is printed: a password in it is not."""
    from service.store_url import shown

    return shown(url)


@contextmanager
def opened_store(url: str, *, needed: bool = True) -> Iterator[Store]:
    """The store at a URL, closed afterwards; one that is not needed and cannot be opened refuses when it is asked."""
    from service.store import open_or_degrade, open_store

    with closing(open_store(url) if needed else open_or_degrade(url)) as store:
        yield store
