"""The linear term of the flagship: item-to-item weights B in closed form, without a single step of training.

score_j = sum of B_ij over the items i of a history. B is EASE (Steck 2019, arXiv 1905.03375) with the ridge of EDLAE
(Steck 2020, NeurIPS), which grows with an item's count as dropout would, and with users and items normalised (Park et
al. 2025, arXiv 2504.05805). With X the training matrix, L_u the length of a user's history, n_i the count of an item:

    w_u = (L_u / mean L)^-user_exponent, rescaled to mean 1;   s_i = max(n_i / mean n, 1e-3)^-item_exponent
    G = S X^T W X S;   P = (G + diag(p / (1 - p) G_ii + ridge))^-1;   B_ij = -P_ij / P_jj, 0 on the diagonal
    then row i times s_i (columns are not scaled back), then sign(B) |B|^power

With both exponents 0, p = 0 and power 1 it is EASE with lambda = ridge.

Cost for n items: sum of L_u^2 multiplications for G, n^3 for the inverse, in double precision. The matrix is inverted
in its place, so the peak is 12 n^2 bytes and some blocks: 0.15 GB at 3,500 items, 1.3 GB at 10,000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from training.errors import ConfigError, FitError
from training.machine import memory_bytes

LEAST_SHARE = 1e-3
"""An item counts as at least this share of the mean item, or its scale would blow up."""
LARGEST = 127
BLOCK = 1024
BYTES_PER_CELL = 13
"""At the peak: G in double precision, B in float32, and blocks."""


@dataclass(frozen=True, slots=True)
class LinearSettings:
    """The numbers of the recipe above; p in [0, 1), ridge > 0, power > 0."""

    user_exponent: float = 0.4
    item_exponent: float = 0.2
    p: float = 0.33
    ridge: float = 400.0
    power: float = 1.15


@dataclass(frozen=True, slots=True)
class Quantised:
    """A matrix in one byte a cell: values int8 [n, m] times scales float32 [m], off by half a scale at most."""

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


def most_popular(train: sparse.csr_matrix, n: int) -> NDArray[np.int64]:
    """Indices of the n items with most training users, ascending; ties go to the lower index."""
    counts = np.bincount(train.indices, minlength=train.shape[1])
    chosen = np.argsort(-counts, kind="stable")[:n]
    return np.sort(chosen).astype(np.int64)


def closed_form(train: sparse.csr_matrix, items: NDArray[np.int64], settings: LinearSettings) -> NDArray[np.float32]:
    """B [n, n] over `items` int64 [n] (ascending) of train CSR [n_users, n_items], whose values are not looked at.

    Lengths and mean count are those of the whole catalogue. ConfigError when memory is not enough, FitError when the
    matrix cannot be inverted.
    """
    n = len(items)
    _check_memory(n, train.shape[1])
    user_weights, item_scales = _weights(train, settings)
    scales = item_scales[items]
    try:
        gram = _gram(_scaled(train, items, scales), user_weights)
        diagonal = np.diag_indices(n)
        gram[diagonal] += settings.p / (1.0 - settings.p) * gram[diagonal] + settings.ridge
        inverse = _inverse(gram)
        return _normalised(inverse, scales, settings.power)
    except MemoryError as error:
        raise _too_large(n, train.shape[1], "there is not as much left") from error


def quantised(weights: NDArray[np.float32]) -> Quantised:
    """Symmetric, one scale a column: the largest of a column becomes +-127, a column of zeros stays that."""
    scales = np.maximum(weights.max(axis=0, initial=0.0), -weights.min(axis=0, initial=0.0)) / np.float32(LARGEST)
    safe = np.where(scales > 0, scales, 1).astype(np.float32)
    values = np.empty(weights.shape, dtype=np.int8)
    for start in range(0, len(weights), BLOCK):
        values[start : start + BLOCK] = np.rint(weights[start : start + BLOCK] / safe)
    return Quantised(values, scales.astype(np.float32))


def _weights(train: sparse.csr_matrix, settings: LinearSettings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """w [n_users] and s [n_items]."""
    lengths = np.maximum(np.diff(train.indptr), 1).astype(np.float64)
    counts = np.bincount(train.indices, minlength=train.shape[1]).astype(np.float64)
    users = (lengths / lengths.mean()) ** -settings.user_exponent
    items = np.maximum(counts / counts.mean(), LEAST_SHARE) ** -settings.item_exponent
    return users / users.mean(), items


def _scaled(train: sparse.csr_matrix, items: NDArray[np.int64], scales: NDArray[np.float64]) -> sparse.csr_matrix:
    """X S over `items`, in double precision."""
    ones = sparse.csr_matrix((np.ones(train.nnz), train.indices, train.indptr), shape=train.shape)
    return sparse.csr_matrix(ones[:, items] @ sparse.diags(scales, format="csr"))


def _gram(scaled: sparse.csr_matrix, user_weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """scaled^T W scaled [n, n], in blocks of rows: a sparse product of that size would be larger than the dense one."""
    n, by_item = scaled.shape[1], scaled.T.tocsr()
    weighted = sparse.csr_matrix(sparse.diags(user_weights, format="csr") @ scaled)
    gram = np.empty((n, n), dtype=np.float64)
    for start in range(0, n, BLOCK):
        gram[start : start + BLOCK] = (by_item[start : start + BLOCK] @ weighted).toarray()
    return gram


def _inverse(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of a symmetric positive definite matrix by Cholesky, in its place: half the work of a general one.

    LAPACK reads columns, so it is given the transpose, which has the same numbers and needs no copy. It fills one
    triangle, here the lower one; the other is copied from it.
    """
    factor, info = lapack.dpotrf(gram.T, lower=0, clean=0, overwrite_a=1)
    if info == 0:
        factor, info = lapack.dpotri(factor, lower=0, overwrite_c=1)
    if info != 0:
        raise FitError(
            f"the linear term's matrix of {len(gram)} items is not positive definite (LAPACK says {info})",
            hint="raise linear_ridge, or look at the data for items that are all alike",
        )
    found: NDArray[np.float64] = factor.T
    for start in range(0, len(found), BLOCK):
        stop = start + BLOCK
        corner = found[start:stop, start:stop]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
        found[start:stop, stop:] = found[stop:, start:stop].T
    return found


def _normalised(inverse: NDArray[np.float64], scales: NDArray[np.float64], power: float) -> NDArray[np.float32]:
    """B from P, row block by row block."""
    found = np.empty(inverse.shape, dtype=np.float32)
    by_column = -np.diag(inverse).copy()
    for start in range(0, len(inverse), BLOCK):
        block = inverse[start : start + BLOCK] / by_column * scales[start : start + BLOCK, None]
        found[start : start + BLOCK] = np.sign(block) * np.abs(block) ** power if power != 1.0 else block
    np.fill_diagonal(found, 0.0)
    return found


def _check_memory(n: int, n_items: int) -> None:
    there = memory_bytes()
    if there is not None and BYTES_PER_CELL * n**2 > there:
        raise _too_large(n, n_items, f"there are {there / 1e9:.1f} GB")


def _too_large(n: int, n_items: int, found: str) -> ConfigError:
    return ConfigError(
        f"the linear term of {n} of {n_items} items needs about {BYTES_PER_CELL * n**2 / 1e9:.1f} GB; {found}",
        hint=f"set linear_items to {max(1, n // 2)} or less: the term then covers only the most popular items",
    )
