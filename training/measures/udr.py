"""Unsupervised disentanglement ranking: Duan et al. 2020 (arXiv 1905.12614). Needs no known factor: a space whose axes
mean something is found again, axis by axis, when the model is trained anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.measures.correlation import standardised

Similarity = Literal["lasso", "spearman"]
_PENALTY = 0.1
"""The paper's, for standardised codes."""


def disentanglement_ranking(
    codes: Sequence[ArrayLike], informative: Sequence[ArrayLike], *, similarity: Similarity = "lasso"
) -> NDArray[np.float64]:
    """[S]: of each of S trainings of one model, the median over the others of `likeness`; needs two trainings at least.

    codes        S tables [n, d] of the same users, row by row
    informative  S masks [d]: the dimensions whose KL exceeds 0.01 nats; the others are left out
    S (S - 1) / 2 pairs; of 200 dimensions and 600 users, a second each by the lasso. A pair is regressed one
    way, the earlier training on the later, and its likeness counts for both.
    """
    if len(codes) < 2:
        raise ValueError(f"one training has nothing to be compared with; {len(codes)} came, expected two or more")
    kept = [standardised(code)[:, np.asarray(mask, bool)] for code, mask in zip(codes, informative, strict=True)]
    alike = np.full((len(kept), len(kept)), np.nan)
    for i in range(len(kept)):
        for j in range(i):
            alike[i, j] = alike[j, i] = likeness(similarities(kept[i], kept[j], similarity))
    return np.asarray(np.nanmedian(alike, axis=1))


def likeness(similar: NDArray[np.float64]) -> float:
    """Of two spaces, from how much each dimension of one [d] is like each of the other's [e].

    For every dimension: the largest similarity squared over the sum of all; the mean over the d + e dimensions. 1 when
    each has exactly one partner. A dimension like none counts 0.
    """
    if not similar.size:
        return 0.0
    total = sum(
        float(np.where(sums > 0, peak**2 / np.where(sums > 0, sums, 1.0), 0.0).sum())
        for peak, sums in ((similar.max(axis=axis), similar.sum(axis=axis)) for axis in (0, 1))
    )
    return total / sum(similar.shape)


def similarities(left: NDArray[np.float64], right: NDArray[np.float64], kind: Similarity) -> NDArray[np.float64]:
    """[d, e], not negative, of standardised codes [n, d] and [n, e].

    spearman: |rank correlation|. With many dimensions their sum is large by chance alone: about 0.8 d / sqrt(n).
    lasso: |coefficient| of each dimension of `left` in a sparse regression of each of `right` on all of them. The
    penalty takes 0.1 off each coefficient, so that two equal spaces have a likeness of 0.9.
    """
    if kind == "spearman":
        from scipy.stats import rankdata

        ranks = [standardised(rankdata(side, axis=0)) for side in (left, right)]
        return np.abs(ranks[0].T @ ranks[1] / max(len(left), 1))
    from sklearn.linear_model import Lasso

    if not left.shape[1] or not right.shape[1]:
        return np.zeros((left.shape[1], right.shape[1]))
    lasso = Lasso(alpha=_PENALTY, fit_intercept=False, precompute=True, max_iter=5000, tol=1e-3).fit(left, right)
    return np.abs(lasso.coef_.reshape(right.shape[1], left.shape[1]).T)
