"""The aggregated posterior: where the training users lie on each z_i, and which dimensions are alive."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from bundle.factors import N_QUANTILES
from training.errors import DecodeError
from training.models.base import LatentModel
from training.objective import kl_per_dimension, varying
from training.rows import sparse_rows

_BATCH = 512


@dataclass(frozen=True, slots=True)
class Encoded:
    """mu float32 [n, n_latent]; kl float64 [n_latent], mean nats per user, or None for a model without a posterior."""

    mu: NDArray[np.float32]
    kl: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class AggregatedPosterior:
    """All training users: mu float32 [n_users, n_latent]; kl (nats), active [n_latent]; quantiles [n_latent, 101]."""

    mu: NDArray[np.float32]
    kl: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    active: NDArray[np.bool_]


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


def aggregated_posterior(model: LatentModel, train: sparse.csr_matrix, *, active_kl: float) -> AggregatedPosterior:
    """Encode every training user once: O(n_interactions * hidden).

    A dimension is active when its KL exceeds active_kl; without a posterior, when its variance is at least a
    thousandth of the liveliest dimension's. Raises DecodeError when the model gives numbers that are not finite.
    """
    encoded = encode(model, train)
    if not np.isfinite(encoded.mu).all():
        raise DecodeError(
            "the model's encoder gives values that are not finite for some training users",
            hint="the training diverged: train again with a lower learning rate",
        )
    variance = encoded.mu.astype(np.float64).var(axis=0)
    if encoded.kl is None:
        active = varying(variance)
        kl = np.zeros(model.n_latent)
    else:
        kl, active = encoded.kl, encoded.kl > active_kl
    levels = np.linspace(0.0, 1.0, N_QUANTILES)
    quantiles = np.quantile(encoded.mu.astype(np.float64), levels, axis=0).T
    return AggregatedPosterior(encoded.mu, kl, np.maximum.accumulate(quantiles, axis=1), active)
