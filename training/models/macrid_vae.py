"""MacridVAE: a user has a preference for each of K concepts, and each item belongs softly to one of them.

Ma, Zhou, Cui, Yang, Zhu: "Learning Disentangled Representations for Recommendation", NeurIPS 2019 (arXiv 1910.14238).

Macro: item j's share of concept k is C[j, k] = softmax_k(cos(item_j, prototype_k) / tau). Micro: one encoder reads
the history K times, each time weighted with C[:, k]; it gives the unit vector mu_k and the spread of block z_k, so z is
K blocks of latent / K numbers. Decoder: logit_j = log sum_k C[j, k] exp(cos(z_k, item_j) / tau). While training the
shares are drawn with Gumbel noise, once per step for all items. Prior: N(0, prior_std^2); the KL leaves out the
constant that |mu_k| = 1 adds to it.

Departures: the sparse first layer (linear_input.py); a block of zeros has cosine 0 with every item. Of the paper's
regularisers only the L2 penalty is here, as FitConfig.weight_decay.
Cost: K times Mult-VAE's encoder and K products [B, latent / K] x [latent / K, n_items], with K blocks of logits in
memory while training; the shares and unit rows of all items are computed in each step.

Explanations start from z = 0 in the space of the unit blocks (decoder_input): along a ray the cosine does not change,
so a path in z itself would credit everything to its first point. On the way from no history to the whole one a block's
vector may pass close to 0 and turn at once, which quadrature sees badly: blocks of two numbers missed up to 6 % of a
score in the history view; blocks of 64, trained on MovieLens-1M, a millionth. Every explanation returns what it missed.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.errors import ConfigError
from training.models.base import ModelConfig, Posterior, SparseRows
from training.models.linear_input import LinearInput, initialise_linear, initialise_rows
from training.objective import Loss, kl_per_dimension, multinomial_nll, sample

TINY = 1e-12


class MacridVAEConfig(ModelConfig):
    hidden: int = Field(default=600, ge=1, le=16384, description="width of the encoder's tanh layer")
    latent: int = Field(default=448, ge=1, le=8192, description="number of latent factors z_i, all concepts together")
    concepts: int = Field(default=7, ge=1, le=128, description="number of concepts K; must divide latent")
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0, description="share of input items dropped while training")
    tau: float = Field(default=0.1, gt=0.0, le=10.0, description="temperature: cosines are divided by it")
    prior_std: float = Field(default=0.075, gt=0.0, le=10.0, description="standard deviation of the prior of z")
    gumbel: bool = Field(default=True, description="draw the items' concepts while training instead of their mean")


class MacridVAE(LinearInput):
    """Layers: item_in.weight [n_items, hidden], bias_in [hidden], to_mu and to_spread Linear(hidden, latent / K); items
    [n_items, latent / K] and prototypes [K, latent / K], of which only the directions count.
    """

    kind: ClassVar[str] = "macrid-vae"
    history_residual = 1e-3
    config: MacridVAEConfig

    def __init__(self, n_items: int, config: MacridVAEConfig, *, n_conditions: int = 0) -> None:
        super().__init__()
        if config.latent % config.concepts:
            raise ConfigError(
                f"{config.latent} latents cannot be shared evenly by {config.concepts} concepts",
                hint=f"set latent to a multiple of concepts, e.g. {math.ceil(config.latent / config.concepts)} x "
                f"{config.concepts} = {math.ceil(config.latent / config.concepts) * config.concepts}",
            )
        self.n_items, self.n_latent, self.n_conditions = n_items, config.latent, n_conditions
        self.config, self.input_dropout = config, config.dropout
        self.n_concepts, self.width = config.concepts, config.latent // config.concepts
        self.item_in = nn.EmbeddingBag(n_items, config.hidden, mode="sum", include_last_offset=True)
        self.bias_in = nn.Parameter(torch.zeros(config.hidden))
        self.to_mu = nn.Linear(config.hidden, self.width)
        self.to_spread = nn.Linear(config.hidden, self.width)
        self.items = nn.Parameter(torch.empty(n_items, self.width))
        self.prototypes = nn.Parameter(torch.empty(self.n_concepts, self.width))
        initialise_rows(self.item_in.weight, fan_in=n_items)
        for layer in (self.to_mu, self.to_spread):
            initialise_linear(layer)
        for directions in (self.items, self.prototypes):
            nn.init.xavier_normal_(directions)

    @property
    def input_rows(self) -> Tensor:
        return self.item_in.weight

    def shares(self, item_ix: Tensor | None = None) -> Tensor:
        """C: what share of each item belongs to each concept, [n_items or *item_ix.shape, K], rows sum to 1."""
        return torch.softmax(self._affinity(item_ix), dim=-1)

    def _affinity(self, item_ix: Tensor | None) -> Tensor:
        items = self.items if item_ix is None else functional.embedding(item_ix, self.items)
        return unit(items) @ unit(self.prototypes).T / self.config.tau

    def drawn_shares(self) -> Tensor:
        """C [n_items, K] as a training step sees it: with Gumbel noise at temperature 1, or the mean."""
        affinity = self._affinity(None)
        if self.training and self.config.gumbel:
            affinity = affinity - torch.log(torch.empty_like(affinity).exponential_().clamp(min=TINY))
        return torch.softmax(affinity, dim=-1)

    def summed(self, rows: SparseRows, weights: Tensor) -> Tensor:
        """See LinearInput.summed: [B, K * hidden], concept after concept, with the mean shares."""
        return self._summed(rows, weights, self.shares(rows.indices))

    def _summed(self, rows: SparseRows, weights: Tensor, shares: Tensor) -> Tensor:
        """shares [n_interactions, K]; one sparse sum per concept."""
        sums = super().summed
        return torch.cat([sums(rows, weights * shares[:, k]) for k in range(self.n_concepts)], dim=1)

    def padded_sum(self, history: Tensor, weights: Tensor) -> Tensor:
        """See LinearInput.padded_sum: [B, K * hidden]."""
        by_concept = (self.shares(history) * weights.unsqueeze(2)).transpose(1, 2)  # [B, K, L]
        return torch.bmm(by_concept, functional.embedding(history, self.input_rows)).flatten(1)

    def rows_of_items(self, item_ix: Tensor) -> Tensor:
        """See LinearInput.rows_of_items: [L, K * hidden]."""
        return (self.shares(item_ix).unsqueeze(2) * super().rows_of_items(item_ix).unsqueeze(1)).flatten(1)

    def rest_of_encoder(self, first: Tensor, condition: Tensor | None) -> Posterior:
        """See LinearInput.rest_of_encoder; mu consists of K unit vectors."""
        n_rows = first.shape[0]  # K rows per user, so that every product is of two matrices: traces keep sizes free
        hidden = torch.tanh(first.reshape(n_rows * self.n_concepts, self.bias_in.shape[0]) + self.bias_in)
        logvar = 2.0 * math.log(self.config.prior_std) - self.to_spread(hidden)
        mu = unit(self.to_mu(hidden)).reshape(n_rows, self.n_latent)
        return self.turned(Posterior(mu, logvar.reshape(n_rows, self.n_latent), self.config.prior_std))

    def decoder_input(self, z: Tensor) -> Tensor:
        """z with every block (of the trained coordinates) scaled to length 1; a block of zeros stays."""
        blocks = unit(self.trained(z).reshape(z.shape[0], self.n_concepts, self.width))
        return self.turned(Posterior(blocks.reshape(z.shape[0], self.n_latent), None)).mu

    def decode(self, z: Tensor) -> Tensor:
        """See LatentModel.decode."""
        return self._decode(z, self.shares())

    def _decode(self, z: Tensor, shares: Tensor) -> Tensor:
        blocks = self.trained(self.decoder_input(z)).reshape(-1, self.n_concepts, self.width).unbind(1)
        items, log_shares = unit(self.items).T / self.config.tau, torch.log(shares.clamp(min=TINY))
        return torch.logsumexp(torch.stack([block @ items + log_shares[:, k] for k, block in enumerate(blocks)]), dim=0)

    def logit(self, u: Tensor, item_ix: Tensor) -> Tensor:
        """See LinearInput.logit."""
        items = unit(functional.embedding(item_ix, self.items)).unsqueeze(1)  # [N, 1, width]
        cosines = (self.trained(u).reshape(u.shape[0], self.n_concepts, self.width) * items).sum(2)
        log_shares = torch.log(self.shares(item_ix).clamp(min=TINY))
        return torch.logsumexp(cosines / self.config.tau + log_shares, dim=1)

    def loss(self, history: SparseRows, target: SparseRows, *, condition: Tensor | None, beta: float) -> Loss:
        """-ELBO with beta on the KL; one draw of the items' concepts serves encoder and decoder."""
        shares = self.drawn_shares()
        first = self._summed(history, self.item_weights(history), shares[history.indices])
        posterior = self.rest_of_encoder(first, condition)
        reconstruction = multinomial_nll(self._decode(sample(posterior), shares), target).mean()
        constant = 0.5 * self.n_concepts / self.config.prior_std**2
        kl = kl_per_dimension(posterior).sum(dim=1).mean() - constant
        return Loss(reconstruction + beta * kl, reconstruction, kl, posterior.mu)


def unit(vectors: Tensor) -> Tensor:
    """Vectors along the last axis scaled to length 1; zero stays zero, and has a finite gradient."""
    return vectors * torch.rsqrt(vectors.square().sum(dim=-1, keepdim=True).clamp(min=TINY))
