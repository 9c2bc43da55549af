"""The axes of a guided model: a change of basis of z after which each of the first latents is one taste.

A decoder takes z through a linear layer first, so z' = A z, decoded by that layer times A's inverse, gives the same
scores: which axes a latent space has is free, and they can be put where they can be read. Let mu be the training users'
latents, S their covariance, Y their g tastes, standardised.

Tied axes. W = (S + ridge I)^-1 cov(mu, Y), the linear reading of every taste, each column scaled to variance 1. With
the correlations K = W'SW = U diag(e) U', the columns of W U diag(e^(-separation/2)) U' are less correlated with each
other (separation 1: not at all; symmetric, so that no order of the tastes decides; Loewdin 1950). Directions in which K
has next to no variance are no directions: shares that sum to one have one taste less than values.
Free axes. The directions of z that are uncorrelated with all tied ones, turned to their principal components, largest
first. They carry nothing of the tastes that a linear reading could find. If the tied axes have fewer dimensions than
numbers, as many free ones are given up, those in which the latents, mean included, are smallest; A then has no inverse,
and the way back is the linear map that misses least of the training users' latents. Nothing else is lost.

Every axis has length 1 in the old coordinates, so the prior of each z'_i is again N(0, 1); it is no longer independent
of the others. The idea that only supervision can say which axes are meant: Locatello et al. 2019, arXiv 1811.12359.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.encoding import encode
from training.guided.guidance import Guidance
from training.models.base import LatentModel

RIDGE = 0.01
"""Of the mean variance of mu, as in decode/directions.py: a dead dimension's noise gets no weight."""
LEAST = 0.01
"""Of the variance of one tied axis: directions among them with less have no reading."""
SURELY = 3.0
"""Standard deviations that a reading must be above chance: else the taste has no axis, and its latent stays at 0."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axes:
    """forward [d, d]: z' = forward z, the tied axes first; backward [d, d]: its (pseudo-)inverse."""

    forward: Floats
    backward: Floats


def align(model: LatentModel, train: sparse.csr_matrix, guidance: Guidance) -> None:
    """Turn the model's axes, from those it was trained in, whatever was set before. One encoding and O(d^3).

    The model must hold a basis (LatentModel.hold_basis) and be in eval mode.
    """
    assert model.basis is not None
    model.basis.reset()
    mu = encode(model, train).mu.astype(np.float64)
    found = axes(mu, guidance.standardised(train), separation=guidance.separation)
    model.basis.set(found.forward, found.backward)


def axes(mu: Floats, tastes: Floats, *, separation: float) -> Axes:
    """The basis for mu [n, d] and tastes [n, g] (standardised), g < d."""
    n, d = mu.shape
    centred = mu - mu.mean(axis=0)
    covariance = centred.T @ centred / n
    ridge = RIDGE * max(float(np.trace(covariance)) / d, 1e-12)
    read = np.linalg.solve(covariance + ridge * np.eye(d), centred.T @ tastes / n)
    tied, n_dimensions = _tied(read, covariance, separation, least=_by_chance(covariance, ridge, n))
    moment = mu.T @ mu / n
    free = _free(tied, (covariance, moment), n_free=d - tied.shape[1], n_tied=n_dimensions)
    forward = np.vstack([tied.T, free])
    if n_dimensions == tied.shape[1]:
        return Axes(forward, np.linalg.inv(forward))
    return Axes(forward, moment @ forward.T @ np.linalg.pinv(forward @ moment @ forward.T, rcond=1e-12, hermitian=True))


def _by_chance(covariance: Floats, ridge: float, n: int) -> float:
    """More variance than the reading of a taste has that the latents of n users do not carry: its mean is the effective
    number of latents (of the ridge) over n, and it scatters about that as a chi-square of so many degrees."""
    values = np.linalg.eigvalsh(covariance)
    expected = float(np.square(values / (values + ridge)).sum()) / n
    return expected + SURELY * (2.0 * expected / n) ** 0.5


def _tied(read: Floats, covariance: Floats, separation: float, *, least: float) -> tuple[Floats, int]:
    """[d, g], columns of length 1 (or 0 for a taste that is not carried), and how many dimensions they span."""
    variance = np.einsum("ij,ik,kj->j", read, covariance, read)
    carried = variance > least
    scaled = np.where(carried, read / np.sqrt(np.where(carried, variance, 1.0)), 0.0)
    values, vectors = np.linalg.eigh(scaled.T @ covariance @ scaled)
    kept = values > LEAST
    weights = np.where(kept, np.where(kept, values, 1.0) ** (-separation / 2.0), 0.0)
    apart = np.where(carried, scaled @ (vectors * weights) @ vectors.T, 0.0)
    length = np.linalg.norm(apart, axis=0)
    return apart / np.where(length > 0, length, 1.0), int(kept.sum())


def _free(tied: Floats, moments: tuple[Floats, Floats], *, n_free: int, n_tied: int) -> Floats:
    """[n_free, d]: orthonormal rows c, c'S tied = 0, principal components first; the largest loading is positive.

    moments: the latents' covariance S, and their second moments about 0.
    """
    covariance, about_zero = moments
    away = np.linalg.svd((covariance @ tied).T, full_matrices=True)[2][n_tied:]
    away = _largest(about_zero, away, n_free)
    rows = _largest(covariance, away, n_free)
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)]
    return np.asarray(rows * np.where(largest < 0, -1.0, 1.0)[:, None])


def _largest(moment: Floats, rows: Floats, n: int) -> Floats:
    """The n directions in the span of orthonormal rows [k, d] with the largest moment [d, d], largest first."""
    values, vectors = np.linalg.eigh(rows @ moment @ rows.T)
    return np.asarray(vectors[:, np.argsort(-values, kind="stable")[:n]].T @ rows)
