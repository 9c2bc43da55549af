"""What `prismrec doctor` says of serving: the very checks that the service's start makes, one line each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bundle.errors import BundleError
from bundle.reader import resolve
from prismrec.checks import Line, check_writable
from prismrec.failures import EXTRA_OF

if TYPE_CHECKING:
    from bundle.reader import Admit
    from service.engine import LoadedBundle
    from service.settings import Settings


def serving_lines(**flags: object) -> list[Line]:
    """The checks of a service with these flags (None = not given) over the PRISMREC_* variables."""
    absent = [package for package in EXTRA_OF["serve"] if find_spec(package) is None]
    if absent:
        return [Line("serving", passed=None, detail="not asked: the extra serve is not installed")]
    from service.settings import SettingsError, load_settings

    try:
        settings = load_settings(**flags)
    except SettingsError as error:
        return [Line("settings", passed=False, detail=error.message, hint=error.hint)]
    return [
        check_exposure(settings),
        *check_ports(settings),
        check_trained_into("models", settings.models),
        *check_models(settings),
        check_store(settings),
    ]


def check_trained_into(what: str, folder: Path) -> Line:
    """Whether a folder can be written where training can be: who only serves may have it read-only."""
    if find_spec("torch") is None:
        return Line(f"write access to {what}", passed=None, detail="only training needs it")
    return check_writable(what, folder)


def check_exposure(settings: Settings) -> Line:
    """Whether the service would answer strangers without a key."""
    asks = "asks for keys" if settings.has_keys else "asks for no keys"
    return _asked("settings", settings.check_exposure, f"would listen on {settings.host}, {asks}")


def check_ports(settings: Settings) -> list[Line]:
    """Whether the service could listen where it is to, /metrics included."""
    lines = [check_port(settings.port, settings.host)]
    if settings.metrics_port is not None:
        lines.append(check_port(settings.metrics_port, settings.metrics_host or settings.host, metrics=True))
    return lines


def check_port(port: int, host: str = "127.0.0.1", *, metrics: bool = False) -> Line:
    """Whether the service could listen there."""
    from service.starting import listen

    name = "port of /metrics" if metrics else "port"
    return _asked(name, lambda: listen(host, port, metrics=metrics).close(), f"{port} on {host} is free")


def check_models(settings: Settings) -> list[Line]:
    """Each model to be served: it is there, and its version is loaded as the service would, beside the others."""
    from service.app import admission
    from service.starting import check_models, missing_models, served_names
    from service.store_place import known_models

    line = _asked("models", lambda: check_models(settings), str(settings.models))
    there = known_models(settings.models)
    if line.passed is False:
        return [line]
    missing = {one.name: one.error for one in missing_models(settings)}
    names, held = served_names(settings) or tuple(there), list[object]()
    if not there:
        waited = f"{', '.join(names)} not there; the service waits for it" if names else "make demo makes one"
        return [Line("models", passed=None, detail=f"none in {settings.models} yet; {waited}")]
    lines = []
    for name in names:
        if name in missing:
            lines.append(Line(f"model {name}", passed=False, detail=missing[name].message, hint=missing[name].hint))
        else:
            lines.append(check_model(settings.models / name, admit=admission(settings), hold=held.append))
    return lines


def check_model(folder: Path, *, admit: Admit | None, hold: Callable[[LoadedBundle], None]) -> Line:
    """Whether the version that a model serves is taken. hold: keeps it in memory, as a service of several does."""
    from service.bundles.loader import load_bundle

    name, version = f"model {folder.name}", None
    try:
        version = resolve(folder)
        loaded = load_bundle(version, admit=admit)
    except BundleError as error:
        found = "" if version is None else f"version {version.name} is refused: "
        return Line(name, passed=False, detail=f"{found}{error.message}", hint=error.hint)
    hold(loaded)
    return Line(name, passed=True, detail=f"version {version.name} loads, bundle {loaded.bundle_id}")


def check_store(settings: Settings) -> Line:
    """Whether the store can be used, or made where it is to be."""
    from service.errors import ServiceError
    from service.store_place import check_store_folder, store_url_of
    from service.store_url import SQLITE, is_sqlite, shown

    url = store_url_of(settings)
    path = Path(url.removeprefix(SQLITE))
    try:
        if settings.store_url is not None:
            check_store_folder(url)
        if is_sqlite(url) and not path.exists():
            writable = check_writable("store", path.parent)
            return Line("store", writable.passed, f"{path} (will be made)", hint=writable.hint)
        detail = _looked_at(url)
    except ServiceError as error:
        return Line("store", passed=False, detail=f"{shown(url)}: {error.detail}", hint=error.hint)
    hint = "make it writable; a standby server is not"
    return Line("store", detail is not None, f"{shown(url)} {detail or 'answers and takes no writes'}", hint=hint)


def _looked_at(url: str) -> str | None:
    """What a store says of itself; None = it takes no writes. Tables of a database are not made here."""
    from service.store import open_store
    from service.store_url import is_postgres

    if is_postgres(url):
        from service.store.postgres_pool import Database

        if not Database(url).look():
            return "answers; its tables will be made"
    with closing(open_store(url)) as store:
        return "answers" if store.ping() else None


def _asked(name: str, check: Callable[[], object], detail: str) -> Line:
    """The line of a check that raises SettingsError."""
    from service.settings import SettingsError

    try:
        check()
    except SettingsError as error:
        return Line(name, passed=False, detail=error.message, hint=error.hint)
    return Line(name, passed=True, detail=detail)
