"""What to sample: each pick of a cold start resolved to a half of a factor or, failing that, to a direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Direction, Factor, Half, Reading, Status
from service.checks import listing
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from service.query import FloatArray

HALVES: tuple[Half, Half] = ("negative", "positive")
WEAK_R2 = 0.01


@dataclass(frozen=True, slots=True)
class Pick:
    """Either factor and half, or attribute and value; strength 1 samples the half as the training users fill it."""

    factor: int | None = None
    half: Half | None = None
    attribute: str | None = None
    value: str | None = None
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class ResolvedPick:
    """What a pick became. via "factor": the half that is sampled; via "direction": factor and half are None.

    attribute, value  what was asked for, or what the picked half decodes to (None: undecoded)
    status            of the half; a direction is "decoded" unless its probe carries nothing
    note              what the caller should know: undecoded, ambiguous, a weak direction; else None
    """

    via: Literal["factor", "direction"]
    factor: int | None
    half: Half | None
    attribute: str | None
    value: str | None
    strength: float
    status: Status
    note: str | None


def resolve_picks(loaded: LoadedBundle, picks: Sequence[Pick]) -> tuple[ResolvedPick, ...]:
    """Resolve picks in order; factor picks claim their halves first, so an attribute never takes the other half.

    An attribute value goes to the half that is decoded to it with the largest effect (then to an ambiguous one), else
    to its direction. Raises InvalidRequestError at /picks/<i> for unknown, repeated or contradictory picks.
    """
    if not 1 <= len(picks) <= LIMITS.picks:
        raise InvalidRequestError.field("/picks", f"must hold 1 to {LIMITS.picks} picks")
    claimed: dict[int, Half] = {}
    for place, pick in enumerate(picks):
        _check_pick(loaded, pick, place)
        if pick.factor is not None and pick.half is not None:
            _claim(claimed, pick.factor, pick.half, place)
    asked: set[tuple[str | None, str | None]] = set()
    resolved = []
    for place, pick in enumerate(picks):
        if pick.factor is not None:
            resolved.append(_by_factor(loaded, pick))
            continue
        if (pick.attribute, pick.value) in asked:
            raise InvalidRequestError.field(f"/picks/{place}", "the same value is picked twice")
        asked.add((pick.attribute, pick.value))
        found = _by_attribute(loaded, pick, claimed, place)
        if found.factor is not None and found.half is not None:
            claimed[found.factor] = found.half
        resolved.append(found)
    return tuple(resolved)


def sample_points(loaded: LoadedBundle, picks: Sequence[ResolvedPick], *, samples: int, seed: int) -> FloatArray:
    """z float32 [samples, n_latent]: 0 but for what was picked ("spectrum sampling", docs/science.md sections 3 and 5).

    factor     z_i = median + strength * (q(u) - median), u uniform over the half, q the factor's inverse CDF by linear
               interpolation of its 101 quantiles
    direction  z += vector * (mean + strength * sd * |g|), g standard normal: the upper half along the direction
    Picks draw in their order from PCG64(seed): the same picks and seed give the same bytes.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    z = np.zeros((samples, loaded.n_latent))
    for pick in picks:
        if pick.factor is not None and pick.half is not None:
            z[:, pick.factor] += _from_half(loaded.factors.factors[pick.factor], pick, rng.random(samples))
        else:
            direction = _direction(loaded, pick.attribute, pick.value)
            if direction is not None:
                along = direction.mean + pick.strength * direction.sd * np.abs(rng.standard_normal(samples))
                z += along[:, None] * np.asarray(direction.vector)
    return z.astype(np.float32)


def _from_half(factor: Factor, pick: ResolvedPick, uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    quantiles = np.asarray(factor.quantiles)
    median = quantiles[len(quantiles) // 2]
    place = 0.5 * uniform if pick.half == "negative" else 1.0 - 0.5 * uniform
    drawn = np.interp(place, np.linspace(0.0, 1.0, len(quantiles)), quantiles)
    return np.asarray(median + pick.strength * (drawn - median), dtype=np.float64)


def _check_pick(loaded: LoadedBundle, pick: Pick, place: int) -> None:
    by_factor = pick.factor is not None and pick.half is not None and pick.attribute is None and pick.value is None
    by_name = pick.attribute is not None and pick.value is not None and pick.factor is None and pick.half is None
    pointer = f"/picks/{place}"
    if not by_factor and not by_name:
        raise InvalidRequestError.field(pointer, "must give either factor and half, or attribute and value")
    if not 0 < pick.strength <= LIMITS.pick_strength:
        raise InvalidRequestError.field(f"{pointer}/strength", f"must be above 0 and at most {LIMITS.pick_strength:g}")
    if pick.factor is not None and not 0 <= pick.factor < loaded.n_latent:
        raise InvalidRequestError.field(f"{pointer}/factor", f"factors are numbered 0 to {loaded.n_latent - 1}")
    if pick.half is not None and pick.half not in HALVES:
        raise InvalidRequestError.field(f"{pointer}/half", "must be negative or positive")
    if pick.attribute is not None:
        attribute = loaded.catalogue.attribute(pick.attribute)
        if attribute is None:
            names = listing([a.name for a in loaded.catalogue.attributes]) or "nothing: the items have no attributes"
            raise InvalidRequestError.field(f"{pointer}/attribute", f"can be {names}")
        if pick.value not in attribute.values:
            raise InvalidRequestError.field(f"{pointer}/value", f"must be one of {listing(attribute.values)}")


def _claim(claimed: dict[int, Half], factor: int, half: Half, place: int) -> None:
    if factor in claimed:
        same = claimed[factor] == half
        raise InvalidRequestError.field(
            f"/picks/{place}",
            "the same half is picked twice" if same else "both halves of one factor are picked; they contradict",
            hint="pick each factor once; strength says how far",
        )
    claimed[factor] = half


def _by_factor(loaded: LoadedBundle, pick: Pick) -> ResolvedPick:
    assert pick.factor is not None and pick.half is not None
    reading = loaded.factors.factors[pick.factor].reading(pick.half)
    return _resolved(pick, pick.factor, pick.half, reading)


def _resolved(pick: Pick, factor: int, half: Half, reading: Reading) -> ResolvedPick:
    notes = {
        "decoded": None,
        "ambiguous": f"this half is ambiguous: also {', '.join(reading.rivals) or 'other attributes'} fit it",
        "undecoded": "this half is undecoded: what its items have in common is not known",
    }
    return ResolvedPick(
        via="factor",
        factor=factor,
        half=half,
        attribute=reading.attribute,
        value=reading.value,
        strength=pick.strength,
        status=reading.status,
        note=notes[reading.status],
    )


def _by_attribute(loaded: LoadedBundle, pick: Pick, claimed: dict[int, Half], place: int) -> ResolvedPick:
    """The best half for a value, else its direction."""
    found: list[tuple[bool, float, int, Half, Reading]] = []
    for factor in loaded.factors.factors:
        for half in HALVES:
            reading = factor.reading(half)
            named = (reading.attribute, reading.value) == (pick.attribute, pick.value)
            if named and factor.factor not in claimed:
                found.append((reading.status != "decoded", -reading.effect, factor.factor, half, reading))
    if found:
        _, _, factor_ix, half, reading = min(found, key=lambda entry: entry[:4])
        return _resolved(pick, factor_ix, half, reading)
    direction = _direction(loaded, pick.attribute, pick.value)
    if direction is None:
        raise InvalidRequestError.field(
            f"/picks/{place}/value",
            "no half of a factor that is still free encodes this value, and it has no direction",
            hint="GET /factors shows what can be picked; a strict condition filters by any value",
        )
    weak = direction.r2 < WEAK_R2
    return ResolvedPick(
        via="direction",
        factor=None,
        half=None,
        attribute=direction.attribute,
        value=direction.value,
        strength=pick.strength,
        status="undecoded" if weak else "decoded",
        note=f"the latent space hardly carries this value (r2 {direction.r2:.3f})" if weak else None,
    )


def _direction(loaded: LoadedBundle, attribute: str | None, value: str | None) -> Direction | None:
    return next((d for d in loaded.factors.directions if (d.attribute, d.value) == (attribute, value)), None)
