"""A cold start as the service does it, without the service: what is picked is sampled, the samples' lists merged.

The same draws, the same trials of what could stand for a named value, the same merging; a test holds the two together
(tests/training/evaluate/control/test_sampling.py). What each step is for is said in service/coldstarts
(candidates, samples, together); merging is in merging.py beside this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bundle.factors import Direction, Factor, FactorMap, Half
from training.evaluate.control.merging import Floats, best_of, log_chances, log_mean, merged_list

HALVES: tuple[Half, Half] = ("negative", "positive")
Via = Literal["factor", "direction", "pattern", "variances"]
Scores = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""z [n, n_latent] -> the scores of an empty history at these points, [n, n_items]."""

POINTS, LISTED, TEN, TRIALS = 4, 100, 10, 128
CLEARLY, ENOUGH = 0.02, 0.9
STRENGTHS = (1.0, 1.5, 2.0, 3.0)
SPREAD, DIVERSITY, STRONGEST = 0.5, 0.25, 3.0


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
        self._tried: dict[tuple[str, str], tuple[float, list[_Tried]]] = {}

    def sources(self, attribute: str, value: str) -> tuple[Source, ...]:
        """The halves named for the value, the surest and strongest first, then its direction in every form."""
        named = [
            (reading.status != "decoded", -reading.effect, factor.factor, half)
            for factor in self._map.factors
            for half in HALVES
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

    def pushed(self, chosen: Chosen, diversity: float) -> Chosen:
        """With the strength that is sampled where the caller names none."""
        return Chosen(chosen.source, min(chosen.strength * (1 + diversity), STRONGEST))

    @property
    def n_latent(self) -> int:
        return len(self._variances)

    def choose(
        self, attribute: str, value: str, has: NDArray[np.bool_], *, without: frozenset[int] = frozenset()
    ) -> Chosen | None:
        """What POST /coldstart samples for a named value without a strength; None: there is nothing to sample.

        has [n_items]: which items have the value. without: factors that another value has; the strength is that of
        all candidates all the same.
        """
        if (attribute, value) not in self._tried:
            self._tried[attribute, value] = self._try_all(self.sources(attribute, value), has)
        strength, tried = self._tried[attribute, value]
        free = [t for t in tried if t.source.factor is None or t.source.factor.factor not in without]
        return Chosen(_best(free).source, strength) if free else None

    def _try_all(self, sources: Sequence[Source], has: NDArray[np.bool_]) -> tuple[float, list[_Tried]]:
        """The sources as tried at the strength that is kept."""
        kept: tuple[float, list[_Tried]] = (STRENGTHS[0], [])
        for strength in STRENGTHS if sources else ():
            tried = [self._try(source, strength, has) for source in sources]
            if not kept[1] or _best(tried).listed > _best(kept[1]).listed:
                kept = (strength, tried)
            if _best(kept[1]).listed >= ENOUGH:
                break
        return kept

    def top(
        self, chosen: Sequence[Chosen], *, samples: int, seed: int, n: int = TEN, diversity: float = 0.0
    ) -> NDArray[np.int64]:
        """The n items of one cold start, best first, ties by index; chosen: what is sampled, at the strengths given."""
        z = np.zeros((samples, len(self._variances)))
        for one in sorted(chosen, key=lambda one: _name(one.source)):
            stream = _stream(seed, _name(one.source))
            draws = stream.random(samples) if one.source.via == "factor" else np.abs(stream.standard_normal(samples))
            z += self.points(one.source, one.strength, draws)
        if diversity > 0:
            drawn = _stream(seed, "the rest").standard_normal(z.shape) * np.sqrt(self._variances)
            z += diversity * SPREAD * self._beside([one.source for one in chosen], drawn)
        return merged_list(self._scores(z.astype(np.float32)).astype(np.float64), n=n, diversity=diversity)

    def _beside(self, sources: Sequence[Source], drawn: Floats) -> Floats:
        """drawn [n, n_latent] without the picked factors and what the picked directions read of it."""
        picked = [source.factor.factor for source in sources if source.factor is not None]
        rest = np.array(drawn)
        rest[:, picked] = 0.0
        read = np.array([source.direction.vector for source in sources if source.direction is not None])
        if not len(read):
            return rest
        read[:, picked] = 0.0
        along = read * self._variances
        return np.asarray(rest - rest @ read.T @ np.linalg.pinv(along @ read.T, hermitian=True) @ along)

    def merged(self, z: Floats) -> Floats:
        """[n_items]: the logarithm of the mean over the points z [n, n_latent] of the softmax of their scores."""
        return self.merged_each(z, 1)[0]

    def merged_each(self, z: Floats, parts: int) -> list[Floats]:
        """The same for each of so many equal parts of the points; one decoding of them all."""
        scores = self._scores(z.astype(np.float32)).astype(np.float64)
        return [log_mean(log_chances(part)) for part in np.split(scores, parts)]

    def points(self, source: Source, strength: float, draws: Floats) -> Floats:
        """[len(draws), n_latent]; draws: u in 0..1 for a half, |g| for the others (coldstarts.candidates.points_of)."""
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
        z = self.points(source, strength, even_draws(source))
        scores = self._scores(z.astype(np.float32)).astype(np.float64)
        ten = best_of(self.merged(z), TEN)
        possible = min(len(ten), int(has.sum()))
        share = float(np.mean([_weighted_share(row, has) for row in scores]))
        return _Tried(source, share, float(has[ten].sum()) / possible if possible else 0.0)


def even_draws(source: Source) -> Floats:
    """[POINTS]: the middles of equal parts of what the source draws."""
    middles = (np.arange(POINTS) + 0.5) / POINTS
    if source.via == "factor":
        return middles
    return np.array([NormalDist().inv_cdf(0.5 + 0.5 * float(u)) for u in middles])


def _name(source: Source) -> str:
    if source.factor is not None:
        return f"factor {source.factor.factor} {source.half}"
    assert source.direction is not None
    return f"value {source.direction.attribute}\0{source.direction.value}"


def _stream(seed: int, name: str) -> np.random.Generator:
    words = np.frombuffer(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:16], dtype="<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))


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
