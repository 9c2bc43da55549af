"""EASE, a linear item-to-item model in closed form, a baseline."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from training.data.split import Split
from training.errors import ConfigError
from training.evaluate.baselines.baseline import Baseline
from training.evaluate.measure import measurable, measure
from training.evaluate.scorer import Scores

LAMBDAS = (50.0, 100.0, 200.0, 400.0, 700.0, 1200.0)
MAX_EASE_ITEMS = 30_000
_BLOCK = 2048


class Ease:
    """EASE. Steck: "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019 (arXiv 1905.03375).

    B = I - P / diag(P), P = (X^T X + penalty I)^-1, in double precision. Costs n_items^3 flops and 24 n_items^2 bytes.
    """

    def __init__(self, gram: NDArray[np.float64], penalty: float) -> None:
        """gram [n_items, n_items] is X^T X of the training histories; it is not changed. penalty > 0."""
        weights = gram.copy()
        weights[np.diag_indices_from(weights)] += penalty
        weights = _inverse(weights)
        weights /= -np.diag(weights)  # column j is divided by P_jj
        np.fill_diagonal(weights, 0.0)
        self.weights: Scores = weights.astype(np.float32)

    def score(self, fold_in: sparse.csr_matrix) -> Scores:
        """See Scorer.score."""
        return np.asarray(fold_in @ self.weights, dtype=np.float32)


def fit_ease(split: Split) -> Baseline:
    """EASE with the best ndcg@100 on the validation users, trying LAMBDAS while it rises; ConfigError if too large."""
    n_items = split.train.shape[1]
    if n_items > MAX_EASE_ITEMS:
        gigabytes = 24 * n_items**2 / 1e9
        raise ConfigError(
            f"EASE inverts a matrix of items x items: {n_items} items need about {gigabytes:.0f} GB, "
            f"the limit is {MAX_EASE_ITEMS} items",
            hint="evaluate with --baselines popularity only",
        )
    gram = _gram(split.train)
    validation = measurable(split.validation, what="validation")
    best: tuple[float, float, Ease] | None = None
    for penalty in LAMBDAS:
        ease = Ease(gram, penalty)
        found = float(measure(ease, validation).values["ndcg@100"].mean())
        if best is not None and found < best[0]:
            break  # the figure rises to one peak and falls: the rest of the grid would only cost time
        best = (found, penalty, ease)
    assert best is not None
    return Baseline(best[2], {"lambda": best[1]})


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of a positive definite matrix, by Cholesky: half the work of a general one, and torch's is the faster."""
    inverse: NDArray[np.float64] = torch.cholesky_inverse(torch.linalg.cholesky(torch.from_numpy(matrix))).numpy()
    return inverse


def _gram(train: sparse.csr_matrix) -> NDArray[np.float64]:
    """X^T X [n_items, n_items], in blocks of rows: a sparse product of that size would be larger than the dense one."""
    n_items, by_item = train.shape[1], train.T.tocsr()
    gram = np.empty((n_items, n_items), dtype=np.float64)
    for start in range(0, n_items, _BLOCK):
        gram[start : start + _BLOCK] = (by_item[start : start + _BLOCK] @ train).toarray()
    return gram
