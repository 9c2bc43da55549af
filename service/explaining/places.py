"""Where a user lies in each factor, and what that place accounts for in a score."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from bundle.factors import Half
from service.engine import LoadedBundle
from service.explaining.explanation import FactorContribution
from service.explaining.readings import Read, readings_of
from service.query import FloatArray


class Place(msgspec.Struct, frozen=True):
    """One factor with a user in it; the fields that FactorContribution has, too, mean the same there."""

    factor: int
    half: Half
    z: float
    percentile: float
    shifted: float
    read: Read


class Places:
    """Every factor with one user in it."""

    def __init__(self, loaded: LoadedBundle, z: FloatArray, shift: FloatArray | None) -> None:
        """z float32 [n_latent], the shift (None: none) in it."""
        self._readings = known = readings_of(loaded)
        self._z = z.astype(np.float64)
        self._negative = (self._z < known.medians).tolist()
        shifted = (np.zeros_like(z) if shift is None else shift) / known.sds
        self._numbers = list(zip(self._z.tolist(), known.percentiles(self._z).tolist(), shifted.tolist(), strict=True))

    def __getitem__(self, factor: int) -> Place:
        half: Half = "negative" if self._negative[factor] else "positive"
        return Place(factor, half, *self._numbers[factor], self._readings.read(factor, half))

    def shares(self, item_ix: int, contributions: FloatArray, factors: Sequence[int]) -> tuple[FactorContribution, ...]:
        """What these factors add to an item's score, in their order; contributions [n_latent] of all of them."""
        sizes = contributions.astype(np.float64)
        columns = zip(factors, sizes[list(factors)].tolist(), self.leans(sizes)[list(factors)].tolist(), strict=True)
        has = self._readings.has(item_ix)
        return tuple(_share(self[factor], has, size, lean) for factor, size, lean in columns)

    def leans(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the contributions [n_latent]: what each place accounts for; see leans_of."""
        return leans_of(contributions, self._z, self._readings.medians)


def _share(place: Place, has: Sequence[bool | None], contribution: float, lean: float) -> FactorContribution:
    reading = place.read.reading
    return FactorContribution(
        factor=place.factor,
        half=place.half,
        z=place.z,
        percentile=place.percentile,
        contribution=contribution,
        lean=lean,
        attribute=reading.attribute,
        value=reading.value,
        status=reading.status,
        quality=reading,
        item_has=has[place.read.value],
        shifted=place.shifted,
    )


def leans_of(
    contributions: NDArray[np.float64], z: NDArray[np.float64], medians: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What is left of each contribution less that at the users' median, between 0 and the contribution.

    A contribution is counted from z_i = 0, a half from the median. On a straight line from 0 somebody at the median
    gets contribution * median / z_i; only what z_i adds to that says anything of the half in which it lies.
    """
    at_median = np.divide(contributions * medians, z, out=np.zeros_like(contributions), where=z != 0)
    return np.clip(contributions - at_median, np.minimum(contributions, 0.0), np.maximum(contributions, 0.0))
