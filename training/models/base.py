"""The one small base of all latent models, and the sparse batch they read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import sparse
from torch import Tensor, nn

from training.data.split import HeldOut
from training.models.basis import Basis
from training.objective import Loss, elbo_loss
from training.output_loss import OutputLayer, Walk


class ModelConfig(BaseModel):
    """Hyper-parameters of a model: typed, bounded, explained by `Field(description=...)`; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class SparseRows:
    """A batch of binary histories: row b holds the items indices[offsets[b]:offsets[b + 1]], each once.

    indices  int64 [n_interactions]; offsets  int64 [B + 1], from 0 to n_interactions
    """

    indices: Tensor
    offsets: Tensor

    def to(self, device: torch.device) -> SparseRows:
        return SparseRows(self.indices.to(device), self.offsets.to(device))

    def __len__(self) -> int:
        return self.offsets.shape[0] - 1

    @property
    def lengths(self) -> Tensor:
        """int64 [B]: items per row."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def row_of(self) -> Tensor:
        """int64 [n_interactions]: the row each index belongs to."""
        return torch.repeat_interleave(torch.arange(len(self), device=self.indices.device), self.lengths)


@dataclass(frozen=True, slots=True)
class Posterior:
    """q(z|x): mu [B, n_latent]; logvar [B, n_latent], or None for a model without a posterior.

    prior_std  standard deviation of the prior N(0, prior_std^2 I) that its KL is measured from
    """

    mu: Tensor
    logvar: Tensor | None
    prior_std: float = 1.0


class LatentModel(nn.Module, ABC):
    """history (+ condition) -> q(z|x) -> logits. In eval mode encode is deterministic: no dropout, z = mu.

    condition is float32 [B, n_conditions], 1 for each value asked for; None means all zeros.
    walk is how the loss of a linear output layer is worked out; training sets it (FitConfig.precision).
    basis, of a guided model: the coordinates of z outside training. In training mode z is in those it is trained in.
    """

    kind: ClassVar[str]
    n_items: int
    n_latent: int
    n_conditions: int
    config: ModelConfig
    walk: Walk = Walk()

    def __init__(self) -> None:
        super().__init__()
        self.basis: Basis | None = None

    @abstractmethod
    def encode(self, rows: SparseRows, condition: Tensor | None = None) -> Posterior:
        """q(z|x, c) of each row; O(n_interactions * hidden), never a dense [B, n_items]."""

    @abstractmethod
    def encode_padded(self, history: Tensor, mask: Tensor, condition: Tensor | None = None) -> Tensor:
        """The mean path for export: history int64 [B, L] (padding: any index, mask 0), mask float32 [B, L] -> mu."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """z float32 [B, n_latent] -> logits float32 [B, n_items]."""

    def hold_basis(self) -> None:
        """Make room for other axes than the trained ones, at first the same; part of the weights from then on."""
        self.basis = Basis(self.n_latent)

    def turned(self, posterior: Posterior) -> Posterior:
        """A posterior of the trained coordinates, in those that are spoken of outside training."""
        if self.basis is None or self.training:
            return posterior
        logvar, prior_std = posterior.logvar, posterior.prior_std
        if logvar is not None:
            logvar = self.basis.turned_logvar(logvar, prior_std=prior_std)
        return Posterior(self.basis.turned(posterior.mu), logvar, prior_std)

    def trained(self, z: Tensor) -> Tensor:
        """A point [B, n_latent] in the coordinates that the layers were trained in."""
        return z if self.basis is None or self.training else self.basis.back(z)

    @property
    def product_dtype(self) -> torch.dtype:
        """Of the products inside the network: walk's in training, float32 in all that is reported or exported."""
        return self.walk.dtype if self.training else torch.float32

    def output(self, z: Tensor) -> OutputLayer | None:
        """The layer that decode(z) ends in, if that is linear: then the loss needs no block [B, n_items]."""
        return None

    def score(self, rows: SparseRows, condition: Tensor | None = None) -> Tensor:
        """What items are ranked by: float32 [B, n_items]. In eval mode it is deterministic, seen items included."""
        return self.score_at(self.encode(rows, condition).mu, rows, condition)

    def score_at(
        self, mu: Tensor, rows: SparseRows, condition: Tensor | None = None, *, shift: Tensor | None = None
    ) -> Tensor:
        """score for rows that are encoded already: mu [B, n_latent] as `encode` gives it.

        shift [B or 1, n_latent]: by how much somebody moves z from there (steering).
        """
        return self.decode(mu if shift is None else mu + shift)

    def scores_of_point(self, z: Tensor) -> Tensor:
        """The scores of somebody without a history at z [B, n_latent], as in a cold start: float32 [B, n_items]."""
        return self.decode(z)

    def row_weights(self, history: SparseRows) -> Tensor | None:
        """What each row's reconstruction counts in the loss, [B]; None = all alike."""
        return None

    def loss(self, history: SparseRows, target: SparseRows, *, condition: Tensor | None, beta: float) -> Loss:
        """The training loss of one batch: -ELBO with beta on the KL. A model with another objective overrides this."""
        return elbo_loss(self, history, target, condition=condition, beta=beta)

    def prepare(self, train: sparse.csr_matrix, members: NDArray[np.bool_] | None) -> None:
        """Called before training, once and again when a run is resumed: closed forms, samples.

        train    CSR [n_users, n_items], whose values are not looked at
        members  bool [n_items, n_conditions] of the condition attribute, None without one
        """

    def start_validation(self) -> None:
        """Called before each validation pass, in every process; what it sets is saved with the epoch's weights."""

    def start_epoch(self, epoch: int) -> None:
        """Called before each training epoch, from 0; a model that trains its parts in turns freezes the others here.

        What it does must follow from the epoch and the weights alone, so that a resumed run does the same.
        """

    def finish(self, train: sparse.csr_matrix, validation: HeldOut) -> bool:
        """Called after training, in eval mode and with the best weights: chooses what needs no more training.

        train: as in prepare, which may have been called on another object; validation: users with a target each. What
        it sets is saved with the weights. A run that was interrupted or gets more epochs is finished again, with
        weights that may hold what was set before: that must not decide what is set now. True if it set anything.
        """
        return False
