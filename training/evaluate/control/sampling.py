"""A cold start as the service does it, without the service: z = 0 but for what is sampled, the samples' lists merged.

The same draws, the same trials of what could stand for a named value, the same merging; a test holds the two together
(tests/training/evaluate/control/test_sampling.py). What each step is for is said in service/candidates.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bundle.factors import Direction, Factor, FactorMap, Half

Via = Literal["factor", "direction", "pattern", "variances"]
Floats = NDArray[np.float64]
Scores = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""z [n, n_latent] -> the scores of an empty history at these points, [n, n_items]."""

POINTS, LISTED, TEN, TRIALS = 4, 100, 10, 128
CLEARLY, ENOUGH = 0.02, 0.9
STRENGTHS = (1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Source:
    """What is sampled: a half of a factor; or a value's direction, its pattern, or (variances) that with S diagonal."""

    via: Via
    factor: Factor | None = None
    half: Half | None = None
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What stands for a named value, and the strength that it is sampled with."""

    source: Source
    strength: float


@dataclass(frozen=True, slots=True)
class _Tried:
    source: Source
    share: float
    listed: float


class Sampler:
    """Cold starts on one model and its map."""

    def __init__(self, scores: Scores, factors: FactorMap) -> None:
        self._scores, self._map = scores, factors
        self._variances = np.array([factor.sd for factor in factors.factors]) ** 2

    def sources(self, attribute: str, value: str) -> tuple[Source, ...]:
        """The halves named for the value, the surest and strongest first, then its direction in every form."""
        named = [
            (reading.status != "decoded", -reading.effect, factor.factor, half)
            for factor in self._map.factors
            for half in ("negative", "positive")
            if ((reading := factor.reading(half)).attribute, reading.value) == (attribute, value)
        ]
        halves = [Source("factor", self._map.factors[ix], half) for _, _, ix, half in sorted(named)]
        direction = self.direction(attribute, value)
        if direction is None:
            return tuple(halves[:TRIALS])
        forms: tuple[Via, ...] = (
            ("direction", "pattern", "variances") if direction.pattern else ("direction", "pattern")
        )
        along = [Source(via, direction=direction) for via in forms]
        return (*halves[: TRIALS - len(along)], *along)

    def direction(self, attribute: str, value: str) -> Direction | None:
        return next((d for d in self._map.directions if (d.attribute, d.value) == (attribute, value)), None)

    def choose(self, attribute: str, value: str, has: NDArray[np.bool_]) -> Chosen | None:
        """What POST /coldstart samples for a named value without a strength; None: there is nothing to sample.

        has [n_items]: which items have the value.
        """
        sources = self.sources(attribute, value)
        chosen: tuple[float, _Tried] | None = None
        for strength in STRENGTHS if sources else ():
            best = _best([self._try(source, strength, has) for source in sources])
            if chosen is None or best.listed > chosen[1].listed:
                chosen = (strength, best)
            if chosen[1].listed >= ENOUGH:
                break
        return None if chosen is None else Chosen(chosen[1].source, chosen[0])

    def top(self, source: Source, *, strength: float, samples: int, seed: int, n: int = TEN) -> NDArray[np.int64]:
        """The n items of one cold start, best first, ties by index."""
        rng = np.random.Generator(np.random.PCG64(seed))
        draws = rng.random(samples) if source.via == "factor" else np.abs(rng.standard_normal(samples))
        return best_of(self.merged(self.points(source, strength, draws)), n)

    def merged(self, z: Floats) -> Floats:
        """[n_items]: the logarithm of the mean over the points z [n, n_latent] of the softmax of their scores."""
        scores = self._scores(z.astype(np.float32)).astype(np.float64)
        return np.asarray(logsumexp(scores - logsumexp(scores, axis=1, keepdims=True), axis=0) - np.log(len(z)))

    def points(self, source: Source, strength: float, draws: Floats) -> Floats:
        """[len(draws), n_latent]; draws: u in 0..1 for a half, |g| for the others (service.candidates.points_of)."""
        z = np.zeros((len(draws), len(self._variances)))
        if source.factor is not None and source.half is not None:
            z[:, source.factor.factor] = _in_half(source.factor, source.half, strength, draws)
        elif source.direction is not None:
            d = source.direction
            w = np.asarray(d.vector)
            if source.via == "direction":
                return np.asarray((d.mean + strength * d.sd * draws)[:, None] * w)
            if source.via == "pattern" and d.pattern:
                return np.asarray(strength * draws[:, None] * np.asarray(d.pattern))
            along = self._variances * w
            length = float(np.sqrt(along @ w))
            if length > 0:
                z = strength * draws[:, None] * along / length
        return z

    def _try(self, source: Source, strength: float, has: NDArray[np.bool_]) -> _Tried:
        middles = (np.arange(POINTS) + 0.5) / POINTS
        if source.via != "factor":
            middles = np.array([NormalDist().inv_cdf(0.5 + 0.5 * float(u)) for u in middles])
        z = self.points(source, strength, middles)
        scores = self._scores(z.astype(np.float32)).astype(np.float64)
        ten = best_of(self.merged(z), TEN)
        possible = min(len(ten), int(has.sum()))
        share = float(np.mean([_weighted_share(row, has) for row in scores]))
        return _Tried(source, share, float(has[ten].sum()) / possible if possible else 0.0)


def best_of(scores: Floats, n: int) -> NDArray[np.int64]:
    """The indices of the n best of scores [n_items], best first, ties by index."""
    return np.lexsort((np.arange(len(scores)), -scores))[:n].astype(np.int64)


def _best(tried: Sequence[_Tried]) -> _Tried:
    needed = min(ENOUGH, max(one.listed for one in tried))
    filled = [one for one in tried if one.listed >= needed]
    largest = max(one.share for one in filled)
    return next(one for one in filled if one.share >= largest - CLEARLY)


def _in_half(factor: Factor, half: Half, strength: float, uniform: Floats) -> Floats:
    quantiles = np.asarray(factor.quantiles)
    median = quantiles[len(quantiles) // 2]
    place = 0.5 * uniform if half == "negative" else 1.0 - 0.5 * uniform
    drawn = np.interp(place, np.linspace(0.0, 1.0, len(quantiles)), quantiles)
    return np.asarray(median + strength * (drawn - median))


def _weighted_share(scores: Floats, has: NDArray[np.bool_]) -> float:
    """The softmax-weighted share of the best LISTED items that has the value."""
    best = best_of(scores, LISTED)
    weights = np.exp(scores[best] - scores[best[0]])
    return float(weights[has[best]].sum() / weights.sum())
