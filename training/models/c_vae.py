"""C-VAE: Mult-VAE with a condition input.

Carraro, Polato, Aiolli: "Conditioned Variational Autoencoder for top-N item recommendation", 2020 (arXiv 2004.11141).
The network is Mult-VAE's on [x; c], of which only x is L2-normalised; with c = 0 it is Mult-VAE. What makes it itself
is the training set (training/entries.py): a user appears once with c = 0 and once for each value seen in the history,
and then only the items that satisfy c are the target. Departures: pairs of values can be trained too
(FitConfig.combined), and what a row counts for in the loss, where the published model is both exponents at 0:

A row that asks for a rare genre has few target items, so that its likelihood, a sum over them, is small beside a KL
that does not know of that: such rows say little about the user, and there is nothing to be had by obeying them well.
With s = target items / items of the history, 1 for a row that asks for nothing, a row's likelihood counts
s^-target_weighting and its KL s^kl_weighting. Measured in docs/science.md.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from training.errors import ConfigError
from training.models.base import SparseRows
from training.models.mult_vae import MultVAE, MultVAEConfig
from training.objective import Loss, kl_per_dimension, mean_nll, sample


class CVAEConfig(MultVAEConfig):
    target_weighting: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="the likelihood of a row counts (target / history)^-this: rows that ask for something rare gain",
    )
    kl_weighting: float = Field(
        default=1.0,
        ge=0.0,
        le=2.0,
        description="the KL of a row counts (target / history)^this: rows with few targets may say more of the user",
    )


class CVAE(MultVAE):
    """See MultVAE for the layers; condition_in.weight is [n_conditions, hidden]."""

    kind: ClassVar[str] = "c-vae"
    config: CVAEConfig

    def __init__(self, n_items: int, config: CVAEConfig, *, n_conditions: int) -> None:
        if n_conditions < 1:
            raise ConfigError(
                "a c-vae needs at least one condition value, got none",
                hint="name an item attribute with --condition, or train a mult-vae",
            )
        super().__init__(n_items, config, n_conditions=n_conditions)

    def loss(self, history: SparseRows, target: SparseRows, *, condition: Tensor | None, beta: float) -> Loss:
        """See LatentModel.loss; a target is never empty, and a part of its history."""
        share = target.lengths.clamp(min=1) / history.lengths.clamp(min=1)
        weights, by_user = share**-self.config.target_weighting, self.row_weights(history)
        posterior = self.encode(history, condition)
        weights = weights if by_user is None else weights * by_user
        reconstruction = mean_nll(self, sample(posterior), target, weights=weights)
        kl = (kl_per_dimension(posterior).sum(dim=1) * share**self.config.kl_weighting).mean()
        return Loss(reconstruction + beta * kl, reconstruction, kl, posterior.mu)
