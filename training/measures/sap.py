"""Separated attribute predictability: Kumar, Sattigeri, Balakrishnan 2018 (arXiv 1711.00848)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.measures.correlation import squared_correlations


def separated_predictability(
    codes: ArrayLike, factors: ArrayLike, *, discrete: Sequence[bool] | None = None
) -> NDArray[np.float64]:
    """[g]: how much better the best dimension alone predicts the factor than the runner-up does. SAP is the mean.

    A continuous factor is predicted by a line: the score is R2, and SAP is the gap of `best_dimension`, the same thing.
    A discrete one (`discrete` [g], None = none is) by thresholds: for each value, the interval of the dimension that
    holds most of its users and fewest others; the score is the mean over values of the two shares' difference. The
    paper has the balanced accuracy, which is (1 + score) / 2 for one threshold, and so half the gap.
    O(n * d * g), and for a discrete factor O(n * d * (log n + values)).
    """
    table, known = np.asarray(codes, dtype=np.float64), np.asarray(factors, dtype=np.float64)
    scores = squared_correlations(table, known)
    for j, is_discrete in enumerate(discrete or ()):
        if is_discrete:
            scores[:, j] = _intervals(table, known[:, j])
    ranked = np.sort(np.vstack([scores, np.zeros((2, scores.shape[1]))]), axis=0)[::-1]
    return np.asarray(ranked[0] - ranked[1])


def _intervals(codes: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """[d]: share of a value's users within the best interval less the share of the others', the mean over values."""
    values = np.unique(factor)
    if len(values) < 2:
        return np.zeros(codes.shape[1])
    order = codes.argsort(axis=0, kind="stable")
    ranked = np.take_along_axis(codes, order, axis=0)
    cut = np.vstack([np.ones((1, codes.shape[1]), bool), ranked[1:] > ranked[:-1], np.ones((1, codes.shape[1]), bool)])
    found = np.zeros(codes.shape[1])
    for value in values:
        inside = factor == value
        weight = np.where(inside, 1.0 / inside.sum(), -1.0 / (~inside).sum())
        height = np.vstack([np.zeros((1, codes.shape[1])), np.cumsum(weight[order], axis=0)])
        lowest = np.minimum.accumulate(np.where(cut, height, np.inf), axis=0)
        found += np.where(cut, height - lowest, 0.0).max(axis=0)
    return found / len(values)
