"""Several picks tried for the one list that comes out of them, rather than each for a list of its own.

What fills a list alone crowds out what it is picked with, or goes along with it: horror comedies are not found where
the strongest comedies and the strongest horror films add up. So the choices made pick by pick are a start, from which
strengths, and what stands for each value, are tried together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.coldstarts.candidates import POINTS, Asked, Candidate, Tried, even_draws, points_of, ten_of
from service.engine import LoadedBundle
from service.limits import LIMITS

TOGETHER = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Strengths tried of a value picked beside others. Weaker than 1, too: there is more than one to pull at the list."""

CELLS = 4 * LIMITS.decode_cells
"""Scores computed for one request's trials together, at most: of a large catalogue fewer are tried."""

SURELY = 1e-9
"""What is better by less is not."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A named value: what could stand for it, each as tried alone, and what does (`chosen`, at its strength)."""

    asked: Asked
    options: tuple[Tried, ...]
    chosen: Tried


def tuned(
    loaded: LoadedBundle, wanted: Sequence[Wanted], fixed: Sequence[tuple[Candidate, float]]
) -> tuple[Wanted, ...]:
    """`wanted` with what lists most of all values at once: first at one strength for all, then one value at a time.

    fixed: picked halves and their strengths, which stay. So do strengths that the caller named. What is best: the share
    of the best ten that has every value (over what could) and the smallest share of any value, added up; the first of
    equals. Coordinate ascent, one sweep: at most 5 trials and 5 for every option, of POINTS decoder rows each, and
    CELLS scores. No chance is involved. Raises NonFiniteScoreError.
    """
    if not wanted:
        return ()
    trials = _Trials(loaded, wanted, fixed)
    best, worth = tuple(wanted), trials.worths([tuple(wanted)])[0]
    for place in range(-1, len(wanted)):
        states = _at_one_strength(best) if place < 0 else _with_other(best, place)
        states = states[: max(0, trials.left)]
        worths = trials.worths(states)
        if states and max(worths) > worth + SURELY:
            worth = max(worths)
            best = states[worths.index(worth)]
    return best


State = tuple[Wanted, ...]


def _at_one_strength(state: State) -> list[State]:
    """All values at each strength in turn, but those whose strength the caller named."""
    return [tuple(_moved(one, one.chosen, strength) for one in state) for strength in TOGETHER]


def _with_other(state: State, place: int) -> list[State]:
    """Another candidate or strength for one value, what is chosen first; no factor is claimed twice."""
    now = state[place]
    others = [one for one in now.options if one.candidate is not now.chosen.candidate]
    claimed = {one.chosen.candidate.factor for at, one in enumerate(state) if at != place} - {None}
    return [
        (*state[:place], _moved(now, option, strength), *state[place + 1 :])
        for option in (now.chosen, *others)
        if option.candidate.factor not in claimed
        for strength in (TOGETHER if now.asked.strength is None else (now.asked.strength,))
    ]


def _moved(wanted: Wanted, option: Tried, strength: float) -> Wanted:
    if wanted.asked.strength is not None:
        strength = wanted.asked.strength
    return dataclasses.replace(wanted, chosen=dataclasses.replace(option, strength=strength))


class _Trials:
    """Runs states on the model, as long as `left` of them are."""

    def __init__(
        self, loaded: LoadedBundle, wanted: Sequence[Wanted], fixed: Sequence[tuple[Candidate, float]]
    ) -> None:
        self._loaded = loaded
        self._has = np.stack([loaded.catalogue.members_of(one.asked.attribute, one.asked.value) for one in wanted])
        self._fixed = np.zeros((POINTS, loaded.n_latent))
        for at, (candidate, strength) in enumerate(fixed, start=len(wanted)):
            self._fixed += self._points(candidate, strength, at)
        self.left = CELLS // (POINTS * loaded.n_items)

    def worths(self, states: Sequence[State]) -> list[float]:
        """The worth of each state's list; one decoder run."""
        if not states:
            return []
        self.left -= len(states)
        nowhere = np.zeros((1, self._loaded.n_latent), dtype=np.float32)
        shift = np.concatenate([self._shift(state) for state in states])
        rows = (row for chunk in self._loaded.scores_many(nowhere, [()], shift=shift) for row in chunk)
        return [self._worth(ten_of([next(rows) for _ in range(POINTS)])) for _ in states]

    def _shift(self, state: State) -> NDArray[np.float64]:
        shift = np.array(self._fixed)
        for at, one in enumerate(state):
            shift += self._points(one.chosen.candidate, one.chosen.strength, at)
        return shift

    def _points(self, candidate: Candidate, strength: float, at: int) -> NDArray[np.float64]:
        """Each pick's draws begin elsewhere, so that not all are weak in one point and strong in another."""
        return points_of(self._loaded, candidate, strength=strength, draws=np.roll(even_draws(candidate), at))

    def _worth(self, listed: NDArray[np.int64]) -> float:
        found, could = self._has[:, listed].mean(axis=1), self._has.sum(axis=1) / len(listed)
        every = np.logical_and.reduce(self._has)
        together = float(every[listed].mean() / min(1.0, every.sum() / len(listed))) if every.any() else 0.0
        return together + float((found / np.minimum(1.0, np.maximum(could, SURELY))).min())
