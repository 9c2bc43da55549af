"""Where histories live when nobody says: one store a model, beside its folder, so that data sets never share users."""

from __future__ import annotations

from pathlib import Path

from bundle.errors import BundleError
from bundle.reader import model_names
from service.settings import Settings, SettingsError
from service.store_url import SQLITE, is_sqlite

FALLBACK = "store"


def known_models(models: Path) -> list[str]:
    """The models that are there now, sorted; none when the folder cannot be looked into (the watcher says why)."""
    try:
        return model_names(models)
    except (BundleError, OSError):
        return []


def default_store(models: Path, model: str | None = None) -> str:
    """`sqlite:///<models>/<model>.sqlite`; of the only model there when none is named, else `<models>/store.sqlite`."""
    if model is None:
        found = known_models(models)
        model = found[0] if len(found) == 1 else None
    return f"sqlite:///{models / f'{model or FALLBACK}.sqlite'}"


def is_provisional(settings: Settings) -> bool:
    """Whether neither a store nor a model is known: the store's name may be another one at the next start."""
    return settings.store_url is None and settings.default_model is None and len(known_models(settings.models)) != 1


def store_url_of(settings: Settings) -> str:
    """The store of these settings: the one that is named, else the default one of their model."""
    return settings.store_url or default_store(settings.models, settings.default_model)


def check_store_folder(url: str) -> None:
    """Raise SettingsError for a file in a folder that is not there: a typo would be an empty store in a new one."""
    folder = Path(url.removeprefix(SQLITE)).parent
    if is_sqlite(url) and not folder.is_dir():
        raise SettingsError(
            f"the store {url} is in a folder that does not exist",
            hint=f"correct --store or PRISMREC_STORE_URL (sqlite:////... begins at the root), or mkdir -p {folder}",
        )
