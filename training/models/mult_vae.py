"""Mult-VAE: a variational autoencoder with a multinomial likelihood.

Liang, Krishnan, Hoffman, Jebara: "Variational Autoencoders for Collaborative Filtering", WWW 2018 (arXiv 1802.05814).
Departure: the input layer is a weighted sum of embedding rows instead of a dense product (same numbers, cost
O(n_interactions * hidden) instead of O(B * n_items * hidden)); dropout drops whole input items, as theirs does.
"""

from __future__ import annotations

from typing import ClassVar

from training.models.tanh_network import TanhConfig, TanhNetwork


class MultVAEConfig(TanhConfig):
    pass


class MultVAE(TanhNetwork):
    """See TanhNetwork for the layers."""

    kind: ClassVar[str] = "mult-vae"

    def __init__(self, n_items: int, config: MultVAEConfig, *, n_conditions: int = 0) -> None:
        super().__init__(n_items, config, n_conditions=n_conditions, has_posterior=True)
