"""Codes whose value as a description of some factors is known beforehand."""

from __future__ import annotations

import numpy as np

from training.measures.dci import Rows

N_FACTORS = 5


def factors(n: int = 1500, *, seed: int = 0, g: int = N_FACTORS) -> np.ndarray:
    """Independent and standard normal."""
    return np.random.default_rng(seed).normal(size=(n, g))


def identity(known: np.ndarray) -> np.ndarray:
    """Each factor in a dimension of its own, in other units, and two dimensions of noise."""
    spare = np.random.default_rng(1).normal(size=(len(known), 2))
    return np.hstack([known * np.arange(1, known.shape[1] + 1) - 3.0, spare])


def rotated(known: np.ndarray, *, seed: int = 2) -> np.ndarray:
    """Nothing is lost, and every dimension speaks of all factors."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(known.shape[1],) * 2))[0]
    return known @ turn


def duplicated(known: np.ndarray) -> np.ndarray:
    """Each factor in two dimensions."""
    return np.hstack([known, -2.0 * known])


def noise(known: np.ndarray, *, d: int = 7, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(known), d))


def constant(known: np.ndarray, *, d: int = 7) -> np.ndarray:
    return np.full((len(known), d), 0.25)


def halves(codes: np.ndarray, known: np.ndarray) -> tuple[Rows, Rows]:
    """The fitting users and the held-out ones."""
    half = len(known) // 2
    return Rows(codes[:half], known[:half]), Rows(codes[half:], known[half:])
