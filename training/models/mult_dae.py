"""Mult-DAE: a denoising autoencoder with a multinomial likelihood.

Liang, Krishnan, Hoffman, Jebara: "Variational Autoencoders for Collaborative Filtering", WWW 2018 (arXiv 1802.05814).
The network of Mult-VAE without a posterior: z is what the encoder says, nothing is sampled and no KL is paid, so
beta_cap has no effect. Theirs is [n_items -> 200 -> n_items] with z = tanh(...), which is hidden = 0 here; the default
has a hidden layer on each side as their Mult-VAE does. Departures: the sparse input layer (linear_input.py), and the L2
penalty, which is FitConfig.weight_decay. Cost: as Mult-VAE's; with hidden = 0 a step takes latent / hidden of it.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from training.models.tanh_network import TanhConfig, TanhNetwork


class MultDAEConfig(TanhConfig):
    hidden: int = Field(default=600, ge=0, le=16384, description="width of the hidden layer on each side; 0 = none")


class MultDAE(TanhNetwork):
    """See TanhNetwork for the layers."""

    kind: ClassVar[str] = "mult-dae"

    def __init__(self, n_items: int, config: MultDAEConfig, *, n_conditions: int = 0) -> None:
        super().__init__(n_items, config, n_conditions=n_conditions, has_posterior=False)
