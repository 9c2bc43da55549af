"""Mult-VAE: a variational autoencoder with a multinomial likelihood.

Liang, Krishnan, Hoffman, Jebara: "Variational Autoencoders for Collaborative Filtering", WWW 2018 (arXiv 1802.05814).
Departure: the input layer is a weighted sum of embedding rows instead of a dense product (same numbers, cost
O(n_interactions * hidden) instead of O(B * n_items * hidden)); dropout drops whole input items, as theirs does.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.models.base import LatentModel, ModelConfig, Posterior, SparseRows


class MultVAEConfig(ModelConfig):
    hidden: int = Field(default=600, ge=1, le=16384, description="width of the one hidden layer on each side")
    latent: int = Field(default=200, ge=1, le=4096, description="number of latent factors z_i")
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0, description="share of input items dropped while training")


class MultVAE(LatentModel):
    """[n_items -> hidden -> latent -> hidden -> n_items] with tanh; the layers' names are what export/explainer reads.

    item_in.weight [n_items, hidden], condition_in.weight [n_conditions, hidden] (None without conditions), bias_in
    [hidden], to_mu and to_logvar Linear(hidden, latent), decoder_hidden Linear(latent, hidden), decoder_out
    Linear(hidden, n_items).
    """

    kind: ClassVar[str] = "mult-vae"

    def __init__(self, n_items: int, config: MultVAEConfig, *, n_conditions: int = 0) -> None:
        super().__init__()
        self.n_items, self.n_latent, self.n_conditions = n_items, config.latent, n_conditions
        self.config = config
        self.item_in = nn.EmbeddingBag(n_items, config.hidden, mode="sum", include_last_offset=True)
        self.condition_in = nn.Embedding(n_conditions, config.hidden) if n_conditions else None
        self.bias_in = nn.Parameter(torch.zeros(config.hidden))
        self.to_mu = nn.Linear(config.hidden, config.latent)
        self.to_logvar = nn.Linear(config.hidden, config.latent)
        self.decoder_hidden = nn.Linear(config.latent, config.hidden)
        self.decoder_out = nn.Linear(config.hidden, n_items)
        self._initialise()

    def _initialise(self) -> None:
        fan_in, hidden = self.n_items + self.n_conditions, self.bias_in.shape[0]
        spread = (6.0 / (fan_in + hidden)) ** 0.5  # Xavier over the whole [x; c] layer, as in the paper's code
        nn.init.uniform_(self.item_in.weight, -spread, spread)
        if self.condition_in is not None:
            nn.init.uniform_(self.condition_in.weight, -spread, spread)
        for layer in (self.to_mu, self.to_logvar, self.decoder_hidden, self.decoder_out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.trunc_normal_(layer.bias, std=0.001)

    def encode(self, rows: SparseRows, condition: Tensor | None = None) -> Posterior:
        """See LatentModel.encode. The L2 norm is taken before dropout and the kept items are scaled up, as theirs."""
        weights = torch.rsqrt(rows.lengths.clamp(min=1).float())[rows.row_of]
        weights = functional.dropout(weights, self.config.dropout, training=self.training)  # type: ignore[attr-defined]
        summed = self.item_in(rows.indices, rows.offsets, per_sample_weights=weights)
        hidden = self._hidden(summed, condition)
        return Posterior(self.to_mu(hidden), self.to_logvar(hidden))

    def encode_padded(self, history: Tensor, mask: Tensor, condition: Tensor | None = None) -> Tensor:
        """See LatentModel.encode_padded: Gather, then a batched product with the normalised mask."""
        weights = mask * torch.rsqrt(mask.sum(1, keepdim=True).clamp(min=1.0))
        summed = torch.bmm(weights.unsqueeze(1), functional.embedding(history, self.item_in.weight)).squeeze(1)
        mu: Tensor = self.to_mu(self._hidden(summed, condition))
        return mu

    def _hidden(self, summed: Tensor, condition: Tensor | None) -> Tensor:
        if condition is not None and self.condition_in is not None:
            summed = summed + condition @ self.condition_in.weight
        return torch.tanh(summed + self.bias_in)

    def decode(self, z: Tensor) -> Tensor:
        logits: Tensor = self.decoder_out(torch.tanh(self.decoder_hidden(z)))
        return logits
