"""Where a user lies in each factor, how that half is read, and whether an item has what it is read as."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Catalogue
from bundle.factors import N_QUANTILES, Factor, Half, Reading, Status
from service.engine import LoadedBundle
from service.explaining.explanation import FactorContribution, Quality
from service.query import FloatArray

Has = Callable[[int], bool | None]


@dataclass(frozen=True, slots=True)
class Read:
    """What a half is read as, whoever lies in it.

    has  of an item: whether it has `value`; None where there is no value, or the catalogue does not know the item's
    """

    attribute: str | None
    value: str | None
    status: Status
    quality: Quality
    has: Has


@dataclass(frozen=True, slots=True)
class Place:
    """One factor with a user in it; the fields that FactorContribution has, too, mean the same there."""

    factor: int
    half: Half
    z: float
    percentile: float
    shifted: float
    read: Read


class Places:
    """Every factor with one user in it, each worked out when it is first asked for: a list names few of them."""

    def __init__(self, loaded: LoadedBundle, z: FloatArray, shift: FloatArray | None) -> None:
        """z float32 [n_latent], the shift (None: none) in it."""
        self._known = _map_of(loaded)
        self._z = z.astype(np.float64)
        self._shift = np.zeros_like(z) if shift is None else shift
        self._found: dict[int, Place] = {}

    def __getitem__(self, factor: int) -> Place:
        if factor not in self._found:
            known = self._known.factors[factor]
            self._found[factor] = known.place(float(self._z[factor]), float(self._shift[factor]))
        return self._found[factor]

    def shares(self, item_ix: int, contributions: FloatArray, factors: Sequence[int]) -> tuple[FactorContribution, ...]:
        """What these factors add to an item's score, in their order; contributions [n_latent] of all of them."""
        sizes = contributions.astype(np.float64)
        leans = self.leans(sizes)[list(factors)].tolist()
        return tuple(
            _share(self[factor], item_ix, size, lean)
            for factor, size, lean in zip(factors, sizes[list(factors)].tolist(), leans, strict=True)
        )

    def leans(self, contributions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the contributions [n_latent]: what each place accounts for; see leans_of."""
        return leans_of(contributions, self._z, self._known.medians)


def _share(place: Place, item_ix: int, contribution: float, lean: float) -> FactorContribution:
    read = place.read
    return FactorContribution(
        factor=place.factor,
        half=place.half,
        z=place.z,
        percentile=place.percentile,
        contribution=contribution,
        lean=lean,
        attribute=read.attribute,
        value=read.value,
        status=read.status,
        quality=read.quality,
        item_has=read.has(item_ix),
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


@dataclass(frozen=True, slots=True)
class _Known:
    """A factor and the readings of its halves."""

    factor: Factor
    sd: float
    negative: Read
    positive: Read

    def place(self, z: float, moved: float) -> Place:
        half = self.factor.half_of(z)
        read = self.positive if half == "positive" else self.negative
        return Place(self.factor.factor, half, z, self.factor.percentile(z), moved / self.sd, read)


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """The factors of a bundle and the medians [n_latent] of the training users' z."""

    factors: tuple[_Known, ...]
    medians: NDArray[np.float64]


def _map_of(loaded: LoadedBundle) -> _Map:
    """Of every factor what is the same for all users: worked out once a bundle, as an explanation names them all."""
    found = loaded.memo.get(__name__)
    if not isinstance(found, _Map):
        catalogue, factors = loaded.catalogue, loaded.factors.factors
        found = _Map(
            tuple(
                _Known(f, sd_of(f), _read(catalogue, f.reading("negative")), _read(catalogue, f.reading("positive")))
                for f in factors
            ),
            np.array([median_of(f) for f in factors], dtype=np.float64),
        )
        loaded.memo[__name__] = found
    return found


def _read(catalogue: Catalogue, reading: Reading) -> Read:
    return Read(
        attribute=reading.attribute,
        value=reading.value,
        status=reading.status,
        quality=Quality(reading.effect, reading.effect_low, reading.effect_high, reading.q_value),
        has=_has(catalogue, reading.attribute, reading.value),
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
