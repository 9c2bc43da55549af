"""From outcomes to the table's rows: seeds together, and paired differences between rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bundle.manifest import Metric
from training.bench.task import Outcome
from training.evaluate.evaluate import SEED
from training.evaluate.intervals import metric_of
from training.evaluate.result import HEADLINE


@dataclass(frozen=True, slots=True)
class Row:
    """One model over its seeds.

    outcomes  one per seed
    gain      paired difference of ndcg@100 per user to the row named `against`; None for that row itself
    """

    model: str
    flagship: bool
    outcomes: tuple[Outcome, ...]
    against: str | None = None
    gain: Metric | None = None

    @property
    def baseline(self) -> bool:
        return self.outcomes[0].baseline

    @property
    def per_user(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """ndcg@100 of each user, mean over the seeds."""
        return np.asarray(np.mean([outcome.per_user for outcome in self.outcomes], axis=0), dtype=np.float64)

    def mean(self, metric: str) -> float:
        """Mean over seeds of the mean over users."""
        return float(np.mean(self.by_seed(metric)))

    def se(self, metric: str) -> float:
        """Standard error over users: for ndcg@100 of their means over seeds, else the mean of the seeds' errors."""
        if metric == HEADLINE and len(self.per_user) > 1:
            return float(self.per_user.std(ddof=1) / np.sqrt(len(self.per_user)))
        return float(np.mean([outcome.metrics[metric].se for outcome in self.outcomes]))

    def by_seed(self, metric: str) -> list[float]:
        return [outcome.metrics[metric].mean for outcome in self.outcomes]

    def seed_sd(self, metric: str) -> float | None:
        """Standard deviation between seeds; None for one seed."""
        return float(np.std(self.by_seed(metric), ddof=1)) if len(self.outcomes) > 1 else None


def rows_of(outcomes: Sequence[Outcome], *, flagship: str | None) -> list[Row]:
    """A row for each model, best ndcg@100 first, with its paired difference to the best peer (the flagship is none)."""
    by_model: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_model.setdefault(outcome.model, []).append(outcome)
    rows = [Row(model, model == flagship, tuple(found)) for model, found in by_model.items()]
    rows.sort(key=lambda row: -row.mean(HEADLINE))
    peer = next((row for row in rows if not row.flagship), None)
    return rows if peer is None else [_beside(row, peer) for row in rows]


def _beside(row: Row, peer: Row) -> Row:
    if row.model == peer.model:
        return row
    gain = metric_of(row.per_user - peer.per_user, np.random.default_rng(SEED))
    return Row(row.model, row.flagship, row.outcomes, against=peer.model, gain=gain)
