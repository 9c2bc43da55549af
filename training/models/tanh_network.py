"""The network of Liang et al. (2018, arXiv 1802.05814): one tanh layer on each side of z, or none at all."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from training.models.base import ModelConfig, Posterior
from training.models.linear_input import LinearInput, initialise_linear, initialise_rows, logits_of_rows
from training.output_loss import OutputLayer
from training.precision import linear


class TanhConfig(ModelConfig):
    hidden: int = Field(default=600, ge=1, le=16384, description="width of the one hidden layer on each side")
    latent: int = Field(default=200, ge=1, le=4096, description="number of latent factors z_i")
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0, description="share of input items dropped while training")


class TanhNetwork(LinearInput):
    """[n_items -> hidden -> latent -> hidden -> n_items] with tanh.

    item_in.weight [n_items, hidden], condition_in.weight [n_conditions, hidden] (None without conditions), bias_in
    [hidden], to_mu and (with a posterior) to_logvar Linear(hidden, latent), decoder_hidden Linear(latent, hidden),
    decoder_out Linear(hidden, n_items). With hidden = 0: [n_items -> latent -> n_items], z = tanh of the first layer,
    and neither to_mu nor decoder_hidden.
    """

    to_mu: nn.Linear | nn.Identity
    decoder_hidden: nn.Linear | None
    config: TanhConfig

    def __init__(self, n_items: int, config: TanhConfig, *, n_conditions: int = 0, has_posterior: bool) -> None:
        super().__init__()
        self.n_items, self.n_latent, self.n_conditions = n_items, config.latent, n_conditions
        self.config, self.input_dropout = config, config.dropout
        width = config.hidden or config.latent
        self.item_in = nn.EmbeddingBag(n_items, width, mode="sum", include_last_offset=True)
        self.condition_in = nn.Embedding(n_conditions, width) if n_conditions else None
        self.bias_in = nn.Parameter(torch.zeros(width))
        self.to_mu = nn.Linear(width, config.latent) if config.hidden else nn.Identity()
        self.to_logvar = nn.Linear(width, config.latent) if has_posterior else None
        self.decoder_hidden = nn.Linear(config.latent, width) if config.hidden else None
        self.decoder_out = nn.Linear(width, n_items)
        self.linear_decoder = not config.hidden
        self._initialise()

    def _initialise(self) -> None:
        fan_in = self.n_items + self.n_conditions
        initialise_rows(self.item_in.weight, fan_in=fan_in)
        if self.condition_in is not None:
            initialise_rows(self.condition_in.weight, fan_in=fan_in)
        for layer in (self.to_mu, self.to_logvar, self.decoder_hidden, self.decoder_out):
            if isinstance(layer, nn.Linear):
                initialise_linear(layer)

    @property
    def input_rows(self) -> Tensor:
        return self.item_in.weight

    @property
    def hidden_layer(self) -> tuple[Tensor, Tensor] | None:
        """The decoder's tanh layer: weight [hidden, latent], bias [hidden]; None where there is none."""
        layer = self.decoder_hidden
        return None if layer is None else (layer.weight, layer.bias)

    @property
    def mean_layer(self) -> tuple[Tensor, Tensor]:
        """The encoder's last layer in the coordinates spoken of outside training: [latent, hidden], [latent]."""
        assert isinstance(self.to_mu, nn.Linear)
        weight, bias = self.to_mu.weight, self.to_mu.bias
        return (weight, bias) if self.basis is None else (self.basis.forward_matrix @ weight, self.basis.turned(bias))

    @property
    def decoder_layer(self) -> tuple[Tensor, Tensor] | None:
        """hidden_layer for a z in those coordinates."""
        layer = self.hidden_layer
        return layer if layer is None or self.basis is None else (layer[0] @ self.basis.backward_matrix, layer[1])

    @property
    def output_layer(self) -> tuple[Tensor, Tensor]:
        """The decoder's last layer: weight [n_items, hidden], bias [n_items]."""
        return self.decoder_out.weight, self.decoder_out.bias

    def rest_of_encoder(self, first: Tensor, condition: Tensor | None) -> Posterior:
        """See LinearInput.rest_of_encoder."""
        if condition is not None and self.condition_in is not None:
            first = first + condition @ self.condition_in.weight
        hidden = torch.tanh(first + self.bias_in)
        dtype = self.product_dtype
        mu = hidden if isinstance(self.to_mu, nn.Identity) else linear(hidden, self.to_mu, dtype=dtype)
        logvar = None if self.to_logvar is None else linear(hidden, self.to_logvar, dtype=dtype)
        return self.turned(Posterior(mu, logvar))

    def decode(self, z: Tensor) -> Tensor:
        """See LatentModel.decode."""
        return self.output(z).logits()

    def output(self, z: Tensor) -> OutputLayer:
        """See LatentModel.output."""
        return OutputLayer(self._decoder_hidden(z), *self.output_layer)

    def logit(self, u: Tensor, item_ix: Tensor) -> Tensor:
        """See LinearInput.logit."""
        return logits_of_rows(self._decoder_hidden(u), *self.output_layer, item_ix)

    def _decoder_hidden(self, z: Tensor) -> Tensor:
        layer, z = self.hidden_layer, self.trained(z)
        return z if layer is None else torch.tanh(linear(z, layer, dtype=self.product_dtype))
