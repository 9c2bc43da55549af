"""Linear readings of users' tastes from mu: the probes behind the directions, and what there is to know of a line.

Everything here is in the metric of S, the covariance of mu over users. A probe's weights w are a filter; how mu goes
with what it reads is its pattern S w (Haufe et al. 2014, doi 10.1016/j.neuroimage.2013.10.067). Two readings w, v are
orthogonal when they are uncorrelated, w' S v = 0: then moving along the pattern of one does not change the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIDGE = 0.01  # of the mean variance of mu: enough that a dead dimension's noise gets no weight
MIN_HELD_OUT = 10
_GIVEN_UP = 1e-3  # of the largest correlation among readings: a combination that varies by less is no direction

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Probes:
    """center [d] and covariance [d, d] of mu; weights [d, k], one ridge regression of each target, not scaled."""

    center: Floats
    covariance: Floats
    weights: Floats

    def pattern(self, weights: Floats) -> Floats:
        """S w / sqrt(w' S w) of weights [d] or [d, k]; 0 where w reads nothing. Moves the reading by one sd of it."""
        along = self.covariance @ weights
        length = np.sqrt(np.maximum((weights * along).sum(axis=0), 0.0))
        return np.asarray(np.where(length > 0, along / np.where(length > 0, length, 1.0), 0.0))


def fit_probes(mu: NDArray[np.floating], targets: Floats) -> Probes:
    """Ridge regressions of targets [n, k], standardised where they vary, on mu [n, d]. O(n d^2 + d^3)."""
    wide = mu.astype(np.float64)
    center, n, d = wide.mean(axis=0), max(len(wide), 1), wide.shape[1]
    away = wide - center
    covariance = away.T @ away / n
    sd = targets.std(axis=0)
    standard = (targets - targets.mean(axis=0)) / np.where(sd > 1e-9, sd, 1.0)
    ridge = RIDGE * max(float(np.trace(covariance)) / d, 1e-12)
    return Probes(center, covariance, np.linalg.solve(covariance + ridge * np.eye(d), away.T @ standard / n))


def made_orthogonal(weights: Floats, covariance: Floats) -> Floats:
    """The readings weights [d, k] made uncorrelated, all alike: symmetric, so that no order decides (Loewdin 1950).

    The closest uncorrelated readings to those given, each as long as it was. Where the readings depend on each other
    (shares that sum to one) not all of them can be uncorrelated: what they span is kept and read evenly, which leaves
    small negative correlations. A reading of nothing stays as it is.
    """
    length = np.sqrt(np.maximum(np.einsum("ik,ij,jk->k", weights, covariance, weights), 0.0))
    there = length > 0
    scaled = weights[:, there] / length[there]
    values, vectors = np.linalg.eigh(scaled.T @ covariance @ scaled)
    kept = values > _GIVEN_UP * max(float(values.max(initial=0.0)), 1e-300)
    powers = np.where(kept, np.where(kept, values, 1.0) ** -0.5, 0.0)
    found = weights.copy()
    found[:, there] = scaled @ (vectors * powers) @ vectors.T * length[there]
    return found


def without(weights: Floats, others: Floats, covariance: Floats) -> Floats:
    """weights [d] or [d, k] with the readings others [d, m] projected out: uncorrelated with every one of them.

    What is left may be (nearly) 0, when the others say it all.
    """
    correlated = covariance @ others
    coefficients = np.linalg.lstsq(others.T @ correlated, correlated.T @ weights, rcond=_GIVEN_UP)[0]
    return np.asarray(weights - others @ coefficients)


@dataclass(frozen=True, slots=True)
class Judged:
    """Lines y = a + b x fitted on some users and judged on n others, k of them: errors, known [n, k], float64."""

    errors: Floats
    known: Floats

    def r2(self, counts: Floats | None = None) -> Floats:
        """[k], or [B, k] when the users count counts [B, n] times each. 0 where they are too few or all alike.

        The share of the variance that the line explains; negative when it is worse than their mean.
        """
        times = np.ones((1, len(self.known))) if counts is None else counts
        total = times.sum(axis=1, keepdims=True)
        centred = self.known - self.known.mean(axis=0) if len(self.known) else self.known
        missed = times @ self.errors**2
        spread = times @ centred**2 - (times @ centred) ** 2 / np.maximum(total, 1.0)
        enough = (len(self.known) >= MIN_HELD_OUT) & (spread > 1e-9 * np.maximum(total, 1.0))
        found = np.where(enough, 1.0 - missed / np.where(enough, spread, 1.0), 0.0)
        return np.asarray(found[0] if counts is None else found)


@dataclass(frozen=True, slots=True)
class Points:
    """x, y [n, k] of the same users: coordinates and what they are said to tell."""

    x: Floats
    y: Floats


def judged(fitting: Points, held_out: Points) -> Judged:
    """Fit one line for each of k columns and judge it on other users."""
    x, y = fitting.x - fitting.x.mean(axis=0), fitting.y - fitting.y.mean(axis=0)
    varies = (x**2).sum(axis=0)
    slope = np.where(varies > 0, (x * y).sum(axis=0) / np.where(varies > 0, varies, 1.0), 0.0)
    predicted = fitting.y.mean(axis=0) + (held_out.x - fitting.x.mean(axis=0)) * slope
    return Judged(held_out.y - predicted, held_out.y)


def correlations(x: Floats, y: Floats) -> Floats:
    """[d, k] between the columns of x [n, d] and y [n, k]; 0 where one does not vary."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    lengths = np.linalg.norm(x, axis=0)[:, None] * np.linalg.norm(y, axis=0)[None, :]
    some = lengths > 1e-12
    return np.asarray(np.where(some, x.T @ y / np.where(some, lengths, 1.0), 0.0))
