"""Two values picked at once, as the service does it (coldstarts/picks.py and together.py): tried for the one list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.decode.attribute_table import AttributeTable
from training.evaluate.control.merging import best_of
from training.evaluate.control.result import Paired
from training.evaluate.control.sampling import DIVERSITY, POINTS, TEN, Chosen, Sampler, Source, even_draws

TOGETHER = (0.5, 1.0, 1.5, 2.0, 3.0)
SURELY = 1e-9
MIN_ITEMS = 30
"""Pairs of values that fewer items have together are not asked for."""
WAYS = ("as served", "as served, diversity 0", "chosen one by one, diversity 0")
Has = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Value:
    """A value and the items that have it, [n_items]."""

    attribute: str
    value: str
    has: Has


class Pairs:
    """Cold starts of two values on one model; the service takes any number, in the order of their names."""

    def __init__(self, sampler: Sampler, *, seeds: int, samples: int) -> None:
        self._sampler, self._seeds, self._samples = sampler, seeds, samples

    def measured(self, table: AttributeTable) -> Iterator[Paired]:
        """Every two values of the first two attributes, not both of the second, that MIN_ITEMS items have together."""
        values = [
            Value(column.name, value, table.shares[:, at] > 0)
            for column in table.columns[:2]
            for at, value in enumerate(column.values, start=column.start)
        ]
        first = [value for value in values if value.attribute == table.columns[0].name] if values else []
        for place, one in enumerate(first):
            for other in values[place + 1 :]:
                if (one.has & other.has).sum() >= MIN_ITEMS:
                    yield from self._of(one, other)

    def _of(self, one: Value, other: Value) -> Iterator[Paired]:
        alone = self.one_by_one([one, other])
        if alone is None:
            return
        tuned = self.tuned([one, other], alone)
        served = [self._sampler.pushed(chosen, DIVERSITY) for chosen in tuned]
        for way, chosen, diversity in zip(WAYS, (served, tuned, [a[0] for a in alone]), (DIVERSITY, 0, 0), strict=True):
            lists = [
                self._sampler.top(chosen, samples=self._samples, seed=seed, diversity=diversity)
                for seed in range(self._seeds)
            ]
            shares = np.array([[value.has[items].mean() for value in (one, other)] for items in lists])
            yield Paired(
                way=way,
                attributes=(one.attribute, other.attribute),
                values=(one.value, other.value),
                n_both=int((one.has & other.has).sum()),
                joint=float(np.mean([(one.has & other.has)[items].mean() for items in lists])),
                least=float(shares.min(axis=1).mean()),
            )

    def one_by_one(self, values: Sequence[Value]) -> list[tuple[Chosen, tuple[Source, ...]]] | None:
        """What stands for each by itself, and all that could; no factor twice. None: there is nothing for one."""
        found: dict[int, tuple[Chosen, tuple[Source, ...]]] = {}
        claimed: set[int] = set()
        for place in sorted(range(len(values)), key=lambda p: (values[p].attribute, values[p].value)):
            value = values[place]
            chosen = self._sampler.choose(value.attribute, value.value, value.has, without=frozenset(claimed))
            if chosen is None:
                return None
            sources = self._sampler.sources(value.attribute, value.value)
            free = tuple(s for s in sources if s.factor is None or s.factor.factor not in claimed)
            found[place] = (chosen, free)
            if chosen.source.factor is not None:
                claimed.add(chosen.source.factor.factor)
        return [found[place] for place in range(len(values))]

    def tuned(self, values: Sequence[Value], alone: Sequence[tuple[Chosen, tuple[Source, ...]]]) -> list[Chosen]:
        """Their strengths and sources tried together: one strength for all, then each by itself."""
        order = sorted(range(len(values)), key=lambda p: (values[p].attribute, values[p].value))
        has = [values[place].has for place in order]
        best = [alone[place][0] for place in order]
        (worth,) = self._worths([best], has)
        for at in range(-1, len(best)):
            states = (
                [[Chosen(one.source, s) for one in best] for s in TOGETHER]
                if at < 0
                else list(_with_other(best, at, alone[order[at]][1]))
            )
            worths = self._worths(states, has)
            if max(worths) > worth + SURELY:
                worth = max(worths)
                best = states[worths.index(worth)]
        return [best[order.index(place)] for place in range(len(values))]

    def _worths(self, states: Sequence[Sequence[Chosen]], has: Sequence[Has]) -> list[float]:
        z = np.zeros((len(states), POINTS, self._sampler.n_latent))
        for row, chosen in enumerate(states):
            for at, one in enumerate(chosen):
                z[row] += self._sampler.points(one.source, one.strength, np.roll(even_draws(one.source), at))
        merged = self._sampler.merged_each(z.reshape(-1, self._sampler.n_latent), len(states))
        return [_worth(best_of(scores, TEN), has) for scores in merged]


def _worth(ten: NDArray[np.int64], has: Sequence[Has]) -> float:
    """Of the ten best: the share that has every value, over what could, and the smallest of any value."""
    every = np.logical_and.reduce(list(has))
    together = float(every[ten].mean() / min(1.0, every.sum() / len(ten))) if every.any() else 0.0
    return together + min(float(one[ten].mean() / min(1.0, max(one.sum() / len(ten), SURELY))) for one in has)


def _with_other(best: Sequence[Chosen], at: int, sources: Sequence[Source]) -> Iterator[list[Chosen]]:
    others = [source for source in sources if source != best[at].source]
    claimed = {one.source.factor.factor for place, one in enumerate(best) if place != at and one.source.factor}
    for source in (best[at].source, *others):
        if source.factor is None or source.factor.factor not in claimed:
            for strength in TOGETHER:
                yield [*best[:at], Chosen(source, strength), *best[at + 1 :]]
