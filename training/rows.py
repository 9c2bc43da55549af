"""From SciPy's rows to the models' sparse batch."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from training.models.base import SparseRows


def sparse_rows(matrix: sparse.csr_matrix) -> SparseRows:
    """A CSR [B, n_items] of ones as SparseRows; the values are not looked at. Costs a copy of the indices."""
    return SparseRows(
        indices=torch.from_numpy(matrix.indices.astype(np.int64)),
        offsets=torch.from_numpy(matrix.indptr.astype(np.int64)),
    )
