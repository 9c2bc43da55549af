"""Cold starts measured: how much of a list has the value that was asked for, by every way to get one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bundle.catalogue import Catalogue
from bundle.factors import FactorMap, Guide
from training.decode.attribute_table import AttributeTable
from training.evaluate.control.merging import best_of
from training.evaluate.control.result import Paired, Sampled
from training.evaluate.control.sampling import DIVERSITY, STRENGTHS, TEN, Chosen, Sampler, Scores, Source
from training.evaluate.control.together import Pairs
from training.models.base import LatentModel

MIN_ITEMS = 30
"""A value of fewer items is not asked for: ten of them are a large part of all there are."""
SERVED, PRIOR, POPULARITY, FILTER = "as served", "prior sampling", "popularity", "filter"
DIVERSITIES = (0.0, 0.5, 1.0)
"""Beside the one that is served: what a list of more variety costs."""
PAIR_SEEDS = 2
"""Seeds of two values at once, at most: there are many pairs to take the mean over."""
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Draws:
    """seeds: of the cold starts, 0 and up; samples: points behind each list."""

    seeds: int = 5
    samples: int = 32


def scores_of_nobody(model: LatentModel) -> Scores:
    """What somebody without a history is scored at given points, as in the service."""
    model.eval()

    def scores(z: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            parts = [
                model.scores_of_point(torch.from_numpy(z[start : start + _BATCH])).numpy()
                for start in range(0, len(z), _BATCH)
            ]
        return np.concatenate(parts)

    return scores


class ColdStarts:
    """Asks for every value of a table, by every way."""

    def __init__(self, scores: Scores, factors: FactorMap, catalogue: Catalogue, draws: Draws) -> None:
        self._sampler, self._factors, self._draws = Sampler(scores, factors), factors, draws
        self._popularity = np.array(catalogue.popularity)
        n_latent = len(factors.factors)
        self._prior = [
            best_of(self._sampler.merged(np.random.default_rng(seed).standard_normal((draws.samples, n_latent))), TEN)
            for seed in range(draws.seeds)
        ]

    def measured(self, table: AttributeTable) -> tuple[Sampled, ...]:
        """Every value that at least MIN_ITEMS items have, by every way that there is for it."""
        found: list[Sampled] = []
        for column in table.columns:
            for at, value in enumerate(column.values, start=column.start):
                has = table.shares[:, at] > 0
                if has.sum() >= MIN_ITEMS:
                    found += self._of_value(column.name, value, has)
        return tuple(found)

    def paired(self, table: AttributeTable) -> tuple[Paired, ...]:
        """Two values at once (training.evaluate.control.together.Pairs)."""
        seeds = min(PAIR_SEEDS, self._draws.seeds)
        pairs = Pairs(self._sampler, seeds=seeds, samples=self._draws.samples)
        return tuple(pairs.measured(table))

    def _of_value(self, attribute: str, value: str, has: NDArray[np.bool_]) -> Iterator[Sampled]:
        def judged(
            way: str, lists: Sequence[NDArray[np.int64]], source: Source | None = None, strength: float | None = None
        ) -> Sampled:
            return Sampled(
                way=way,
                attribute=attribute,
                value=value,
                n_items=int(has.sum()),
                precision=float(np.mean([has[items].mean() for items in lists])),
                reach=min(1.0, float(has.sum()) / max(len(lists[0]), 1)),
                distinct=len(np.unique(np.concatenate(lists))),
                via=None if source is None else source.via,
                strength=strength,
            )

        def drawn(way: str, one: Chosen, diversity: float = 0.0) -> Sampled:
            samples, seeds = self._draws.samples, range(self._draws.seeds)
            lists = [self._sampler.top([one], samples=samples, seed=seed, diversity=diversity) for seed in seeds]
            return judged(way, lists, one.source, one.strength)

        chosen = self._sampler.choose(attribute, value, has)
        if chosen is not None:
            for way, diversity in ((SERVED, DIVERSITY), *((f"as served, diversity {d:g}", d) for d in DIVERSITIES)):
                yield drawn(way, self._sampler.pushed(chosen, diversity), diversity)
        for name, source in self._single(attribute, value):
            for strength in STRENGTHS:
                yield drawn(f"{name}, strength {strength:g}", Chosen(source, strength))
        yield judged(PRIOR, self._prior)
        same = [best_of(self._popularity, TEN)] * self._draws.seeds
        yield judged(POPULARITY, same)
        yield judged(FILTER, [best_of(np.where(has, self._popularity, -np.inf), TEN)] * self._draws.seeds)

    def _single(self, attribute: str, value: str) -> Iterator[tuple[str, Source]]:
        """The alternatives: the half that carries the value (tied, else best), its direction, its pattern both ways."""
        tied = next((f for f in self._factors.factors if _is_tied(f.guide, attribute, value)), None)
        carrier = next((c for c in self._factors.carriers if (c.attribute, c.value) == (attribute, value)), None)
        if tied is not None:
            yield "half", Source("factor", tied, "positive")
        elif carrier is not None and carrier.axis is not None and carrier.axis.factor is not None:
            yield "half", Source("factor", self._factors.factors[carrier.axis.factor], carrier.axis.half)
        direction = self._sampler.direction(attribute, value)
        if direction is not None:
            yield "direction", Source("direction", direction=direction)
            yield "pattern", Source("pattern", direction=direction)
            yield "pattern, variances only", Source("variances", direction=direction)


def _is_tied(guide: Guide | None, attribute: str, value: str) -> bool:
    return guide is not None and (guide.attribute, guide.value) == (attribute, value)
