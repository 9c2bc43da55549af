"""RecVAE: a denser encoder, a composite prior, a KL weight by history length, and updates in turns.

Shenbin, Alekseev, Tutubalina, Malykh, Nikolenko: "RecVAE: a New Variational Autoencoder for Top-N Recommendations with
Implicit Feedback", WSDM 2020 (arXiv 1912.11160).

Prior: for each z_i a mixture of N(0, 1), of the posterior that the encoder gave before its present phase, and of a wide
normal. Its KL has no closed form and is estimated at the sampled z. Weight of the KL: gamma * (items in the history),
so FitConfig.beta_cap and its annealing have no effect. Turns: `encoder_epochs` epochs train the encoder only, with
input dropout; then the prior takes over the encoder's weights, and `decoder_epochs` epochs train the linear decoder
only, without dropout. An epoch of theirs is all of these (3 + 1), an epoch here is one pass; patience counts passes.
Their learning rate is 5e-4 with batches of 500.

Departures: the sparse first layer (linear_input.py); one Adam instead of two (it skips what is frozen, so the numbers
are the same); an empty history has weight 0 instead of dividing by zero.
Cost: two encoders in memory and in the checkpoint, 4 more products [hidden, hidden] per row than Mult-VAE, and a pass
of the old encoder; the decoder is a product of width latent instead of hidden, which more than pays for it when
n_items is large.
"""

from __future__ import annotations

import copy
import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from training.models.base import ModelConfig, Posterior, SparseRows
from training.models.linear_input import LinearInput, initialise_linear, initialise_rows, logits_of_rows
from training.objective import Loss, mean_nll, sample
from training.output_loss import OutputLayer
from training.precision import linear

N_LAYERS = 5
NORM_EPSILON = 0.1
WIDE_LOGVAR = 10.0
SHARES = (3 / 20, 3 / 4, 1 / 10)
"""Of N(0, 1), of the old posterior, of the wide normal."""


class RecVAEConfig(ModelConfig):
    hidden: int = Field(default=600, ge=1, le=16384, description="width of the encoder's five layers")
    latent: int = Field(default=200, ge=1, le=4096, description="number of latent factors z_i")
    dropout: float = Field(
        default=0.5, ge=0.0, lt=1.0, description="share of input items dropped while the encoder trains"
    )
    gamma: float = Field(default=0.005, ge=0.0, le=10.0, description="weight of the KL per item of the history")
    encoder_epochs: int = Field(default=3, ge=1, le=100, description="epochs in a turn of the encoder")
    decoder_epochs: int = Field(default=1, ge=0, le=100, description="epochs in a turn of the decoder; 0 = no turns")


class DenseEncoder(nn.Module):
    """Five layers, each fed by the sum of all before it; swish, then layer norm.

    item_in.weight [n_items, hidden], bias_in [hidden], deeper: 4 Linear(hidden, hidden), norms: 5, to_mu, to_logvar.
    """

    def __init__(self, n_items: int, *, hidden: int, latent: int) -> None:
        super().__init__()
        self.item_in = nn.EmbeddingBag(n_items, hidden, mode="sum", include_last_offset=True)
        self.bias_in = nn.Parameter(torch.zeros(hidden))
        self.deeper = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(N_LAYERS - 1))
        self.norms = nn.ModuleList(nn.LayerNorm(hidden, eps=NORM_EPSILON) for _ in range(N_LAYERS))
        self.to_mu = nn.Linear(hidden, latent)
        self.to_logvar = nn.Linear(hidden, latent)
        initialise_rows(self.item_in.weight, fan_in=n_items)
        for layer in (*self.deeper, self.to_mu, self.to_logvar):
            assert isinstance(layer, nn.Linear)
            initialise_linear(layer)

    def forward(self, first: Tensor, dtype: torch.dtype) -> Posterior:
        """first [B, hidden]: the weighted sum of item rows, without the bias; dtype: of the products."""
        found = self.norms[0](functional.silu(first + self.bias_in))
        before = found
        for layer, norm in zip(self.deeper, self.norms[1:], strict=True):
            assert isinstance(layer, nn.Linear)
            found = norm(functional.silu(linear(found, layer, dtype=dtype) + before))
            before = before + found
        return Posterior(linear(found, self.to_mu, dtype=dtype), linear(found, self.to_logvar, dtype=dtype))


class RecVAE(LinearInput):
    """encoder and old_encoder (the prior's, never trained) DenseEncoder; decoder Linear(latent, n_items)."""

    kind: ClassVar[str] = "rec-vae"
    linear_decoder = True
    config: RecVAEConfig

    def __init__(self, n_items: int, config: RecVAEConfig, *, n_conditions: int = 0) -> None:
        super().__init__()
        self.n_items, self.n_latent, self.n_conditions = n_items, config.latent, n_conditions
        self.config, self.input_dropout = config, config.dropout
        self.encoder = DenseEncoder(n_items, hidden=config.hidden, latent=config.latent)
        self.decoder = nn.Linear(config.latent, n_items)
        initialise_linear(self.decoder)
        self.old_encoder = copy.deepcopy(self.encoder).requires_grad_(False)

    @property
    def input_rows(self) -> Tensor:
        return self.encoder.item_in.weight

    def rest_of_encoder(self, first: Tensor, condition: Tensor | None) -> Posterior:
        """See LinearInput.rest_of_encoder."""
        return self.turned(self.encoder(first, self.product_dtype))

    def decode(self, z: Tensor) -> Tensor:
        """See LatentModel.decode."""
        return self.output(z).logits()

    def output(self, z: Tensor) -> OutputLayer:
        """See LatentModel.output."""
        return OutputLayer(self.trained(z), self.decoder.weight, self.decoder.bias)

    def logit(self, u: Tensor, item_ix: Tensor) -> Tensor:
        """See LinearInput.logit."""
        return logits_of_rows(self.trained(u), self.decoder.weight, self.decoder.bias, item_ix)

    def start_epoch(self, epoch: int) -> None:
        """Encoder or decoder, by the place of the epoch in its cycle; the prior is renewed between the two turns."""
        config = self.config
        if not config.decoder_epochs:
            self._renew_prior()
            return
        place = epoch % (config.encoder_epochs + config.decoder_epochs)
        in_turn = place < config.encoder_epochs
        if place == config.encoder_epochs:
            self._renew_prior()
        self.encoder.requires_grad_(in_turn)
        self.decoder.requires_grad_(not in_turn)
        self.input_dropout = config.dropout if in_turn else 0.0

    def _renew_prior(self) -> None:
        self.old_encoder.load_state_dict(self.encoder.state_dict())

    def loss(self, history: SparseRows, target: SparseRows, *, condition: Tensor | None, beta: float) -> Loss:
        """-ELBO with the composite prior; beta has no effect, the KL of each row weighs gamma * its number of items."""
        posterior = self.encode(history, condition)
        z = sample(posterior)
        reconstruction = mean_nll(self, z, target)
        kl = (self.log_posterior(z, posterior) - self.log_prior(z, history)).sum(dim=1)
        weighted = (self.config.gamma * history.lengths * kl).mean()
        return Loss(reconstruction + weighted, reconstruction, kl.mean(), posterior.mu)

    def log_posterior(self, z: Tensor, posterior: Posterior) -> Tensor:
        """log q(z_i|x) [B, n_latent] at z."""
        assert posterior.logvar is not None
        return log_normal(z, posterior.mu, posterior.logvar)

    def log_prior(self, z: Tensor, history: SparseRows) -> Tensor:
        """log p(z_i|x) [B, n_latent] of the mixture at z; the old encoder reads the history without dropout."""
        with torch.no_grad():
            weights = torch.rsqrt(history.lengths.clamp(min=1).float())[history.row_of]
            old: Posterior = self.old_encoder(
                self.old_encoder.item_in(history.indices, history.offsets, per_sample_weights=weights),
                self.product_dtype,
            )
        assert old.logvar is not None
        zero = torch.zeros_like(z)
        parts = (
            log_normal(z, zero, zero),
            log_normal(z, old.mu, old.logvar),
            log_normal(z, zero, zero + WIDE_LOGVAR),
        )
        return torch.logsumexp(
            torch.stack([part + math.log(share) for part, share in zip(parts, SHARES, strict=True)]), dim=0
        )


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log density of N(mu, exp(logvar)) at z, elementwise."""
    return -0.5 * (logvar + math.log(2 * math.pi) + (z - mu).square() * torch.exp(-logvar))
