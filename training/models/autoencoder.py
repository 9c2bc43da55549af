"""Autoencoder: deterministic and undercomplete, the baseline that the other models are compared with.

Rumelhart, Hinton, Williams: "Learning representations by back-propagating errors", Nature 323, 1986. Options, each off
by default: denoising (Vincent et al., ICML 2008) drops input items while training; sparse adds an L1 penalty on z;
tied makes the decoder's weights the transposes of the encoder's. Departures: the likelihood is multinomial, as
everywhere here, instead of a squared error (a squared error over all items would mostly fit zeros); the input layer is
sparse (linear_input.py). Cost: as Mult-VAE's; tied halves the weights, and its item weights get a dense gradient.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from training.errors import ConfigError
from training.models.base import SparseRows
from training.models.tanh_network import TanhConfig, TanhNetwork
from training.objective import Loss, mean_nll


class AutoencoderConfig(TanhConfig):
    dropout: float = Field(
        default=0.0, ge=0.0, lt=1.0, description="denoising: share of input items dropped while training"
    )
    sparse: float = Field(default=0.0, ge=0.0, le=1e4, description="weight of the L1 penalty on z, in nats per unit")
    tied: bool = Field(default=False, description="whether the decoder's weights are the encoder's, transposed")


class Autoencoder(TanhNetwork):
    """See TanhNetwork for the layers.

    Tied: the item rows are called shared_items, and of decoder_hidden and decoder_out only bias_hidden, bias_out exist.
    """

    kind: ClassVar[str] = "autoencoder"
    config: AutoencoderConfig

    def __init__(self, n_items: int, config: AutoencoderConfig, *, n_conditions: int = 0) -> None:
        if config.latent >= n_items:
            raise ConfigError(
                f"an autoencoder must be undercomplete, got {config.latent} latents for {n_items} items",
                hint=f"set latent below {n_items}",
            )
        super().__init__(n_items, config, n_conditions=n_conditions, has_posterior=False)
        if config.tied:
            self.shared_items = nn.Parameter(self.item_in.weight.detach())
            self.bias_hidden = nn.Parameter(torch.zeros(config.hidden))
            self.bias_out = nn.Parameter(torch.zeros(n_items))
            del self.item_in, self.decoder_hidden, self.decoder_out

    @property
    def input_rows(self) -> Tensor:
        return self.shared_items if self.config.tied else self.item_in.weight

    @property
    def hidden_layer(self) -> tuple[Tensor, Tensor] | None:
        if self.config.tied:
            assert isinstance(self.to_mu, nn.Linear)
            return self.to_mu.weight.T, self.bias_hidden
        return super().hidden_layer

    @property
    def output_layer(self) -> tuple[Tensor, Tensor]:
        return (self.shared_items, self.bias_out) if self.config.tied else super().output_layer

    def loss(self, history: SparseRows, target: SparseRows, *, condition: Tensor | None, beta: float) -> Loss:
        """Reconstruction plus the L1 penalty on z, which stands in the place of the KL; beta has no effect."""
        z = self.encode(history, condition).mu
        reconstruction = mean_nll(self, z, target)
        size = z.abs().sum(dim=1).mean()
        return Loss(reconstruction + self.config.sparse * size, reconstruction, self.config.sparse * size, z)
