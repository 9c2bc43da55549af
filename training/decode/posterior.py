"""The aggregated posterior: where the training users lie on each z_i, and which dimensions are alive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.factors import N_QUANTILES
from training.encoding import encode
from training.errors import DecodeError
from training.models.base import LatentModel
from training.objective import varying


@dataclass(frozen=True, slots=True)
class AggregatedPosterior:
    """All training users: mu float32 [n_users, n_latent]; kl (nats), active [n_latent]; quantiles [n_latent, 101]."""

    mu: NDArray[np.float32]
    kl: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    active: NDArray[np.bool_]


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
