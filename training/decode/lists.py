"""The top of a recommendation list as item weights: what a latent point would recommend, renormalised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from training.models.base import LatentModel

_BATCH = 256


@dataclass(frozen=True, slots=True)
class TopLists:
    """items int64 [n, k] of each list, best first; weights float32 [n, k], each row sums to 1."""

    items: NDArray[np.int64]
    weights: NDArray[np.float32]
    n_items: int

    def __len__(self) -> int:
        return len(self.items)

    @property
    def matrix(self) -> sparse.csr_matrix:
        """The lists as CSR [n, n_items]: w_j(z) of docs/science.md."""
        n, k = self.items.shape
        starts = np.arange(0, n * k + 1, k)
        return sparse.csr_matrix((self.weights.ravel(), self.items.ravel(), starts), shape=(n, self.n_items))

    def mean_weights(self) -> NDArray[np.float32]:
        """[n_items]: the mean weight of each item over the lists."""
        total = np.bincount(self.items.ravel(), weights=self.weights.ravel(), minlength=self.n_items)
        return (total / max(len(self), 1)).astype(np.float32)


@torch.no_grad()
def top_lists(model: LatentModel, z: NDArray[np.float32], *, k: int) -> TopLists:
    """The k most probable items at each point z [n, n_latent], with pi = softmax(logits) renormalised over them.

    Costs one decoding of z in batches: O(n * n_items) time, never more than 256 * n_items floats at once.
    """
    k = min(k, model.n_items)
    items, weights = [], []
    for start in range(0, len(z), _BATCH):
        logits = model.scores_of_point(torch.from_numpy(np.ascontiguousarray(z[start : start + _BATCH])))
        top = torch.topk(logits, k, dim=1)
        items.append(top.indices.numpy())
        weights.append(torch.softmax(top.values, dim=1).numpy())
    if not items:
        return TopLists(np.zeros((0, k), np.int64), np.zeros((0, k), np.float32), model.n_items)
    return TopLists(np.concatenate(items), np.concatenate(weights).astype(np.float32), model.n_items)
