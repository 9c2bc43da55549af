"""Made-up users whose explanations are as good or as bad as a test wants them."""

from __future__ import annotations

import numpy as np

from prismrec.explaining.found import MEASURES, Removal, Residuals, UserFound
from prismrec.explaining.orders import LEAVE_ONE_OUT, OTHER, OURS, POPULARITY, RANDOM, SHUFFLED, SIMILARITY, SIZE

GOOD = {OURS: 0.5, LEAVE_ONE_OUT: 0.5, SIMILARITY: 0.6, POPULARITY: 0.8, OTHER: 0.8, SHUFFLED: 0.9, RANDOM: 0.9}
GOOD_FACTORS = {OURS: 0.7, LEAVE_ONE_OUT: 0.7, SIZE: 0.8, SHUFFLED: 0.95, RANDOM: 0.95}


def curve(deleted, rng, length=20):
    """del about `deleted`, ins about 1 less of it; the noise is each user's own."""
    steps = deleted + 0.01 * rng.standard_normal(length)
    rows = (steps, 1.0 - steps, steps > 0.7, steps < 0.7, np.log(steps), np.log1p(-np.minimum(steps, 0.999)))
    return {name: np.asarray(row, dtype=float).tolist() for name, row in zip(MEASURES, rows, strict=True)}


def removal(rank, size, **changes):
    facts = {
        "offered": False,
        "valid": size > 0,
        "confirmed": size > 0,
        "changed": size,
        "runs": 10 * (size + 1),
        "cost": 5.0,
    }
    return Removal(rank=rank, size=size, **{**facts, **changes})


def user(row, *, length=30, history=GOOD, factors=GOOD_FACTORS, residual=1e-7, removals=None, widened=()):
    rng = np.random.default_rng(row)
    left = [residual / 10] * 3
    return UserFound(
        row=row,
        length=length,
        residuals=[Residuals("as it is", [residual] * 3, [10 * residual] * 3, left, left)],
        history={label: curve(value, rng) for label, value in history.items()},
        factors={label: curve(value, rng) for label, value in factors.items()},
        removals=[removal(1, 2), removal(2, 1)] if removals is None else removals,
        widened=list(widened),
    )


def users(n=40, **changes):
    return [user(row, **changes) for row in range(n)]
