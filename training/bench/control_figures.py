"""From what was measured of single runs to the figures of a model: over values and seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from training.bench.control_runner import ControlRow
from training.evaluate.control.coldstarts import SERVED
from training.evaluate.control.result import DOSES, Control, Drift, Paired, Response, Sampled, SteerBy

SPEARMAN, PRECISION = 0.95, 0.8
"""What a guided model must reach: every value's Spearman; a cold start's mean precision@10 over the values."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean over seeds and standard deviation between them (0 with one)."""

    mean: float
    sd: float

    @classmethod
    def of(cls, by_seed: Iterable[float]) -> Spread:
        values = np.array(list(by_seed), dtype=np.float64)
        return cls(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0)


@dataclass(frozen=True, slots=True)
class Steering:
    """One way to steer one model. Tastes that are shares are averaged (gain, times); numbers are in the detail.

    least, n_enough, n  Spearman: the least over tastes and seeds; of the n of them how many reach SPEARMAN
    user                median over users, mean over tastes
    gain, times         share at +3 less that at 0; over it: mean over tastes of the ratio
    kept                ndcg@100 at +1, +2 and +3 over that at 0, mean over tastes
    """

    by: SteerBy
    least: float
    n_enough: int
    n: int
    user: Spread
    gain: Spread
    times: Spread
    kept: tuple[Spread, Spread, Spread]


@dataclass(frozen=True, slots=True)
class Locked:
    """All tastes of an attribute moved with another locked, and not: see training.evaluate.control.result.Drift."""

    by: SteerBy
    steered: str
    lock: str
    free: Spread
    locked: Spread
    gain_free: Spread
    gain_locked: Spread
    refused: int


@dataclass(frozen=True, slots=True)
class Cold:
    """One way to start, over an attribute's values: precision@10, and distinct items over the seeds of the draws."""

    way: str
    attribute: str
    n_values: int
    precision: Spread
    distinct: Spread


def steering(row: ControlRow, by: SteerBy) -> Steering | None:
    """None when there is no taste to steer."""
    found = [r for one in row.seeds for r in one.responses if r.by == by]
    if not found:
        return None

    def over(figure: Callable[[Response], float | None]) -> Spread:
        return Spread.of(_mean(figure(r) for r in one.responses if r.by == by) for one in row.seeds)

    spearman = [r.spearman for r in found]
    doses = (DOSES.index(1.0), DOSES.index(2.0), DOSES.index(3.0))
    kept = tuple(over(lambda r, d=d: r.ndcg[d]) for d in doses)  # type: ignore[misc]
    return Steering(
        by=by,
        least=min(spearman),
        n_enough=sum(s >= SPEARMAN for s in spearman),
        n=len(spearman),
        user=over(lambda r: r.user_spearman),
        gain=over(lambda r: None if r.value is None else r.gain.mean),
        times=over(lambda r: r.ratio),
        kept=(kept[0], kept[1], kept[2]),
    )


def locks(row: ControlRow, by: SteerBy) -> list[Locked]:
    """One for each pair of a steered and a locked attribute."""
    pairs = dict.fromkeys((d.attribute, d.lock) for one in row.seeds for d in one.drifts if d.by == by)

    def of(one: Control, pair: tuple[str, str]) -> list[Drift]:
        return [d for d in one.drifts if d.by == by and (d.attribute, d.lock) == pair]

    return [
        Locked(
            by=by,
            steered=pair[0],
            lock=pair[1],
            free=Spread.of(_mean(d.free for d in of(one, pair)) for one in row.seeds),
            locked=Spread.of(_mean(d.locked for d in of(one, pair)) for one in row.seeds),
            gain_free=Spread.of(_mean(d.gain_free for d in of(one, pair)) for one in row.seeds),
            gain_locked=Spread.of(_mean(d.gain_locked for d in of(one, pair)) for one in row.seeds),
            refused=sum(d.refused for one in row.seeds for d in of(one, pair)),
        )
        for pair in pairs
    ]


def cold_starts(row: ControlRow) -> list[Cold]:
    """By attribute, then by way, in their order."""
    pairs = dict.fromkeys((s.attribute, s.way) for one in row.seeds for s in one.cold)

    def of(one: Control, pair: tuple[str, str]) -> list[Sampled]:
        return [s for s in one.cold if (s.attribute, s.way) == pair]

    return [
        Cold(
            way=pair[1],
            attribute=pair[0],
            n_values=max(len(of(one, pair)) for one in row.seeds),
            precision=Spread.of(_mean(s.precision for s in of(one, pair)) for one in row.seeds),
            distinct=Spread.of(_mean(float(s.distinct) for s in of(one, pair)) for one in row.seeds),
        )
        for pair in sorted(pairs, key=lambda pair: [a for a, _ in pairs].index(pair[0]))
    ]


@dataclass(frozen=True, slots=True)
class Both:
    """Two values at once by one way, over the pairs of two attributes: share that has both, the smaller share."""

    way: str
    attributes: tuple[str, str]
    n_pairs: int
    joint: Spread
    least: Spread


def both(row: ControlRow) -> list[Both]:
    """By attributes, then by way, in their order."""
    kinds = dict.fromkeys((p.attributes, p.way) for one in row.seeds for p in one.pairs)

    def of(one: Control, kind: tuple[tuple[str, str], str]) -> list[Paired]:
        return [p for p in one.pairs if (p.attributes, p.way) == kind]

    return [
        Both(
            way=kind[1],
            attributes=kind[0],
            n_pairs=max(len(of(one, kind)) for one in row.seeds),
            joint=Spread.of(_mean(p.joint for p in of(one, kind)) for one in row.seeds),
            least=Spread.of(_mean(p.least for p in of(one, kind)) for one in row.seeds),
        )
        for kind in sorted(kinds, key=lambda kind: [a for a, _ in kinds].index(kind[0]))
    ]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is required of a guided model. least: of its axes; precision: attribute -> cold starts as served."""

    model: str
    least: float
    precision: dict[str, float]

    def met(self, attribute: str) -> bool:
        return self.least >= SPEARMAN and self.precision.get(attribute, 0.0) >= PRECISION


def verdicts(rows: Sequence[ControlRow]) -> list[Verdict]:
    found = []
    for row in rows:
        steered = steering(row, "axis")
        if row.guided and steered is not None:
            precision = {cold.attribute: cold.precision.mean for cold in cold_starts(row) if cold.way == SERVED}
            found.append(Verdict(row.model, steered.least, precision))
    return found


def _mean(values: Iterable[float | None]) -> float:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else 0.0
