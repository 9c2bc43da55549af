"""Stored preferences: what of them the served bundle can follow."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.query import FloatArray
from service.schemas.steering import Steer
from service.steering.steer import Terms, directions_of, shift_of
from service.store.protocol import Preferences

UNREADABLE = "the stored preferences were written by another version and cannot be read; put them again"


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """Preferences on a bundle: the terms it can follow, their shift (None: nothing), and what it cannot and why."""

    terms: Terms
    shift: FloatArray | None
    ignored: tuple[str, ...] = ()


def terms_of(steer: Steer) -> Terms:
    """The engine's words for the wire's."""
    return Terms(steer.factors, steer.attributes, steer.lock)


def apply(loaded: LoadedBundle, stored: Preferences) -> Applied:
    """What of the preferences this bundle follows. Never an error: they were valid for the bundle they were put for.

    Another bundle has other factors under the same numbers, so strengths of factors are left out. Values and locks
    mean the same everywhere; those that this bundle cannot steer are left out. If what remains cannot be done without
    moving what is locked, nothing is done.
    """
    try:
        steer = Steer.model_validate_json(stored.steer)
    except ValidationError:
        return Applied(Terms(), None, (UNREADABLE,))
    terms = terms_of(steer)
    ignored: list[str] = []
    if stored.bundle_id != loaded.bundle_id:
        terms, ignored = _known(loaded, terms)
    try:
        shift = shift_of(loaded, factors=terms.factors, attributes=terms.attributes, lock=terms.lock)
    except InvalidRequestError as error:
        return Applied(Terms(), None, (*ignored, f"all: {error.detail}"))
    return Applied(terms, shift, tuple(ignored))


def _known(loaded: LoadedBundle, terms: Terms) -> tuple[Terms, list[str]]:
    """The terms that mean something in any bundle and that this one can follow; what is left out, in words."""
    directions = directions_of(loaded)
    names = {direction.attribute for direction in directions.values()}
    ignored = []
    if terms.factors:
        which = ", ".join(terms.factors)
        ignored.append(f"factors {which}: they were set for another bundle, where these numbers are other factors")
    ignored += [f"{name}: this bundle cannot steer it" for name in terms.attributes if name not in directions]
    ignored += [f"lock {name}: this bundle cannot lock it" for name in terms.lock if name not in names]
    attributes = {name: strength for name, strength in terms.attributes.items() if name in directions}
    return Terms({}, attributes, [name for name in terms.lock if name in names]), ignored
