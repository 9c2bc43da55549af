"""Many histories to latent points, without a block of all of them in memory at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from training.models.base import LatentModel
from training.objective import kl_per_dimension
from training.rows import sparse_rows

_BATCH = 512


@dataclass(frozen=True, slots=True)
class Encoded:
    """mu float32 [n, n_latent]; kl float64 [n_latent], mean nats per user, or None for a model without a posterior."""

    mu: NDArray[np.float32]
    kl: NDArray[np.float64] | None


@torch.no_grad()
def encode(
    model: LatentModel, histories: sparse.csr_matrix, *, condition: NDArray[np.float32] | None = None
) -> Encoded:
    """Encode histories CSR [n, n_items], all under one condition [n_conditions] (None = unconditioned), in batches."""
    means, kl, has_posterior = [], np.zeros(model.n_latent), True
    for start in range(0, histories.shape[0], _BATCH):
        part = histories[start : start + _BATCH]
        asked = None if condition is None else torch.from_numpy(condition).expand(part.shape[0], -1)
        posterior = model.encode(sparse_rows(part), asked)
        means.append(posterior.mu.numpy().astype(np.float32))
        if posterior.logvar is None:
            has_posterior = False
        else:
            double = replace(posterior, mu=posterior.mu.double(), logvar=posterior.logvar.double())
            kl += kl_per_dimension(double).sum(0).numpy()
    mu_all = np.concatenate(means) if means else np.zeros((0, model.n_latent), np.float32)
    return Encoded(mu_all, kl / max(len(mu_all), 1) if has_posterior else None)
