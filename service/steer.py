"""Steering: what a caller asks for, in standard deviations, turned into a shift of the latent point.

z' = z + sum(t * sd * e_i) over factors + sum(t * p) over attribute values, with p the pattern of a value's probe: how
users' latents go with what it reads, so long that the reading moves by one sd. (A map without patterns: p = sd * d, d
the probe's unit vector, which moves the reading as far and the list less.) Then what the probes of locked attributes
read of the shift is taken out of it, along their patterns: the readings stay, and so do the lists, nearly
(docs/science.md, Control). Without patterns it is taken out at right angles, which keeps the readings alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Direction
from service.checks import listing
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from service.query import FloatArray

NOTHING_LEFT = 1e-4
"""A shift of which less than this share survives the lock cannot do what was asked."""

DEPENDENT = 1e-6
"""Of the largest: a combination of readings with a smaller singular value is one of the others."""


def shift_of(
    loaded: LoadedBundle,
    *,
    factors: Mapping[str, float] | None = None,
    attributes: Mapping[str, float] | None = None,
    lock: Sequence[str] = (),
) -> FloatArray | None:
    """The shift float32 [n_latent], or None when nothing was asked for.

    factors     factor number as text -> strength t in sd of that factor, |t| <= LIMITS.steer_strength
    attributes  "attribute:value" -> strength t in sd of what the value's probe reads
    lock        attribute names; all their directions are taken out (least squares, O(n_latent * n_locked^2))
    Raises InvalidRequestError that names the field and what is allowed.
    """
    factors, attributes = factors or {}, attributes or {}
    if len(factors) + len(attributes) + len(lock) > LIMITS.steer_terms:
        raise InvalidRequestError.field("/steer", f"has more than {LIMITS.steer_terms} terms")
    shift = np.zeros(loaded.n_latent)
    for name, strength in factors.items():
        i = _factor(loaded, name)
        shift[i] += _strength(strength, "/steer/factors") * loaded.factors.factors[i].sd
    for name, strength in attributes.items():
        direction = _direction(loaded, name)
        shift += _strength(strength, "/steer/attributes") * _one_sd(direction)
    locked = _locked(loaded, lock, steered={name.partition(":")[0] for name in attributes})
    if not shift.any():
        return None
    return np.asarray(_projected_out(shift, locked), dtype=np.float32)


def _strength(t: float, pointer: str) -> float:
    if not abs(t) <= LIMITS.steer_strength:  # NaN fails too
        limit = LIMITS.steer_strength
        raise InvalidRequestError.field(pointer, f"strengths must be between -{limit:g} and {limit:g} sd")
    return t


def _factor(loaded: LoadedBundle, name: str) -> int:
    if name.isascii() and name.isdigit() and len(name) <= 6 and int(name) < loaded.n_latent:
        return int(name)
    raise InvalidRequestError.field("/steer/factors", f"factors are numbered 0 to {loaded.n_latent - 1}")


def _direction(loaded: LoadedBundle, name: str) -> Direction:
    directions = {f"{d.attribute}:{d.value}": d for d in loaded.factors.directions}
    if name not in directions:
        allowed = listing(list(directions)) or "nothing: this bundle has no directions"
        raise InvalidRequestError.field("/steer/attributes", f"can steer {allowed}")
    return directions[name]


def _one_sd(direction: Direction) -> NDArray[np.float64]:
    """[n_latent]: moves what the probe reads by one standard deviation."""
    if direction.pattern:
        return np.asarray(direction.pattern)
    return direction.sd * np.asarray(direction.vector)


def _locked(loaded: LoadedBundle, lock: Sequence[str], *, steered: set[str]) -> list[Direction]:
    """The directions of all values of the locked attributes."""
    known = sorted({d.attribute for d in loaded.factors.directions})
    for place, name in enumerate(lock):
        if name not in known:
            allowed = listing(known) or "nothing: this bundle has no directions"
            raise InvalidRequestError.field(f"/steer/lock/{place}", f"can lock {allowed}")
        if name in steered:
            raise InvalidRequestError.field(f"/steer/lock/{place}", "an attribute cannot be steered and locked at once")
    return [d for d in loaded.factors.directions if d.attribute in lock]


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
        raise InvalidRequestError.field(
            "/steer/lock", "the locked attributes leave no way to move what was asked for", hint="lock fewer attributes"
        )
    return left
