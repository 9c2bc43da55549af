"""Options from three places: code defaults < the file of -c < the command line. An unknown section or key is an error.

The file is TOML with a section for each part that has options:

    [model]
    kind = "c-vae"
    latent = 32
    [fit]
    epochs = 60
    [guide]
    attributes = "genre, year"
    [protocol]
    min_items = 5
    [decode]
    permutations = 1000

A former run's run.json is read in its place: its settings are then those of the file, and `former` is the run.

On the command line the same keys are `--set latent=32`, or `--set fit.epochs=60` where two sections have the key.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from prismrec.failures import CommandError

if TYPE_CHECKING:
    from prismrec.former import FormerRun

SECTIONS = ("model", "fit", "guide", "protocol", "decode")
T = TypeVar("T")
Section = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Config:
    """What file and `--set` said, section by section, not yet checked against the keys a section has."""

    model: Section = field(default_factory=dict)
    fit: Section = field(default_factory=dict)
    guide: Section = field(default_factory=dict)
    protocol: Section = field(default_factory=dict)
    decode: Section = field(default_factory=dict)
    former: FormerRun | None = None

    def section(self, name: str) -> Section:
        found: Section = getattr(self, name)
        return found


def read_config(path: Path | None) -> Config:
    """The sections of a TOML file or of a former run; an empty Config without a file. Raises CommandError."""
    if path is None:
        return Config()
    if path.suffix == ".json":
        from prismrec.former import read_former

        former = read_former(path)
        return Config(**former.sections(), former=former)
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CommandError(
            f"{path} is not valid TOML: {error}",
            hint="write sections [model], [fit], [guide], [protocol], [decode] with lines key = value",
        ) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error
    _refuse_unknown(content, SECTIONS, what="section", where=str(path))
    loose = [name for name, section in content.items() if not isinstance(section, dict)]
    if loose:
        raise CommandError(f"{path}: {loose[0]!r} must be a section", hint=f"write [{loose[0]}] and its keys below")
    return Config(**content)


def with_settings(config: Config, settings: Sequence[str], *, keys: Mapping[str, Iterable[str]]) -> Config:
    """`config` with each `key=value` or `section.key=value` put over it.

    keys  the known keys of each section; a bare key must belong to exactly one. Values are TOML (1e-3, true, [1, 2]),
    and text where they are not.
    """
    found = {name: dict(config.section(name)) for name in SECTIONS}
    for setting in settings:
        name, equals, raw = setting.partition("=")
        if not equals or not name:
            raise CommandError(f"--set got {setting!r}, expected key=value", hint="for example --set latent=32")
        section, key = _place(name.strip(), keys)
        found[section][key] = _value(raw.strip())
    return dataclasses.replace(config, **found)


def refuse_unknown_keys(config: Config, keys: Mapping[str, Iterable[str]], *, where: str) -> None:
    """CommandError for a key that its section does not have; it names the nearest and all that there are."""
    for name in SECTIONS:
        _refuse_unknown(config.section(name), keys[name], what="key", where=f"{where} [{name}]")


def build(cls: type[T], section: str, *layers: Mapping[str, Any]) -> T:
    """An options object (dataclass or pydantic model) from layers, later ones first; None means "not said".

    Raises CommandError for a key that `cls` lacks or a value it refuses.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        values.update({key: value for key, value in layer.items() if value is not None})
    _refuse_unknown(values, keys_of(cls), what="key", where=f"[{section}]")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        if type(error).__name__ == "ValidationError":
            raise
        raise CommandError(f"[{section}]: {error}", hint=f"known keys: {', '.join(keys_of(cls))}") from error


def keys_of(cls: type[Any]) -> list[str]:
    """The names that a dataclass or a pydantic model takes, sorted."""
    if dataclasses.is_dataclass(cls):
        return sorted(f.name for f in dataclasses.fields(cls) if f.init)
    return sorted(cls.model_fields)


def _place(name: str, keys: Mapping[str, Iterable[str]]) -> tuple[str, str]:
    section, dot, key = name.partition(".")
    if dot:
        _refuse_unknown([section], SECTIONS, what="section", where="--set")
        _refuse_unknown([key], keys.get(section, ()), what="key", where=f"--set {section}")
        return section, key
    homes = [section for section in keys if name in keys[section]]
    if len(homes) == 1:
        return homes[0], name
    if homes:
        raise CommandError(
            f"--set {name}: the sections {' and '.join(homes)} both have it", hint=f"write --set {homes[0]}.{name}=..."
        )
    known = sorted({key for section in keys.values() for key in section})
    raise CommandError(f"--set {name}: there is no such key", hint=_nearest(name, known))


def _value(raw: str) -> Any:
    try:
        return tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        return raw


def _refuse_unknown(names: Iterable[str], known: Iterable[str], *, what: str, where: str) -> None:
    known = sorted(known)
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise CommandError(f"{where}: unknown {what} {unknown[0]!r}", hint=_nearest(unknown[0], known))


def _nearest(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches

    near = "".join(f"did you mean {close!r}? " for close in get_close_matches(name, known, n=1))
    return f"{near}known: {', '.join(known)}"
