"""Which figure goes with the epochs until the latents are active, how well it predicts, and what a warning is worth.

Whatever is judged here is judged on a family of data sets that the prediction has not seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.complexity.outcomes import Outcome

LENGTH: Final = "steps per epoch"
BOOTSTRAPS: Final = 2000
LOW: Final = 0.05
HIGH: Final = 0.95
ASKED: Final = (2, 5, 10, 20, 50, 100)
"""Epochs that somebody may ask for."""


@dataclass(frozen=True, slots=True)
class Going:
    """Spearman's rank correlation of a figure with what was measured, and a 95 % bootstrap interval over data sets."""

    figure: str
    rho: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rule:
    """What is fitted: log(epochs), or log(steps) if in_steps, as a line in the logarithms of `figures`.

    In steps, the epochs are the steps over the steps per epoch: that the length of an epoch acts only so is then given,
    not fitted.
    """

    figures: tuple[str, ...]
    in_steps: bool

    def __str__(self) -> str:
        said = " and ".join(self.figures)
        if self.in_steps:
            return f"a number of optimiser steps by {said}" if said else "a constant number of optimiser steps"
        return said or "a constant number of epochs"


@dataclass(frozen=True, slots=True)
class Line:
    """log(epochs or steps) = intercept + sum of slope * log(figure)."""

    rule: Rule
    intercept: float
    slopes: tuple[float, ...]

    def log_epochs(self, data: Sequence[Outcome]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.intercept + _logs(self.rule.figures, data) @ np.array(self.slopes)
        return found - _log_lengths(data) if self.rule.in_steps else found


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule's held-out errors: log(measured / predicted) of every data set [n], its family left out of the fit.

    factor  exp of their root mean square: the prediction is typically off by this factor
    low, high: measured / predicted at the 5 % and the 95 % quantile
    """

    rule: Rule
    errors: tuple[float, ...]
    factor: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Warned:
    """n_short, n_enough: pairs of a training and a number of epochs asked for, too few and enough; of these the share
    that was missed and that was warned of for nothing."""

    n_short: int
    n_enough: int
    missed: float
    false: float


def goings(data: Sequence[Outcome], measured: NDArray[np.float64], rng: np.random.Generator) -> list[Going]:
    """Of every figure with `measured` [n], the strongest first."""
    found = []
    drawn = rng.integers(0, len(data), (BOOTSTRAPS, len(data)))
    for name in data[0].figures:
        values = np.array([one.figures[name] for one in data])
        low, high = np.quantile(spearman(values[drawn], measured[drawn]), [0.025, 0.975])
        found.append(Going(name, float(spearman(values[None], measured[None])[0]), float(low), float(high)))
    return sorted(found, key=lambda one: -abs(one.rho))


def fitted(rule: Rule, data: Sequence[Outcome]) -> Line:
    """Least squares in the logarithms."""
    columns = np.column_stack([np.ones(len(data)), _logs(rule.figures, data)])
    wanted = measured_epochs(data) + (_log_lengths(data) if rule.in_steps else 0.0)
    found, *_ = np.linalg.lstsq(columns, wanted, rcond=None)
    return Line(rule, float(found[0]), tuple(float(slope) for slope in found[1:]))


def judged(rule: Rule, data: Sequence[Outcome]) -> Judged:
    """Every family is predicted by the others."""
    errors = np.zeros(len(data))
    families = np.array([one.family for one in data])
    for family in sorted(set(families)):
        out = families == family
        line = fitted(rule, [one for one, is_out in zip(data, out, strict=True) if not is_out])
        held = [one for one, is_out in zip(data, out, strict=True) if is_out]
        errors[out] = measured_epochs(held) - line.log_epochs(held)
    low, high = np.exp(np.quantile(errors, [LOW, HIGH]))
    factor = float(np.exp(np.sqrt(np.mean(errors**2))))
    return Judged(rule, tuple(errors.tolist()), factor, float(low), float(high))


def candidates(data: Sequence[Outcome]) -> list[Judged]:
    """Every rule of up to two figures, in epochs, and of up to one more beside the length of an epoch, in steps.

    The best first.
    """
    others = [name for name in data[0].figures if name != LENGTH]
    rules = [Rule(c, in_steps=False) for n in range(3) for c in itertools.combinations([LENGTH, *others], n)]
    rules += [Rule(c, in_steps=True) for n in range(2) for c in itertools.combinations(others, n)]
    return sorted((judged(rule, data) for rule in rules), key=lambda one: one.factor)


def warned(rule: Rule, data: Sequence[Outcome]) -> Warned:
    """A warning is given when fewer epochs are asked for than the low end of the prediction's interval.

    Each family is warned by a line and an interval that come from the others. Counts every training with every number
    of ASKED.
    """
    counts = {(short, warning): 0 for short in (False, True) for warning in (False, True)}
    for family in sorted({one.family for one in data}):
        others = [one for one in data if one.family != family]
        line, margin = fitted(rule, others), judged(rule, others).low
        for one in (one for one in data if one.family == family):
            least = margin * float(np.exp(line.log_epochs([one])[0]))
            for epochs, asked in itertools.product(one.epochs, ASKED):
                counts[asked < epochs, asked < least] += 1
    n_short, n_enough = (counts[short, False] + counts[short, True] for short in (True, False))
    return Warned(n_short, n_enough, counts[True, False] / max(n_short, 1), counts[False, True] / max(n_enough, 1))


def measured_epochs(data: Sequence[Outcome]) -> NDArray[np.float64]:
    """log of the epochs until the tastes are carried [n]."""
    return np.log([one.typical_epochs for one in data])


def _logs(figures: tuple[str, ...], data: Sequence[Outcome]) -> NDArray[np.float64]:
    return np.log([[one.figures[name] for name in figures] for one in data]).reshape(len(data), len(figures))


def _log_lengths(data: Sequence[Outcome]) -> NDArray[np.float64]:
    return np.log([one.steps_per_epoch for one in data])


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's rank correlation of each row of two [B, n]; ties share their mean rank, and what is constant has 0."""
    ranks = [rankdata(values, axis=1) for values in (first, second)]
    one, other = (values - values.mean(axis=1, keepdims=True) for values in ranks)
    spread = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    found: NDArray[np.float64] = (one * other).sum(axis=1) / np.where(spread > 0, spread, np.inf)
    return found
