"""Where a user lies in each factor, how that half is read, and whether an item has what it is read as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bundle.catalogue import Catalogue
from bundle.factors import Factor, Half, Status
from service.engine import LoadedBundle
from service.explanation import FactorContribution, Quality
from service.query import FloatArray

Has = Callable[[int], bool | None]


@dataclass(frozen=True, slots=True)
class Place:
    """One factor with a user in it; the fields that FactorContribution has, too, mean the same there.

    has  of an item: whether it has `value`; None where there is no value, or the catalogue does not know the item's
    """

    factor: int
    half: Half
    z: float
    percentile: float
    attribute: str | None
    value: str | None
    status: Status
    quality: Quality
    shifted: float
    has: Has

    def of(self, item_ix: int, contribution: float) -> FactorContribution:
        """The factor's share of an item's score."""
        return FactorContribution(
            factor=self.factor,
            half=self.half,
            z=self.z,
            percentile=self.percentile,
            contribution=contribution,
            attribute=self.attribute,
            value=self.value,
            status=self.status,
            quality=self.quality,
            item_has=self.has(item_ix),
            shifted=self.shifted,
        )


def places_of(loaded: LoadedBundle, z: FloatArray, shift: FloatArray | None) -> tuple[Place, ...]:
    """One for each factor, in order. z float32 [n_latent], the shift (None: none) in it."""
    moved = [0.0] * len(z) if shift is None else shift.tolist()
    return tuple(
        _place(loaded.catalogue, factor, position, shifted)
        for factor, position, shifted in zip(loaded.factors.factors, z.tolist(), moved, strict=True)
    )


def _place(catalogue: Catalogue, factor: Factor, z: float, moved: float) -> Place:
    half = factor.half_of(z)
    reading = factor.reading(half)
    return Place(
        factor=factor.factor,
        half=half,
        z=z,
        percentile=factor.percentile(z),
        attribute=reading.attribute,
        value=reading.value,
        status=reading.status,
        quality=Quality(reading.effect, reading.effect_low, reading.effect_high, reading.q_value),
        shifted=moved / sd_of(factor),
        has=_has(catalogue, reading.attribute, reading.value),
    )


def sd_of(factor: Factor) -> float:
    """The unit of the factor; 1 for one in which all training users lie at the same point."""
    return factor.sd if factor.sd > 0 else 1.0


def _has(catalogue: Catalogue, name: str | None, value: str | None) -> Has:
    attribute = None if name is None else catalogue.attribute(name)
    if attribute is None or value is None or value not in attribute.values:
        return lambda _: None
    rows, v = attribute.rows, attribute.values.index(value)
    return lambda item_ix: v in rows[item_ix] if rows[item_ix] else None
