"""How complex a data set is: the figures of `prismrec data describe`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from training.data.split import Split

EXACT_RANK: Final = 4000  # up to here the whole spectrum is computed, from the smaller Gram matrix
TRUNCATED_RANK: Final = 200
SMALL: Final = 50
HISTORY_QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Complexity:
    """Figures over all users of a split (training, validation and test) and the items of the training users.

    density             n_interactions / (n_users * n_items)
    popularity_gini     of the items' counts: 0 = all equally popular, near 1 = a few have all
    effective_rank      exp of the entropy (nats) of the singular values over their sum (Roy and Vetterli 2007)
    n_singular_values   how many of them were computed: min(n_users, n_items), or the TRUNCATED_RANK greatest; the
                        effective rank of a truncated spectrum is a lower bound
    spectrum_share      share of the squared spectrum that these carry (1 = all of it)
    history_quantiles   history length at HISTORY_QUANTILES
    n_training_users    those of the training part alone: they make the steps of an epoch
    structure           how far the strongest pattern stands out of chance; see structure_of
    """

    n_users: int
    n_items: int
    n_interactions: int
    density: float
    popularity_gini: float
    effective_rank: float
    n_singular_values: int
    spectrum_share: float
    mean_history: float
    history_quantiles: tuple[float, ...]
    n_training_users: int
    structure: float


def describe(split: Split) -> Complexity:
    """The complexity figures. Costs a full spectrum: a second at 1,000 items, under a minute at EXACT_RANK."""
    held_out = [part.fold_in + part.target for part in (split.validation, split.test)]
    matrix = sparse.vstack([split.train, *held_out], format="csr")
    n_users, n_items = matrix.shape
    lengths = np.diff(matrix.indptr)
    values = singular_values(matrix)
    return Complexity(
        n_users=n_users,
        n_items=n_items,
        n_interactions=int(matrix.nnz),
        density=matrix.nnz / (n_users * n_items),
        popularity_gini=gini(np.asarray(matrix.sum(axis=0), dtype=np.float64).ravel()),
        effective_rank=effective_rank(values),
        n_singular_values=len(values),
        spectrum_share=float(min(1.0, (values**2).sum() / float(matrix.power(2).sum()))),
        mean_history=float(lengths.mean()),
        history_quantiles=tuple(float(q) for q in np.quantile(lengths, HISTORY_QUANTILES)),
        n_training_users=split.train.shape[0],
        structure=structure_of(matrix),
    )


def gini(counts: NDArray[np.float64]) -> float:
    """The Gini coefficient of non-negative counts [n]; 0 when they are all equal or all zero."""
    total = float(counts.sum())
    if total == 0.0:
        return 0.0
    n = len(counts)
    ranks = np.arange(1, n + 1)
    return float((2.0 * ranks - n - 1.0) @ np.sort(counts) / (n * total))


def effective_rank(values: NDArray[np.float64]) -> float:
    """exp of the entropy of singular values [k] over their sum: k when they are equal, 1 when one has all."""
    shares = values[values > 0.0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def structure_of(matrix: sparse.csr_matrix) -> float:
    """The second singular value of D_u^-1/2 X D_i^-1/2, over the edge of the spectrum of chance alone.

    D_u, D_i: lengths of histories, counts of items. The first is 1 and belongs to these two alone (correspondence
    analysis: Benzecri 1973); the others are what users and items have to do with each other. By chance they reach
    (sqrt(n_users) + sqrt(n_items)) / sqrt(n_interactions) (Marchenko and Pastur 1967): 1 is no pattern at all.
    0 for a matrix too small to have a second. Rows and columns without entries play no part.
    """
    counts = [np.asarray(matrix.sum(axis=axis), dtype=np.float64).ravel() for axis in (1, 0)]
    whole = matrix[counts[0] > 0][:, counts[1] > 0].astype(np.float64)
    scale = [sparse.diags(count[count > 0] ** -0.5) for count in counts]
    scaled = sparse.csr_matrix(scale[0] @ whole @ scale[1])
    n_users, n_items = scaled.shape
    if min(n_users, n_items) < 2:
        return 0.0
    if min(n_users, n_items) <= SMALL:
        values = np.linalg.svd(scaled.toarray(), compute_uv=False)
    else:
        values = np.sort(svds(scaled, k=2, return_singular_vectors=False, random_state=0))[::-1]
    edge = (np.sqrt(n_users) + np.sqrt(n_items)) / np.sqrt(scaled.nnz)
    return float(values[1] / edge)


def singular_values(matrix: sparse.csr_matrix) -> NDArray[np.float64]:
    """All singular values, descending, if the smaller side is at most EXACT_RANK, else the TRUNCATED_RANK greatest."""
    side = min(matrix.shape)
    if side > EXACT_RANK:
        found = svds(matrix.astype(np.float64), k=TRUNCATED_RANK, return_singular_vectors=False, random_state=0)
        return np.sort(np.asarray(found, dtype=np.float64))[::-1]
    precise = matrix.astype(np.float64)
    gram = precise @ precise.T if matrix.shape[0] == side else precise.T @ precise
    squares: NDArray[np.float64] = np.linalg.eigvalsh(gram.toarray())[::-1]
    return np.sqrt(np.maximum(squares, 0.0))
