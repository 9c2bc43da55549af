"""Steering: what a caller asks for, in standard deviations, turned into a shift of the latent point.

z' = z + sum(t * sd * e_i) over factors + sum(t * p) over attribute values, with p the pattern of a value's probe: how
users' latents go with what it reads, so long that the reading moves by one sd. (A map without patterns: p = sd * d, d
the probe's unit vector, which moves the reading as far and the list less.) Then what the probes of locked attributes
read of the shift is taken out of it, along their patterns: the readings stay, and so do the lists, nearly
(docs/science.md, Control). Without patterns it is taken out at right angles, which keeps the readings alone.

Terms add up: a value asked for by name and by the factor that was tied to it is asked for twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Direction
from service.checks import listing
from service.engine import LoadedBundle
from service.errors import FieldError, InvalidRequestError
from service.limits import LIMITS
from service.query import FloatArray

NOTHING_LEFT = 1e-4
"""A shift of which less than this share survives the lock cannot do what was asked."""

CANCELS = 1e-9
"""Of the way that the terms go one by one: what is left of less is rounding."""

DEPENDENT = 1e-6
"""Of the largest: a combination of readings with a smaller singular value is one of the others."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for.

    factors     factor number as text -> strength t in sd of that factor, |t| <= LIMITS.steer_strength
    attributes  "attribute:value" -> strength t in sd of what the value's probe reads
    lock        attribute names, of which nothing should move
    """

    factors: Mapping[str, float] = field(default_factory=dict)
    attributes: Mapping[str, float] = field(default_factory=dict)
    lock: Sequence[str] = ()

    @property
    def asks(self) -> bool:
        """Whether any strength is other than 0, be it that together they cancel."""
        return any((*self.factors.values(), *self.attributes.values()))


def shift_of(
    loaded: LoadedBundle,
    *,
    factors: Mapping[str, float] | None = None,
    attributes: Mapping[str, float] | None = None,
    lock: Sequence[str] = (),
) -> FloatArray | None:
    """The shift float32 [n_latent] of these terms (see Terms), or None when nothing was asked for or all cancels.

    All directions of locked attributes are taken out (least squares, O(n_latent * n_locked^2)). Raises
    InvalidRequestError that names every entry at fault and what is allowed in its place. What is not in this bundle's
    own words is named by its position, as nothing that was sent is repeated.
    """
    terms = Terms(factors or {}, attributes or {}, lock)
    _check(loaded, terms)
    shift, way = np.zeros(loaded.n_latent), 0.0
    for name, strength in terms.factors.items():
        shift[int(name)] += strength * loaded.factors.factors[int(name)].sd
        way += abs(strength) * loaded.factors.factors[int(name)].sd
    directions = directions_of(loaded)
    for name, strength in terms.attributes.items():
        pushed = strength * _one_sd(directions[name])
        shift += pushed
        way += float(np.linalg.norm(pushed))
    if float(np.linalg.norm(shift)) <= CANCELS * way:
        return None
    locked = [direction for direction in loaded.factors.directions if direction.attribute in terms.lock]
    return np.asarray(_projected_out(shift, locked), dtype=np.float32)


def directions_of(loaded: LoadedBundle) -> dict[str, Direction]:
    """What can be steered by name: "attribute:value" -> its direction."""
    return {f"{d.attribute}:{d.value}": d for d in loaded.factors.directions}


def is_factor(loaded: LoadedBundle, name: str) -> bool:
    """Whether the text is a factor's number, in plain digits."""
    return name.isascii() and name.isdigit() and len(name) <= 6 and int(name) < loaded.n_latent


def _check(loaded: LoadedBundle, terms: Terms) -> None:
    """Raise InvalidRequestError with one FieldError an entry at fault."""
    if len(terms.factors) + len(terms.attributes) + len(terms.lock) > LIMITS.steer_terms:
        raise InvalidRequestError.field("/steer", f"has more than {LIMITS.steer_terms} terms")
    faults = (*_factor_faults(loaded, terms), *_attribute_faults(loaded, terms), *_lock_faults(loaded, terms))
    if faults:
        detail = "an entry of /steer is not valid" if len(faults) == 1 else f"{len(faults)} entries of /steer are not"
        raise InvalidRequestError(detail if len(faults) == 1 else f"{detail} valid", errors=faults)


def _factor_faults(loaded: LoadedBundle, terms: Terms) -> Iterator[FieldError]:
    for place, (name, strength) in enumerate(terms.factors.items(), start=1):
        if not is_factor(loaded, name):
            last = loaded.n_latent - 1
            yield FieldError("/steer/factors", f"entry {place}: no such factor; factors are numbered 0 to {last}")
        elif _too_strong(strength):
            yield FieldError(_pointer("steer", "factors", name), _bounds())


def _attribute_faults(loaded: LoadedBundle, terms: Terms) -> Iterator[FieldError]:
    """Of an attribute that there is, its values are named, else all there are; either only once."""
    directions = directions_of(loaded)
    told: set[str] = set()
    for place, (name, strength) in enumerate(terms.attributes.items(), start=1):
        if name in directions:
            if _too_strong(strength):
                yield FieldError(_pointer("steer", "attributes", name), _bounds())
            continue
        attribute = name.partition(":")[0]
        allowed = [known for known, d in directions.items() if d.attribute == attribute] or list(directions)
        can = f"can steer {listing(allowed)}" if directions else "this bundle has no directions, only factors"
        wrong = f"entry {place} cannot be steered"
        yield FieldError("/steer/attributes", wrong if can in told else f"{wrong}; {can}")
        told.add(can)


def _lock_faults(loaded: LoadedBundle, terms: Terms) -> Iterator[FieldError]:
    known = sorted({d.attribute for d in loaded.factors.directions})
    steered = {name.partition(":")[0] for name, strength in terms.attributes.items() if strength != 0.0}
    for place, name in enumerate(terms.lock):
        if name not in known:
            allowed = listing(known) or "nothing: this bundle has no directions"
            yield FieldError(f"/steer/lock/{place}", f"no such attribute; can lock {allowed}")
        elif name in steered:
            yield FieldError(f"/steer/lock/{place}", "an attribute cannot be steered and locked at once")


def _too_strong(strength: float) -> bool:
    return not abs(strength) <= LIMITS.steer_strength  # NaN is, too


def _bounds() -> str:
    return f"must be between -{LIMITS.steer_strength:g} and {LIMITS.steer_strength:g} sd"


def _pointer(*parts: str) -> str:
    """RFC 6901, of names that are this bundle's own."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _one_sd(direction: Direction) -> NDArray[np.float64]:
    """[n_latent]: moves what the probe reads by one standard deviation."""
    if direction.pattern:
        return np.asarray(direction.pattern)
    return direction.sd * np.asarray(direction.vector)


def _projected_out(shift: NDArray[np.float64], locked: Sequence[Direction]) -> NDArray[np.float64]:
    """The part of the shift of which no locked probe reads anything.

    With the probes' vectors W and patterns P in rows: shift - P'a, a such that W (shift - P'a) = 0. Where readings
    depend on each other, as shares that sum to one do, many a do that; the least is taken.
    """
    if not locked:
        return shift
    vectors = np.asarray([d.vector for d in locked], dtype=np.float64)
    along = np.asarray([d.pattern for d in locked]) if all(d.pattern for d in locked) else vectors
    coefficients = np.linalg.lstsq(vectors @ along.T, vectors @ shift, rcond=DEPENDENT)[0]
    left: NDArray[np.float64] = shift - along.T @ coefficients
    if float(np.linalg.norm(left)) < NOTHING_LEFT * float(np.linalg.norm(shift)):
        raise InvalidRequestError(
            "the locked attributes leave no way to move what was asked for",
            errors=[FieldError("/steer/lock", "all that was asked for moves a locked attribute and nothing else")],
            hint="lock fewer attributes",
        )
    return left
