"""Where a user lies in each factor, how that half is read, and whether an item has what it is read as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Catalogue
from bundle.factors import N_QUANTILES, Factor, Half, Status
from service.engine import LoadedBundle
from service.explaining.explanation import FactorContribution, Quality
from service.query import FloatArray

Has = Callable[[int], bool | None]


@dataclass(frozen=True, slots=True)
class Place:
    """One factor with a user in it; the fields that FactorContribution has, too, mean the same there.

    median  of the training users' z
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
    median: float
    has: Has

    def of(self, item_ix: int, contribution: float) -> FactorContribution:
        """The factor's share of an item's score."""
        return FactorContribution(
            factor=self.factor,
            half=self.half,
            z=self.z,
            percentile=self.percentile,
            contribution=contribution,
            lean=lean_of(contribution, self.z, self.median),
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
            known = _known_of(self._loaded)[factor]
            self._found[factor] = _place(known, float(self._z[factor]), float(self._shift[factor]))
        return self._found[factor]

    def leans(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the contributions [n_latent]: what each place accounts for; see leans_of."""
        return leans_of(contributions, self._z.astype(np.float64), self._medians)

    @cached_property
    def _medians(self) -> NDArray[np.float64]:
        return np.asarray([median_of(factor) for factor in self._loaded.factors.factors], dtype=np.float64)


def lean_of(contribution: float, z: float, median: float) -> float:
    """One of leans_of, the same to the bit: arrays of one number cost more than all else of a row."""
    left = contribution - contribution * median / z if z else contribution
    return min(max(left, min(contribution, 0.0)), max(contribution, 0.0))


def leans_of(
    contributions: NDArray[np.float64], z: NDArray[np.float64], medians: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What is left of each contribution less that at the users' median, between 0 and the contribution.

    A contribution is counted from z_i = 0, a half from the median. On a straight line from 0 somebody at the median
    gets contribution * median / z_i; only what z_i adds to that says anything of the half in which it lies.
    """
    at_median = np.divide(contributions * medians, z, out=np.zeros_like(contributions), where=z != 0)
    return np.clip(contributions - at_median, np.minimum(contributions, 0.0), np.maximum(contributions, 0.0))


@dataclass(frozen=True, slots=True)
class _Read:
    """What a half is read as, whoever lies in it."""

    attribute: str | None
    value: str | None
    status: Status
    quality: Quality
    has: Has


@dataclass(frozen=True, slots=True)
class _Known:
    """A factor and the readings of its halves."""

    factor: Factor
    sd: float
    median: float
    negative: _Read
    positive: _Read


def _known_of(loaded: LoadedBundle) -> tuple[_Known, ...]:
    """Of every factor what is the same for all users: worked out once a bundle, as an explanation names them all."""
    found = loaded.memo.get(__name__)
    if not isinstance(found, tuple):
        found = tuple(
            _Known(
                f,
                sd_of(f),
                median_of(f),
                _read(loaded.catalogue, f, "negative"),
                _read(loaded.catalogue, f, "positive"),
            )
            for f in loaded.factors.factors
        )
        loaded.memo[__name__] = found
    return found


def _read(catalogue: Catalogue, factor: Factor, half: Half) -> _Read:
    reading = factor.reading(half)
    return _Read(
        attribute=reading.attribute,
        value=reading.value,
        status=reading.status,
        quality=Quality(reading.effect, reading.effect_low, reading.effect_high, reading.q_value),
        has=_has(catalogue, reading.attribute, reading.value),
    )


def _place(known: _Known, z: float, moved: float) -> Place:
    half = known.factor.half_of(z)
    read = known.positive if half == "positive" else known.negative
    return Place(
        factor=known.factor.factor,
        half=half,
        z=z,
        percentile=known.factor.percentile(z),
        attribute=read.attribute,
        value=read.value,
        status=read.status,
        quality=read.quality,
        shifted=moved / known.sd,
        median=known.median,
        has=read.has,
    )


def sd_of(factor: Factor) -> float:
    """The unit of the factor; 1 for one in which all training users lie at the same point."""
    return factor.sd if factor.sd > 0 else 1.0


def median_of(factor: Factor) -> float:
    """Of the training users: where its halves meet."""
    return factor.quantiles[N_QUANTILES // 2]


def _has(catalogue: Catalogue, name: str | None, value: str | None) -> Has:
    attribute = None if name is None else catalogue.attribute(name)
    if attribute is None or value is None or value not in attribute.values:
        return lambda _: None
    rows, v = attribute.rows, attribute.values.index(value)
    return lambda item_ix: v in rows[item_ix] if rows[item_ix] else None
