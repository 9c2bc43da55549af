"""Settings from outside, checked: every defect is a ConfigError that says what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from training.errors import ConfigError

Settings = TypeVar("Settings", bound=BaseModel)


def checked(kind: type[Settings], overrides: Mapping[str, object], *, what: str) -> Settings:
    """Build `kind` from its defaults and `overrides`. Unknown keys and values out of bounds are ConfigErrors."""
    known = list(kind.model_fields)
    for key in overrides:
        if key not in known:
            near = "".join(f"did you mean {name!r}? " for name in get_close_matches(key, known, n=1))
            raise ConfigError(f"{what} has no setting {key!r}", hint=f"{near}the settings are: {', '.join(known)}")
    try:
        return kind(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        meaning = kind.model_fields[name].description if name in known else None
        raise ConfigError(
            f"{what}: {name} is {first.get('input')!r}; {first['msg']}",
            hint=f"{name}: {meaning or 'see the documentation'}",
        ) from error
