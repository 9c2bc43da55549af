"""Rank correlations that are 0, not nothing, where nothing varies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]


def spearman(x: Floats, y: Floats) -> Floats:
    """Spearman's correlation of x [m] with each column of y [m, n] -> [n]; ties have their mean rank; 0 if constant."""
    ranks = rankdata(y, axis=0)
    ranks -= ranks.mean(axis=0)
    ours = rankdata(x) - (len(x) + 1) / 2
    spread = np.sqrt((ours**2).sum() * (ranks**2).sum(axis=0))
    return np.asarray(np.where(spread > 0, ours @ ranks / np.where(spread > 0, spread, 1.0), 0.0))
