"""What carries each attribute value, its best axis or its direction, and what moving along either does to lists.

Axes are chosen on training users (the largest correlation with the users' share of the value) and judged on held-out
ones, as directions are: a line fitted on training users, R2 on held-out ones, and the change of the value's share in
their top-10 lists when they are moved by one standard deviation to either side.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from bundle.carriers import Better, Carried, Carrier, Steers
from bundle.factors import Direction, Factor
from training.data.split import HeldOut
from training.decode.attribute_table import AttributeTable
from training.decode.directions import Users, history_shares
from training.decode.probes import Judged, Points, correlations, judged
from training.decode.steering import ENDS, RESAMPLES, Move, Mover
from training.encoding import encode
from training.evaluate.measure import users_at_once
from training.evaluate.moved import Moved
from training.models.base import LatentModel

WORTH = 0.05
"""Of R2: a direction that tells less than this more than an axis is not worth giving up the axis's name for."""

Floats = NDArray[np.float64]
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Latents:
    """What is judged, and the training users it was found on."""

    fitting: Users
    factors: tuple[Factor, ...]
    directions: tuple[Direction, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """carriers: one for each value of the table; factors and directions: as given, with their steering scores."""

    carriers: tuple[Carrier, ...]
    factors: tuple[Factor, ...]
    directions: tuple[Direction, ...]


def find_carriers(
    model: LatentModel, latents: Latents, heldout: HeldOut, table: AttributeTable, *, users: int, seed: int
) -> Found:
    """users: at most so many held-out users are moved. Without held-out users or attributes nothing is measured.

    Costs two decodings of those users for every active factor and every direction.
    """
    n = len(heldout.users)
    if not n or not table.columns:
        return Found((), latents.factors, latents.directions)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
    rows = np.sort(rng.choice(n, size=min(n, users, users_at_once(model.n_items)), replace=False))
    picked = HeldOut(tuple(heldout.users[row] for row in rows), heldout.fold_in[rows], heldout.target[rows])
    mover = Mover(Moved(model, picked), table, rng)
    told = Users(encode(model, heldout.fold_in).mu, heldout.fold_in)
    finder = _Finder(latents, told, table, mover, rng)
    return Found(
        carriers=tuple(finder.carrier(name) for name in finder.places),
        factors=tuple(finder.with_steers(factor) for factor in latents.factors),
        directions=tuple(finder.with_score(direction) for direction in latents.directions),
    )


@dataclass(frozen=True, slots=True)
class Way:
    """One way to carry a value; r2, gain [RESAMPLES]: the same resamples of users for both ways of a value."""

    carried: Carried
    r2: Floats
    gain: Floats

    @property
    def counts(self) -> bool:
        """Whether it surely tells of the value and surely moves it."""
        return self.carried.r2_low > 0 and self.carried.steered.gain_low > 0


def better_of(axis: Way | None, direction: Way | None) -> Better:
    """The rule of bundle.carriers.Carrier."""
    if direction is None or not direction.counts:
        return "axis" if axis is not None and axis.counts else "neither"
    if axis is None or not axis.counts:
        return "direction"
    surely = all(float(np.quantile(lead, ENDS[0])) > 0 for lead in (direction.r2 - axis.r2, direction.gain - axis.gain))
    return "direction" if surely and direction.carried.r2 - axis.carried.r2 >= WORTH else "axis"


class _Finder:
    """Judges axes and directions on held-out users; every move is made once."""

    def __init__(
        self, latents: Latents, told: Users, table: AttributeTable, mover: Mover, rng: np.random.Generator
    ) -> None:
        names = [(column.name, value) for column in table.columns for value in column.values]
        self.places: dict[Name, int] = {name: place for place, name in enumerate(names)}
        self._mover, self._fitting, self._told = (
            mover,
            latents.fitting.mu.astype(np.float64),
            told.mu.astype(np.float64),
        )
        self._fitting_shares = history_shares(latents.fitting.histories, table)
        self._told_shares = history_shares(told.histories, table)
        self._active = np.array([factor.active for factor in latents.factors], dtype=np.bool_)
        self._correlations = correlations(self._fitting, self._fitting_shares) * self._active[:, None]
        unit = np.eye(len(latents.factors))
        self._axes = {f.factor: mover.move(unit[f.factor] * f.sd) for f in latents.factors if f.active}
        self._directions = {(d.attribute, d.value): d for d in latents.directions}
        self._moves = {name: mover.move(np.asarray(d.pattern)) for name, d in self._directions.items()}
        n = len(told.mu)
        self._counts = rng.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES).astype(np.float64)

    def carrier(self, name: Name) -> Carrier:
        axis, direction = self._axis(self.places[name]), self._direction(name)
        return Carrier(
            attribute=name[0],
            value=name[1],
            better=better_of(axis, direction),
            axis=None if axis is None else axis.carried,
            direction=None if direction is None else direction.carried,
        )

    def with_steers(self, factor: Factor) -> Factor:
        move = self._axes.get(factor.factor)
        if move is None:
            return factor
        place = int(np.abs(move.gains.mean(axis=0, dtype=np.float64)).argmax())
        attribute, value = list(self.places)[place]
        steers = Steers(attribute=attribute, value=value, steered=self._mover.steered(move, place))
        return msgspec.structs.replace(factor, steers=steers)

    def with_score(self, direction: Direction) -> Direction:
        name = (direction.attribute, direction.value)
        return msgspec.structs.replace(direction, steered=self._mover.steered(self._moves[name], self.places[name]))

    def _axis(self, place: int) -> Way | None:
        """By the active factor whose mu goes most with the value over the training users; None: none does."""
        axis = int(np.abs(self._correlations[:, place]).argmax())
        sign = float(np.sign(self._correlations[axis, place]))
        if sign == 0:
            return None
        lines = self._judged(self._fitting[:, axis], self._told[:, axis], place)
        return self._way(lines, self._axes[axis], place, factor=axis, sign=sign)

    def _direction(self, name: Name) -> Way | None:
        if name not in self._directions:
            return None
        vector, place = np.asarray(self._directions[name].vector), self.places[name]
        return self._way(self._judged(self._fitting @ vector, self._told @ vector, place), self._moves[name], place)

    def _judged(self, fitting: Floats, told: Floats, place: int) -> Judged:
        return judged(
            Points(fitting[:, None], self._fitting_shares[:, place, None]),
            Points(told[:, None], self._told_shares[:, place, None]),
        )

    def _way(self, lines: Judged, move: Move, place: int, *, factor: int | None = None, sign: float = 1.0) -> Way:
        r2 = lines.r2(self._counts)[:, 0]
        low, high = np.quantile(r2, ENDS)
        carried = Carried(
            factor=factor,
            half=None if factor is None else "positive" if sign > 0 else "negative",
            r2=float(lines.r2()[0]),
            r2_low=float(low),
            r2_high=float(high),
            steered=self._mover.steered(move, place, sign=sign),
        )
        return Way(carried, r2, sign * self._mover.resampled(move, place))
