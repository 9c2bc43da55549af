"""What a steering asks of a list, value by value: the measure of what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bundle.factors import Half
from service.engine import LoadedBundle
from service.steering.steer import Terms, directions_of

NAME = "name"
"""Who asks for a value by its name; else it is a factor."""


@dataclass(slots=True)
class Wish:
    """What is expected of one value.

    strength  the sum of the strengths that ask for it: above 0 more of it, below 0 less
    by        who asks: NAME, or "factor 7"; nobody: the value is worth a figure, and nothing is expected of it
    """

    attribute: str
    value: str
    strength: float = 0.0
    by: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that is asked by terms that are not 0.

    values    each once, those asked for by name first
    numbers   numeric attributes that steered factors were tied to, with the sum of their strengths: above 0 larger ones
    nameless  steered factors of which nothing is known on the side they are pushed to
    n_terms   strengths and locks
    """

    values: tuple[Wish, ...]
    numbers: Mapping[str, float]
    nameless: tuple[str, ...]
    n_terms: int


def wishes_of(loaded: LoadedBundle, terms: Terms) -> Wishes:
    """What valid terms (service.steering.steer.shift_of took them) ask for.

    A value by name, and a factor for what it was tied to in training: more in its positive half, less in the other. A
    factor that was not tied to a value asks for what the half is read as; of one that was, that is only told.
    """
    factors = {name: strength for name, strength in terms.factors.items() if strength != 0.0}
    attributes = {name: strength for name, strength in terms.attributes.items() if strength != 0.0}
    wishes: dict[tuple[str, str], Wish] = {}
    directions = directions_of(loaded)
    for name, strength in attributes.items():
        _add(loaded, wishes, Wish(directions[name].attribute, directions[name].value, strength, [NAME]))
    for name, strength in factors.items():
        for wish in _of_factor(loaded, name, strength):
            _add(loaded, wishes, wish)
    return Wishes(
        values=tuple(wishes.values()),
        numbers=_numbers(loaded, factors),
        nameless=tuple(name for name, strength in factors.items() if not _is_named(loaded, name, strength)),
        n_terms=len(factors) + len(attributes) + len(terms.lock),
    )


def _add(loaded: LoadedBundle, wishes: dict[tuple[str, str], Wish], wish: Wish) -> None:
    """Together with what else asks for the value; a value that no item of the catalogue can have is left out."""
    known = loaded.catalogue.attribute(wish.attribute)
    if known is None or wish.value not in known.values:
        return
    kept = wishes.setdefault((wish.attribute, wish.value), Wish(wish.attribute, wish.value))
    kept.strength += wish.strength
    kept.by += wish.by


def _of_factor(loaded: LoadedBundle, name: str, strength: float) -> list[Wish]:
    factor = loaded.factors.factors[int(name)]
    guide, reading = factor.guide, factor.reading(_half(strength))
    found = []
    if guide is not None and guide.value is not None:
        found.append(Wish(guide.attribute, guide.value, strength, [f"factor {name}"]))
    if reading.attribute is not None and reading.value is not None:
        read = Wish(reading.attribute, reading.value)
        found.append(read if found else Wish(read.attribute, read.value, abs(strength), [f"factor {name}"]))
    return found


def _numbers(loaded: LoadedBundle, factors: dict[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, strength in factors.items():
        guide = loaded.factors.factors[int(name)].guide
        attribute = None if guide is None or guide.value is not None else loaded.catalogue.attribute(guide.attribute)
        if attribute is not None and attribute.numbers:
            found[attribute.name] = found.get(attribute.name, 0.0) + strength
    return found


def _is_named(loaded: LoadedBundle, name: str, strength: float) -> bool:
    factor = loaded.factors.factors[int(name)]
    return factor.guide is not None or factor.reading(_half(strength)).attribute is not None


def _half(strength: float) -> Half:
    return "positive" if strength > 0 else "negative"
