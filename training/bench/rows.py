"""From outcomes to the table's rows: seeds together, and paired differences between rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bundle.manifest import Metric
from training.bench.task import Outcome
from training.evaluate.by_user import PerFigure, difference_by_user, mean_by_user
from training.evaluate.evaluate import SEED
from training.evaluate.result import HEADLINE, Metrics


@dataclass(frozen=True, slots=True)
class Row:
    """One model over its seeds.

    outcomes  one per seed
    metrics   name -> mean over seeds and users, standard error over users, 95 % interval over users and seeds (of a
              figure of all lists together, coverage or gini: the seeds' own standard errors and intervals, averaged)
    gain      paired difference of ndcg@100 to the row named `against`, over users and seeds; None for that row itself
    """

    model: str
    flagship: bool
    outcomes: tuple[Outcome, ...]
    metrics: Metrics
    against: str | None = None
    gain: Metric | None = None

    @property
    def baseline(self) -> bool:
        return self.outcomes[0].baseline

    @property
    def drawn(self) -> bool:
        """False: nothing in it is random, so one run says all."""
        return self.outcomes[0].drawn

    def mean(self, metric: str) -> float:
        """Mean over seeds of the mean over users."""
        return self.metrics[metric].mean

    def by_seed(self, metric: str) -> list[float]:
        return [outcome.metrics[metric].mean for outcome in self.outcomes]

    def seed_sd(self, metric: str) -> float | None:
        """Standard deviation between seeds; None for one seed."""
        return float(np.std(self.by_seed(metric), ddof=1)) if len(self.outcomes) > 1 else None

    @property
    def conditioned(self) -> Mapping[str, Metrics]:
        """Way -> metric -> figure, averaged over the seeds; empty for a model without conditions."""
        found = [outcome.conditioned.overall for outcome in self.outcomes if outcome.conditioned is not None]
        if len(found) != len(self.outcomes):
            return {}
        ways = {way: metrics for way, metrics in found[0].items() if all(way in other for other in found)}
        return {way: {name: _averaged([f[way][name] for f in found]) for name in ways[way]} for way in ways}


def rows_of(outcomes: Sequence[Outcome], *, flagship: str | None) -> list[Row]:
    """A row for each model, best ndcg@100 first, with its paired difference to the best peer (the flagship is none).

    The model's other ways to recommend are rows of their own, and the flagship's own other way is no peer of it.
    """
    by_model: dict[str, list[Outcome]] = {}
    for outcome in _with_other_ways(outcomes):
        by_model.setdefault(outcome.model, []).append(outcome)
    rows = [
        Row(model, model == flagship, tuple(sorted(found, key=lambda o: o.seed)), _metrics(found))
        for model, found in by_model.items()
    ]
    rows.sort(key=lambda row: -row.mean(HEADLINE))
    peer = next((row for row in rows if not _of_flagship(row.model, flagship)), None)
    return rows if peer is None else [_beside(row, peer) for row in rows]


def _with_other_ways(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    for outcome in outcomes:
        yield outcome
        yield from outcome.also


def _of_flagship(model: str, flagship: str | None) -> bool:
    return flagship is not None and (model == flagship or model.startswith(f"{flagship} ("))


def _metrics(outcomes: Sequence[Outcome]) -> Metrics:
    return {
        name: (
            _mean(_figures(outcomes, name))
            if all(name in outcome.per_user for outcome in outcomes)
            else _averaged([outcome.metrics[name] for outcome in outcomes])
        )
        for name in outcomes[0].metrics
    }


def _figures(outcomes: Sequence[Outcome], metric: str) -> PerFigure:
    return np.array([outcome.per_user[metric] for outcome in outcomes], dtype=np.float64)


def _mean(figures: PerFigure) -> Metric:
    """Of one figure for each user."""
    return mean_by_user(figures, np.arange(figures.shape[1]), np.random.default_rng(SEED))


def _averaged(figures: Sequence[Metric]) -> Metric:
    mean, se, low, high = (
        float(np.mean([getattr(figure, part) for figure in figures])) for part in ("mean", "se", "low", "high")
    )
    return Metric(mean=mean, se=se, low=low, high=high, n=figures[0].n)


def _beside(row: Row, peer: Row) -> Row:
    if row.model == peer.model:
        return row
    ours, theirs = _figures(row.outcomes, HEADLINE), _figures(peer.outcomes, HEADLINE)
    gain = difference_by_user(ours, theirs, np.arange(ours.shape[1]), np.random.default_rng(SEED))
    return replace(row, against=peer.model, gain=gain)
