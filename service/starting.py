"""What is asked before anything is served: `python -m service`, `prismrec serve` and `prismrec doctor` ask the same.

A service may be started before its bundle is there, so a model that is missing is no reason to refuse by itself;
settings under which none could ever come are.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from bundle import files
from bundle.errors import BundleError
from bundle.reader import versions
from service.settings import Settings, SettingsError
from service.store_place import check_store_folder, known_models

BACKLOG = 512
MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class Missing:
    """A model that is to be served and is not there, while others are. near: one that is and is spelled alike."""

    name: str
    models: Path
    there: tuple[str, ...]
    near: str | None

    @property
    def error(self) -> SettingsError:
        """The refusal, for who will not wait for it."""
        return SettingsError(
            f"there is no model {self.name!r} in {self.models}; there are: {_listed(self.there)}",
            hint=f"did you mean {self.near}?" if self.near else "name one of these with --model or PRISMREC_MODEL",
        )


def check_start(settings: Settings) -> None:
    """Raise SettingsError where a service of these settings would answer strangers, or could never have a model."""
    settings.check_exposure()
    check_models(settings)
    if settings.store_url is not None:
        check_store_folder(settings.store_url)


def check_models(settings: Settings) -> None:
    """Raise SettingsError unless PRISMREC_MODELS can be a folder of models, and which of them is meant is known."""
    _check_folder(settings.models)
    for name in served_names(settings):
        if not files.valid_name(name):
            near = Path(name).name
            there = near in known_models(settings.models)
            raise SettingsError(
                f"{name!r} is no model's name, it is to be that of a folder in {settings.models}",
                hint=f"did you mean {near}?" if there else "names have letters, digits, dots, dashes and underlines",
            )
    _check_named(settings)


def missing_models(settings: Settings) -> list[Missing]:
    """The models that are to be served and are not there, while others are: perhaps to come, perhaps misspelled."""
    there = known_models(settings.models)
    if not there:
        return []
    return [
        Missing(name, settings.models, tuple(there), _near(name, there))
        for name in served_names(settings)
        if name not in there and not (settings.models / name).is_dir()
    ]


def served_names(settings: Settings) -> tuple[str, ...]:
    """The names of the models to be served, the default one first; () = whichever is alone there."""
    if settings.default_model is None:
        return ()
    return tuple(dict.fromkeys((settings.default_model, *settings.serve)))


def listen_all(settings: Settings) -> Iterator[socket.socket]:
    """The listening sockets, made before anything is loaded, so that a taken port is said at once."""
    yield listen(settings.host, settings.port)
    if settings.metrics_port is not None:
        yield listen(settings.metrics_host or settings.host, settings.metrics_port, metrics=True)


def listen(host: str, port: int, *, metrics: bool = False) -> socket.socket:
    """A listening socket; port 0 = any that is free. Raises SettingsError, which says which settings to change."""
    names = ("PRISMREC_PORT (or --port)", "PRISMREC_HOST (or --host)")
    if metrics:
        names = ("PRISMREC_METRICS_PORT", "PRISMREC_METRICS_HOST")
    listening = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint=f"set {names[0]} to a free port, and {names[1]} to an address of this machine",
        ) from None
    return listening


def _check_folder(models: Path) -> None:
    """Raise SettingsError for a version's folder, or a model's: what stands in it is no model."""
    if (models / files.MANIFEST).is_file():
        above, model = models.absolute().parent.parent, models.absolute().parent.name
        raise SettingsError(f"{models} is a version of a model, not a folder of models", hint=_meant(above, model))
    try:
        is_model = bool(versions(models))
    except BundleError:
        return  # it cannot be listed: the watcher says so, and looks again
    if is_model and not known_models(models):
        folder = models.absolute()
        raise SettingsError(f"{models} is a model, not a folder of models", hint=_meant(folder.parent, folder.name))


def _meant(models: Path, model: str) -> str:
    here = Path.cwd()
    shown = models.relative_to(here) if models.is_relative_to(here) else models
    return f"did you mean --models {shown} --model {model} (PRISMREC_MODELS, PRISMREC_MODEL)?"


def _check_named(settings: Settings) -> None:
    """Raise SettingsError when one of several models must be named; an empty folder may get its model later."""
    names = known_models(settings.models)
    if settings.default_model is not None or len(names) < 2:
        return
    raise SettingsError(
        f"{settings.models} holds several models ({_listed(names)}), and one can be served",
        hint=f"name it with --model {names[0]} or PRISMREC_MODEL={names[0]};"
        f" PRISMREC_SERVE={','.join(names[:2])} serves several",
    )


def _listed(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _near(name: str, there: list[str]) -> str | None:
    """A model spelled alike, or one that begins so (`ml` for `ml-1m`), or the only one."""
    close = get_close_matches(name, there, n=1) or [one for one in there if one.startswith(name)]
    return close[0] if close else there[0] if len(there) == 1 else None
