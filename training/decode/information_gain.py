"""Entropy, information gain and Jensen-Shannon divergence of value shares: the measures behind both methods.

Every function works on the last axis (the values of one attribute) and broadcasts over the others.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

_TINY = 1e-12  # inside the logarithm only, so that 0 log 0 = 0


def entropy(shares: Floats) -> Floats:
    """Shannon entropy in bits of shares [..., n_values] that sum to 1 -> [...]."""
    terms: Floats = shares * np.log2(np.maximum(shares, shares.dtype.type(_TINY)))
    return np.asarray(-terms.sum(axis=-1))


def normalised_entropy(shares: Floats) -> Floats:
    """H = entropy / log2(n_values), within [0, 1] up to rounding; 0 for an attribute with a single value."""
    n_values = shares.shape[-1]
    if n_values < 2:
        return np.zeros(shares.shape[:-1], dtype=shares.dtype)
    return np.asarray(entropy(shares) / shares.dtype.type(np.log2(n_values)))


def information_gain(prior: Floats, shares: Floats) -> Floats:
    """IG = H(prior) - H(shares): how much purer than the prior a list is; negative when it is more mixed."""
    return np.asarray(normalised_entropy(prior) - normalised_entropy(shares))


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Jensen-Shannon divergence in bits of p, q [..., n_values] -> [...]: 0 when equal, 1 when disjoint."""
    divergence = entropy((p + q) * p.dtype.type(0.5)) - (entropy(p) + entropy(q)) * p.dtype.type(0.5)
    return np.asarray(np.maximum(divergence, p.dtype.type(0)))  # rounding may leave -1e-17 where p = q
