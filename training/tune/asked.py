"""What the user says is to be searched: `--search learning_rate=3e-4:3e-3:log --search latent=100,200 --search tau`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from training.errors import ConfigError
from training.models.registry import entry_for
from training.options import FitConfig, FitOptions
from training.tune.space import Space, options_of

EXAMPLES = "e.g. latent=100,200 or learning_rate=3e-4:3e-3:log, or a bare name for its usual range"
Value = bool | int | float | str


def asked_space(kind: str, usual: Space, said: Sequence[str]) -> dict[str, BaseDistribution]:
    """The distributions that `said` names, and no others. usual: those that the code would search.

    ConfigError for a name that the model and the training do not have, or a range that is none.
    """
    space: dict[str, BaseDistribution] = {}
    for word in said:
        key, equals, text = word.partition("=")
        name = _name(kind, key.strip())
        space[name] = _distribution(name, text.strip(), usual.get(name)) if equals else _usual(name, usual)
    return space


def check_space(base: FitOptions, space: Mapping[str, BaseDistribution]) -> None:
    """ConfigError when the model or the training refuses an end of a range or a choice, before any trial."""
    for name, found in space.items():
        ends = found.choices if isinstance(found, CategoricalDistribution) else (_low(found), _high(found))
        for end in ends:
            options_of(base, {name: end})


def _name(kind: str, key: str) -> str:
    """ "model.latent" of "latent"; ConfigError names what is near."""
    keys = {"model": list(entry_for(kind).config.model_fields), "fit": list(FitConfig.model_fields)}
    known = [f"{section}.{name}" for section, names in keys.items() for name in names]
    homes = [name for name in known if key in (name, name.partition(".")[2])]
    if len(homes) == 1:
        return homes[0]
    near = get_close_matches(key, [*known, *(name for names in keys.values() for name in names)], n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ConfigError(f"--search {key!r} is no setting of {kind} or its training", hint=f"{hint}{', '.join(known)}")


def _usual(name: str, usual: Space) -> BaseDistribution:
    if name not in usual:
        raise ConfigError(f"--search {name}: there is no usual range for it", hint=f"say which values: {EXAMPLES}")
    return usual[name]


def _distribution(name: str, text: str, usual: BaseDistribution | None) -> BaseDistribution:
    low, colon, high = text.partition(":")
    high, _, form = high.partition(":")
    log = form == "log" or (not form and isinstance(usual, FloatDistribution) and usual.log)
    try:
        if not colon:
            return CategoricalDistribution(tuple(_value(part.strip()) for part in text.split(",")))
        ends = _value(low.strip()), _value(high.strip())
        if (
            form in ("", "log")
            and all(isinstance(end, int) for end in ends)
            and not isinstance(usual, FloatDistribution)
        ):
            return IntDistribution(int(ends[0]), int(ends[1]), log=log)
        if form in ("", "log"):
            return FloatDistribution(float(ends[0]), float(ends[1]), log=log)
    except ValueError as error:
        raise ConfigError(f"--search {name}={text} is no range: {error}", hint=EXAMPLES) from error
    raise ConfigError(f"--search {name}={text} is no range: {form!r} is not log", hint=EXAMPLES)


def _value(text: str) -> Value:
    """A JSON scalar, and text where it is none."""
    if not text:
        raise ValueError("a value is empty")
    try:
        found: Value = json.loads(text)
    except ValueError:
        return text
    return found


def _low(found: BaseDistribution) -> float:
    assert isinstance(found, IntDistribution | FloatDistribution)
    return found.low


def _high(found: BaseDistribution) -> float:
    assert isinstance(found, IntDistribution | FloatDistribution)
    return found.high
