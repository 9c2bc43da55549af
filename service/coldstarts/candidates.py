"""What could stand for a named value, halves and directions, tried on the live model: what a map says is not trusted.

A half is named for its strongest effect, which may be small, and one axis seldom carries a value alone; which of them
gives the value is a question to the decoder. The samples of a cold start are made here too, so that what is tried is
what is sampled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Direction, Factor, Half, Reading
from service import ranking
from service.engine import LoadedBundle
from service.limits import LIMITS
from service.query import FloatArray

Via = Literal["factor", "direction", "pattern", "variances"]
HALVES: tuple[Half, Half] = ("negative", "positive")
POINTS = 4
"""Points tried of each candidate: the middles of so many equal parts of what it samples."""

LISTED = 100
"""So many of the best items of a point are read, as in decoding (docs/science.md, Decoding)."""

CLEARLY = 0.02
"""A share that is larger by less than this does not displace a candidate that comes first: few points cannot tell."""

STRENGTHS = (1.0, 1.5, 2.0, 3.0)
"""Tried in turn where the caller names none: how far out the training users lie says little of how far a list moves."""

ENOUGH = 0.9
"""Of the best TEN of a trial, or of what there is of a rare value: with so much of it no more strength is tried."""

TEN = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to sample a value. via "factor": factor, half and its reading; else the value's direction."""

    via: Via
    factor: int | None = None
    half: Half | None = None
    reading: Reading | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate at one strength.

    share   of the softmax-weighted top LISTED of the candidate's points that has the value, 0..1: ranks candidates
    listed  of the best TEN of its points together (as a cold start merges them) that has it, over what could: 0..1
    """

    candidate: Candidate
    share: float
    listed: float = 0.0
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A named value and how strongly (None: as STRENGTHS say); taken: factors that a pick claims, not to be used."""

    attribute: str
    value: str
    strength: float | None
    taken: frozenset[int] = frozenset()


def candidates_of(loaded: LoadedBundle, asked: Asked, *, at_most: int) -> tuple[Candidate, ...]:
    """Halves named for the value, the surest and strongest first, then its direction in every form; empty: nothing.

    More than `at_most` lose the halves of least effect.
    """
    found: list[tuple[bool, float, int, Half, Reading]] = []
    for factor in loaded.factors.factors:
        for half in HALVES:
            reading = factor.reading(half)
            named = (reading.attribute, reading.value) == (asked.attribute, asked.value)
            if named and factor.factor not in asked.taken:
                found.append((reading.status != "decoded", -reading.effect, factor.factor, half, reading))
    found.sort(key=lambda entry: entry[:4])
    halves = [Candidate("factor", factor=ix, half=half, reading=reading) for _, _, ix, half, reading in found]
    direction = direction_of(loaded, asked.attribute, asked.value)
    if direction is None:
        return tuple(halves[:at_most])
    forms: tuple[Via, ...] = ("direction", "pattern", "variances") if direction.pattern else ("direction", "pattern")
    along = [Candidate(via, direction=direction) for via in forms]
    return (*halves[: max(0, at_most - len(along))], *along)


def try_all(loaded: LoadedBundle, asked: Sequence[Asked]) -> tuple[tuple[Tried, ...], ...]:
    """Every candidate of every value, measured: for each of `asked` its candidates in order, with their shares.

    All at one strength: the one asked for, else the first of STRENGTHS at which the best candidate lists ENOUGH of the
    value, else that which lists most (the first of equals). One decoder run of POINTS rows per candidate, at most
    LIMITS.trials candidates in all, and another for each further strength; no chance is involved.
    Raises NonFiniteScoreError.
    """
    at_most = LIMITS.trials // max(1, len(asked))
    found = [candidates_of(loaded, one, at_most=at_most) for one in asked]
    kept: dict[int, tuple[Tried, ...]] = dict.fromkeys(range(len(asked)), ())
    open_places = [place for place in kept if found[place]]
    for strength in STRENGTHS:
        trials = [
            _Trial(asked[place], candidate, strength if (said := asked[place].strength) is None else said)
            for place in open_places
            for candidate in found[place]
        ]
        measured = iter(_measured(loaded, trials))
        for place in open_places:
            tried = tuple(next(measured) for _ in found[place])
            if not kept[place] or best_of(tried).listed > best_of(kept[place]).listed:
                kept[place] = tried
        open_places = [p for p in open_places if asked[p].strength is None and best_of(kept[p]).listed < ENOUGH]
        if not open_places:
            break
    return tuple(kept[place] for place in range(len(asked)))


@dataclass(frozen=True, slots=True)
class _Trial:
    asked: Asked
    candidate: Candidate
    strength: float


def _measured(loaded: LoadedBundle, trials: Sequence[_Trial]) -> list[Tried]:
    """The trials in order; one decoder run."""
    if not trials:
        return []
    points = [
        points_of(loaded, trial.candidate, strength=trial.strength, draws=even_draws(trial.candidate))
        for trial in trials
    ]
    nowhere = np.zeros((1, loaded.n_latent), dtype=np.float32)  # as in a cold start, all of z is what was asked for
    chunks = loaded.scores_many(nowhere, [()], shift=np.concatenate(points))
    rows = (row for chunk in chunks for row in chunk)
    found = []
    for trial in trials:
        scores = [next(rows) for _ in range(POINTS)]
        has = loaded.catalogue.members_of(trial.asked.attribute, trial.asked.value)
        share = float(np.mean([_share(row, has) for row in scores]))
        found.append(Tried(trial.candidate, share, _listed(scores, has), trial.strength))
    return found


def best_of(tried: Sequence[Tried]) -> Tried:
    """Of those (at least one) that list ENOUGH, or most, the first whose share is within CLEARLY of the largest."""
    needed = min(ENOUGH, max(one.listed for one in tried))
    filled = [one for one in tried if one.listed >= needed]
    largest = max(one.share for one in filled)
    return next(one for one in filled if one.share >= largest - CLEARLY)


def direction_of(loaded: LoadedBundle, attribute: str | None, value: str | None) -> Direction | None:
    """The probe direction of a value, if the map has one."""
    return next((d for d in loaded.factors.directions if (d.attribute, d.value) == (attribute, value)), None)


def points_of(
    loaded: LoadedBundle, candidate: Candidate, *, strength: float, draws: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[len(draws), n_latent]: 0 but for what the candidate moves. draws: u in 0..1 for a half, |g| for the others.

    factor     z_i = median + strength * (q(u) - median), q the inverse CDF of the half (101 quantiles, linear between)
    direction  z = w * (mean + strength * sd * |g|): straight along the probe's unit vector w
    pattern    z = strength * |g| * S w / sqrt(w' S w), S the latents' covariance. The weights of a linear probe are a
               filter, not what changes with the value; that is S w (Haufe et al. 2014, doi 10.1016/j.neuroimage.2013
               .10.067). A map that does not have it (Direction.pattern) knows the variances only: as the next
    variances  the same with S diagonal, as if latents were independent: less goes with the value, and more of it alone
    """
    z = np.zeros((len(draws), loaded.n_latent))
    if candidate.factor is not None and candidate.half is not None:
        z[:, candidate.factor] = _in_half(loaded.factors.factors[candidate.factor], candidate.half, strength, draws)
    elif candidate.direction is not None:
        d = candidate.direction
        w = np.asarray(d.vector)
        if candidate.via == "direction":
            return np.asarray((d.mean + strength * d.sd * draws)[:, None] * w)
        if candidate.via == "pattern" and d.pattern:
            return np.asarray(strength * draws[:, None] * np.asarray(d.pattern))
        spread = np.array([factor.sd for factor in loaded.factors.factors]) ** 2 * w
        length = float(np.sqrt(spread @ w))
        if length > 0:
            z = strength * draws[:, None] * spread / length
    return z


def _in_half(factor: Factor, half: Half, strength: float, uniform: NDArray[np.float64]) -> NDArray[np.float64]:
    quantiles = np.asarray(factor.quantiles)
    median = quantiles[len(quantiles) // 2]
    place = 0.5 * uniform if half == "negative" else 1.0 - 0.5 * uniform
    drawn = np.interp(place, np.linspace(0.0, 1.0, len(quantiles)), quantiles)
    return np.asarray(median + strength * (drawn - median), dtype=np.float64)


def even_draws(candidate: Candidate) -> NDArray[np.float64]:
    """[POINTS]: the middles of equal parts, as `draws` of points_of."""
    middles = (np.arange(POINTS) + 0.5) / POINTS
    if candidate.via == "factor":
        return middles
    return np.array([NormalDist().inv_cdf(0.5 + 0.5 * float(u)) for u in middles])


def _share(scores: FloatArray, has: NDArray[np.bool_]) -> float:
    """The softmax-weighted share of the best LISTED items that has the value."""
    best = ranking.top_n(scores, np.ones(len(scores), dtype=np.bool_), LISTED)
    weights = np.exp(scores[best].astype(np.float64) - float(scores[best[0]]))
    return float(weights[has[best]].sum() / weights.sum())


def _listed(scores: Sequence[FloatArray], has: NDArray[np.bool_]) -> float:
    """Of the best TEN of the points together over what there could be; 0 of nothing."""
    best = ten_of(scores)
    possible = min(len(best), int(has.sum()))
    return float(has[best].sum()) / possible if possible else 0.0


def ten_of(scores: Sequence[FloatArray]) -> NDArray[np.int64]:
    """The best TEN items of the points together, merged as a cold start without diversity does."""
    stacked = np.stack(scores)
    chances = stacked.astype(np.float64) - ranking.log_normaliser(stacked)[:, None]
    merged = np.logaddexp.reduce(chances, axis=0)
    return ranking.top_n(merged, np.ones(len(merged), dtype=np.bool_), TEN)
