"""From units to shares with intervals, and to the reasons of what was missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import binomtest

from benchmarks.recovery.unit import Found
from benchmarks.recovery.verdict import LEVEL, METHODS, Method, Verdict, judged, recovered
from training.data.synth import FACTORS

Figures = dict[str, Any]
LOST: Final = 0.5
"""Of what the histories tell of a taste (R^2): if all latents together tell less than this share, it is lost."""
SPREAD: Final = 2 / 3
"""Of what all latents together tell (R^2): if no single one tells this share, the taste is spread over several."""
PURE: Final = 0.5
"""A claim is pure if its dimension's r^2 with any other taste is at most this share of that with the named one."""

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Judged:
    """A unit with its verdicts by both methods."""

    found: Found
    verdicts: dict[Method, dict[str, Verdict]]

    @classmethod
    def of(cls, found: Found) -> Judged:
        return cls(found, {method: judged(found.map, found.planted, method) for method in METHODS})

    def recovered(self, method: Method) -> bool:
        return recovered(self.verdicts[method], method)

    def pure(self, method: Method) -> bool:
        """Recovered, and every claim pure."""
        return self.recovered(method) and all(
            self._purity(verdict, place) <= PURE for place, verdict in enumerate(self.verdicts[method].values())
        )

    def _purity(self, verdict: Verdict, place: int) -> float:
        assert verdict.claim is not None
        squares = self.found.planted.table[verdict.claim.dimension] ** 2
        return float(np.delete(squares, place).max() / squares[place])

    def why_missed(self, place: int) -> str:
        """Of one factor that the space of this model does not give on an axis: lost, spread, mixed or faint.

        lost    all active latents together tell less than LOST of what the histories tell (R^2)
        spread  no active dimension tells SPREAD of what they tell together
        mixed   the dimension that tells most goes better with another taste
        faint   an axis carries it: it was too weak for the method, or another attribute showed more there
        """
        found = self.found
        active = [factor.active for factor in found.map.factors]
        squares = found.planted.table[active] ** 2
        space, ceiling = found.space[place] ** 2, found.ceiling[place] ** 2
        if space < LOST * ceiling or not len(squares):
            return "lost"
        best = squares[squares[:, place].argmax()]
        if best[place] < SPREAD * space:
            return "spread"
        return "mixed" if best.argmax() != place else "faint"


def share(hits: int, n: int) -> Figures:
    """A share with its 95 % Wilson interval."""
    if not n:
        return {"hits": 0, "n": 0, "share": None, "low": None, "high": None}
    interval = binomtest(hits, n).proportion_ci(confidence_level=0.95, method="wilson")
    return {"hits": hits, "n": n, "share": hits / n, "low": float(interval.low), "high": float(interval.high)}


def grouped_share(hits: Sequence[int], sizes: Sequence[int]) -> Figures:
    """A share of what comes in groups (hits and number of each): a 95 % interval from resampled groups.

    The cells of one map rise and fall together, so an interval that took them one by one would be too narrow.
    """
    n, m = np.array(sizes, dtype=np.float64), np.array(hits, dtype=np.float64)
    if not n.sum():
        return share(0, 0)
    drawn = np.random.default_rng(0).integers(len(n), size=(_RESAMPLES, len(n)))
    low, high = np.quantile(m[drawn].sum(axis=1) / np.maximum(n[drawn].sum(axis=1), 1.0), [0.025, 0.975])
    total = {"hits": int(m.sum()), "n": int(n.sum()), "share": float(m.sum() / n.sum())}
    return {**total, "low": float(low), "high": float(high)}


def counted(units: Sequence[Judged], test: Callable[[Judged], bool]) -> Figures:
    return share(sum(test(unit) for unit in units), len(units))


def recovery(units: Sequence[Judged]) -> Figures:
    """Of the runs of one model on one kind of data: each method, both at once, and factor by factor."""
    found = [unit.found for unit in units]
    figures: Figures = {
        "scenario": found[0].scenario,
        "model": found[0].model,
        "seeds": len(units),
        "both": counted(units, lambda u: all(u.recovered(method) for method in METHODS)),
        "relative_with_right_half": counted(
            units, lambda u: all(v.outcome == "mapped" for v in u.verdicts["relative"].values())
        ),
        "active": float(np.mean([sum(factor.active for factor in f.map.factors) for f in found])),
        "validation_ndcg": float(np.mean([f.ndcg for f in found])),
        "best_epoch": float(np.mean([f.best_epoch for f in found])),
    }
    for method in METHODS:
        figures[method] = counted(units, lambda u, method=method: u.recovered(method))  # type: ignore[misc]
        figures[f"{method}_pure"] = counted(units, lambda u, method=method: u.pure(method))  # type: ignore[misc]
    figures["factors"] = {name: factor(units, place) for place, name in enumerate(FACTORS)}
    return figures


def factor(units: Sequence[Judged], place: int) -> Figures:
    """One planted factor: how each method did, where it lies in the latents, and why it was missed.

    axis: the best |correlation| of an active dimension with the taste; beside: of that dimension with another taste;
    kl: its KL in nats; space, ceiling: see unit.Found. All are means over the runs.
    """
    name = FACTORS[place]
    axes = [_axis(unit.found, place) for unit in units]
    figures: Figures = {
        "axis": float(np.mean([a[0] for a in axes])),
        "beside": float(np.mean([a[1] for a in axes])),
        "kl": float(np.mean([a[2] for a in axes])),
        "space": float(np.mean([unit.found.space[place] for unit in units])),
        "ceiling": float(np.mean([unit.found.ceiling[place] for unit in units])),
    }
    for method in METHODS:
        verdicts = [unit.verdicts[method][name] for unit in units]
        missed = [u for u, v in zip(units, verdicts, strict=True) if not _good(v, method)]
        figures[method] = {
            "outcomes": dict(Counter(v.outcome for v in verdicts)),
            "missed_because": dict(Counter(unit.why_missed(place) for unit in missed)),
            "mapped": share(len(units) - len(missed), len(units)),
        }
    return figures


def null_figures(units: Sequence[Judged]) -> Figures:
    """What shuffled attributes came to, with the same of the true ones beside it as the control.

    maps_*: share of maps with any significant cell, which under the null is the false discovery rate itself. Over
    several models the interval takes the maps of one data set as a group.
    """
    nulls = [unit.found.null for unit in units]
    true = [[cell for f in unit.found.map.factors for cell in f.evidence] for unit in units]
    named = [any(f.status != "undecoded" for f in unit.found.map.factors) for unit in units]
    cells, n_true = [null.cells for null in nulls], [len(of_map) for of_map in true]
    return {
        "maps": len(nulls),
        "cells_relative": grouped_share([null.relative for null in nulls], cells),
        "cells_absolute": grouped_share([null.absolute for null in nulls], cells),
        "maps_relative": _maps(units, [null.relative > 0 for null in nulls]),
        "maps_absolute": _maps(units, [null.absolute > 0 for null in nulls]),
        "maps_with_a_reading": _maps(units, [null.readings > 0 for null in nulls]),
        "small_p": grouped_share([null.small_p for null in nulls], [2 * n for n in cells]),
        "control": {
            "cells_relative": grouped_share([sum(c.q_value <= LEVEL for c in of_map) for of_map in true], n_true),
            "cells_absolute": grouped_share([sum(c.ig_q_value <= LEVEL for c in of_map) for of_map in true], n_true),
            "maps_with_a_reading": share(sum(named), len(named)),
        },
    }


def _maps(units: Sequence[Judged], hits: Sequence[bool]) -> Figures:
    """The share of maps that are hit."""
    groups: dict[tuple[str, int], list[bool]] = {}
    for unit, hit in zip(units, hits, strict=True):
        groups.setdefault((unit.found.scenario, unit.found.seed), []).append(hit)
    if len(groups) == len(units) or not any(hits):
        return share(sum(hits), len(units))
    return grouped_share([sum(group) for group in groups.values()], [len(group) for group in groups.values()])


def _good(verdict: Verdict, method: Method) -> bool:
    return verdict.true if method == "relative" else verdict.outcome == "mapped"


def _axis(found: Found, place: int) -> tuple[float, float, float]:
    """(|correlation|, the next taste's, KL) of the active dimension that goes best with the taste."""
    active = [factor.factor for factor in found.map.factors if factor.active]
    if not active:
        return 0.0, 0.0, 0.0
    rows = np.abs(found.planted.table[active])
    best = int(rows[:, place].argmax())
    return float(rows[best, place]), float(np.delete(rows[best], place).max()), found.map.factors[active[best]].kl
