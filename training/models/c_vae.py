"""C-VAE: Mult-VAE with a condition input.

Carraro, Polato, Aiolli: "Conditioned Variational Autoencoder for top-N item recommendation", 2020 (arXiv 2004.11141).
The network is Mult-VAE's on [x; c], of which only x is L2-normalised; with c = 0 it is Mult-VAE. What makes it itself
is the training set (training/entries.py): a user appears once with c = 0 and once for each value seen in the history,
and then only the items that satisfy c are the target. Departure: pairs of values can be trained too
(FitConfig.combined).
"""

from __future__ import annotations

from typing import ClassVar

from training.errors import ConfigError
from training.models.mult_vae import MultVAE, MultVAEConfig


class CVAEConfig(MultVAEConfig):
    pass


class CVAE(MultVAE):
    """See MultVAE for the layers; condition_in.weight is [n_conditions, hidden]."""

    kind: ClassVar[str] = "c-vae"

    def __init__(self, n_items: int, config: CVAEConfig, *, n_conditions: int) -> None:
        if n_conditions < 1:
            raise ConfigError(
                "a c-vae needs at least one condition value, got none",
                hint="name an item attribute with --condition, or train a mult-vae",
            )
        super().__init__(n_items, config, n_conditions=n_conditions)
