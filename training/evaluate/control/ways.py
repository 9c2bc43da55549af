"""Where a taste is steered: along the axis that has it, or along the pattern of its probe; one sd of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.factors import Direction, Guide
from training.decode.probes import correlations, fit_probes
from training.evaluate.control.result import SteerBy
from training.tastes import Taste, TasteTable

Floats = NDArray[np.float64]
NOTHING_LEFT = 1e-4
"""A shift of which less than this share survives the lock cannot do what was asked (as steering.steer has it)."""
DEPENDENT = 1e-6
"""Of the largest: a combination of readings with a smaller singular value is one of the others (as steering.steer)."""


@dataclass(frozen=True, slots=True)
class Way:
    """step [n_latent]: one sd towards more of the taste; factor, sign of an axis, None and 1 of a direction."""

    taste: Taste
    by: SteerBy
    step: Floats
    factor: int | None = None
    sign: float = 1.0


def ways_of(
    mu: NDArray[np.floating], train: sparse.csr_matrix, table: TasteTable, guides: Sequence[Guide]
) -> tuple[Way, ...]:
    """An axis and a direction for each taste of the table; found on training users mu [n, d], histories train.

    The axis is the latent that the taste was tied to, its positive half being more of it; where it was tied to none,
    the latent whose mu goes most with it. The direction is the pattern of its ridge probe (training.decode.probes).
    """
    wide, targets = mu.astype(np.float64), table.of(train)
    probes, sd = fit_probes(wide, targets), wide.std(axis=0)
    patterns = probes.pattern(probes.weights)
    together = correlations(wide, targets)
    tied = {(guide.attribute, guide.value): place for place, guide in enumerate(guides)}
    found = []
    for place, taste in enumerate(table.tastes):
        axis = tied.get((taste.attribute, taste.value))
        sign = 1.0
        if axis is None:
            axis = int(np.abs(together[:, place]).argmax())
            sign = 1.0 if together[axis, place] >= 0 else -1.0
        step = np.zeros(wide.shape[1])
        step[axis] = sign * sd[axis]
        found.append(Way(taste, "axis", step, axis, sign))
        found.append(Way(taste, "direction", patterns[:, place]))
    return tuple(found)


def projected_out(shift: Floats, locked: Sequence[Direction]) -> Floats | None:
    """What the service leaves of a shift [d] when attributes are locked (steering.steer): no locked probe reads of it.

    None: so little is left that the service refuses.
    """
    if not locked:
        return shift
    vectors = np.array([d.vector for d in locked])
    along = np.array([d.pattern for d in locked]) if all(d.pattern for d in locked) else vectors
    left = np.asarray(shift - along.T @ np.linalg.lstsq(vectors @ along.T, vectors @ shift, rcond=DEPENDENT)[0])
    return None if np.linalg.norm(left) < NOTHING_LEFT * np.linalg.norm(shift) else left
