"""Where a user lies in each factor, how that half is read, and whether an item has what it is read as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

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


class Places:
    """Every factor with one user in it, each worked out when it is first asked for: a list names few of them."""

    def __init__(self, loaded: LoadedBundle, z: FloatArray, shift: FloatArray | None) -> None:
        """z float32 [n_latent], the shift (None: none) in it."""
        self._loaded, self._z = loaded, z
        self._shift = np.zeros_like(z) if shift is None else shift
        self._found: dict[int, Place] = {}

    def __len__(self) -> int:
        return len(self._z)

    def __getitem__(self, factor: int) -> Place:
        if factor not in self._found:
            if not 0 <= factor < len(self):
                raise IndexError(factor)
            map_ = self._loaded.factors.factors[factor]
            moved = float(self._shift[factor])
            self._found[factor] = _place(self._loaded.catalogue, map_, float(self._z[factor]), moved)
        return self._found[factor]

    @cached_property
    def steered(self) -> NDArray[np.float64]:
        """[n_latent] the share of each place that is the steering's, 0..1; 0 where steering moved it the other way."""
        z, shift = self._z.astype(np.float64), self._shift.astype(np.float64)
        share = np.divide(shift, z, out=np.zeros_like(z), where=z != 0)
        return np.clip(share, 0.0, 1.0)


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
