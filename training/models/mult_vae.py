"""Mult-VAE: a variational autoencoder with a multinomial likelihood.

Liang, Krishnan, Hoffman, Jebara: "Variational Autoencoders for Collaborative Filtering", WWW 2018 (arXiv 1802.05814).
Departure: the input layer is a weighted sum of embedding rows instead of a dense product (same numbers, cost
O(n_interactions * hidden) instead of O(B * n_items * hidden)); dropout drops whole input items, as theirs does. Option,
off by default: user_weighting lets long histories weigh less in the loss.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import sparse
from torch import Tensor

from training.models.base import SparseRows
from training.models.tanh_network import TanhConfig, TanhNetwork


class MultVAEConfig(TanhConfig):
    user_weighting: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="a user's reconstruction counts (length / mean length)^-this in the loss; 0 = by its items",
    )


class MultVAE(TanhNetwork):
    """See TanhNetwork for the layers. mean_length: items in a training user's history, for row_weights."""

    kind: ClassVar[str] = "mult-vae"
    config: MultVAEConfig
    mean_length: float = 1.0

    def __init__(self, n_items: int, config: MultVAEConfig, *, n_conditions: int = 0) -> None:
        super().__init__(n_items, config, n_conditions=n_conditions, has_posterior=True)

    def prepare(self, train: sparse.csr_matrix, members: NDArray[np.bool_] | None) -> None:
        """See LatentModel.prepare."""
        self.mean_length = max(1.0, train.nnz / train.shape[0])

    def row_weights(self, history: SparseRows) -> Tensor | None:
        """See LatentModel.row_weights: a multinomial loss grows with the history, a metric counts each user once."""
        if not self.config.user_weighting:
            return None
        weights: Tensor = (history.lengths.clamp(min=1) / self.mean_length) ** -self.config.user_weighting
        return weights
