"""When the latents are active: three definitions, on the curve of one training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.complexity.curves import Curve
from training.objective import ACTIVE_NATS

ENOUGH: Final = 0.81
"""Of an R2: a correlation of 0.9 of the final one. Of a |correlation|: its square root."""
LAST: Final = 0.25
LEARNED: Final = 0.1
STILL_RISING: Final = 0.05


@dataclass(frozen=True, slots=True)
class Moments:
    """Optimiser steps until the latents are active.

    tastes    the R2 of the tastes on z, summed over the tastes, is 0.81 of its level for good (as a correlation: 0.9).
              This is the one that is predicted
    axes      the |correlation| of the best single z_i, summed over the tastes, is 0.9 of its level for good
    units     the number of latents with KL > 0.01 nats is what it is in the end, or more, for good
    best      the highest validation ndcg@100
    level     of the R2 sum; carried: of each taste
    units_end how many latents are active in the end
    None: nothing was learned (level below 0.1).
    rising    the level is still more than 5 % above that of the quarter before: the run was not long enough to say
    """

    tastes: int | None
    axes: int | None
    units: int
    best: int
    level: float
    carried: tuple[float, ...]
    units_end: float
    rising: bool


def moments(curve: Curve) -> Moments:
    """Of one training; see Moments."""
    steps = np.array(curve.steps)
    carried = np.maximum(np.array(curve.carried), 0.0)
    total, axes = carried.sum(axis=1), np.array(curve.axes).sum(axis=1)
    units = (np.array(curve.kl) > ACTIVE_NATS).sum(axis=1).astype(np.float64)
    level = level_of(steps, total)
    learned = level >= LEARNED
    last = steps[-1]
    before = total[(steps > (1 - 2 * LAST) * last) & (steps <= (1 - LAST) * last)]
    return Moments(
        tastes=for_good(steps, total, ENOUGH * level) if learned else None,
        axes=for_good(steps, axes, math.sqrt(ENOUGH) * level_of(steps, axes)) if learned else None,
        units=for_good(steps, units, level_of(steps, units)),
        best=int(steps[int(np.argmax(curve.ndcg))]),
        level=level,
        carried=tuple(level_of(steps, one) for one in carried.T),
        units_end=level_of(steps, units),
        rising=bool(level > (1.0 + STILL_RISING) * float(np.median(before))) if len(before) else False,
    )


def level_of(steps: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """The median over the last quarter of the steps: no single peak sets it."""
    return float(np.median(values[steps > (1.0 - LAST) * steps[-1]]))


def for_good(steps: NDArray[np.int64], values: NDArray[np.float64], wanted: float) -> int:
    """The first step from which the values stay at `wanted` or above until the level is settled.

    What goes up, comes down and rises again has its second rise counted. The last quarter, whose median is the level,
    may flutter around it: a value counts as below only if the median of it and its two neighbours is.
    """
    padded = np.concatenate([values[:1], values, values[-1:]])
    smooth = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    below = np.flatnonzero((smooth < wanted) & (steps <= (1.0 - LAST) * steps[-1]))
    return int(steps[below[-1] + 1]) if len(below) else int(steps[0])
