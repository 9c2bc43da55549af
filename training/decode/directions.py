"""Probe directions: where in the latent space an attribute value lies, whether or not one axis carries it.

A ridge regression of the users' standardised share of the value on mu; in the manner of concept activation vectors
(Kim et al. 2018, arXiv 1711.11279). Served beside the axes, because one z_i seldom carries a real attribute alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.factors import Direction
from training.decode.attribute_table import AttributeTable

_RIDGE = 0.01  # of the mean variance of mu: enough that a dead dimension's noise gets no weight
_MIN_HELD_OUT = 10


@dataclass(frozen=True, slots=True)
class Users:
    """Some users' latent points mu [n, n_latent] and histories CSR [n, n_items], row by row the same users."""

    mu: NDArray[np.float32]
    histories: sparse.csr_matrix


def history_shares(histories: sparse.csr_matrix, table: AttributeTable) -> NDArray[np.float64]:
    """[n, n_columns]: the share of each attribute value among the user's items whose value is known."""
    return np.asarray(table.read(histories, table.prior()), dtype=np.float64)


def directions(fitting: Users, held_out: Users, table: AttributeTable) -> tuple[Direction, ...]:
    """One direction per attribute value whose share differs between users. O(n_users * n_latent^2).

    r2 is measured on users whom neither the model nor the probe was fitted on; below ten of them it is 0: not shown.
    """
    mu = fitting.mu.astype(np.float64)
    shares = history_shares(fitting.histories, table)
    center, mean, sd = mu.mean(axis=0), shares.mean(axis=0), shares.std(axis=0)
    usable = sd > 1e-9
    target = (shares - mean) / np.where(usable, sd, 1.0)
    covariance = (mu - center).T @ (mu - center) / max(len(mu), 1)
    ridge = _RIDGE * max(float(np.trace(covariance)) / mu.shape[1], 1e-12)
    slopes = np.linalg.solve(covariance + ridge * np.eye(mu.shape[1]), (mu - center).T @ target / max(len(mu), 1))
    known = (history_shares(held_out.histories, table) - mean) / np.where(usable, sd, 1.0)
    r2 = _r_squared((held_out.mu - center) @ slopes, known)
    found = []
    for column in table.columns:
        for v, value in enumerate(column.values):
            at = column.start + v
            length = float(np.linalg.norm(slopes[:, at]))
            if usable[at] and length > 0:
                unit = slopes[:, at] / length
                along = mu @ unit
                found.append(
                    Direction(
                        attribute=column.name,
                        value=value,
                        vector=tuple(float(x) for x in unit),
                        mean=float(along.mean()),
                        sd=float(along.std()),
                        r2=float(r2[at]),
                    )
                )
    return tuple(found)


def _r_squared(predicted: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n_columns]; 0 where the held-out users are too few or all alike. Negative when worse than their mean."""
    if len(known) < _MIN_HELD_OUT:
        return np.zeros(known.shape[1])
    spread = ((known - known.mean(axis=0)) ** 2).sum(axis=0)
    missed = ((known - predicted) ** 2).sum(axis=0)
    return np.asarray(np.where(spread > 1e-9, 1.0 - missed / np.maximum(spread, 1e-9), 0.0))
