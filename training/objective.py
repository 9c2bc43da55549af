"""The training objective of most models (LatentModel.loss): multinomial likelihood and KL, on sparse targets.

loss = mean over users of ( - sum over target items of log softmax(logits) + beta * KL(q(z|x) || N(0, I)) )
(Liang et al. 2018, arXiv 1802.05814). Units are nats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.output_loss import output_nll
from training.sampled_items import sampled

if TYPE_CHECKING:  # the base of the models has this objective as its default, so it must not be needed to import it
    from training.models.base import LatentModel, Posterior, SparseRows


ACTIVE_NATS = 0.01
"""A latent is active when its mean KL from the prior exceeds this (science.md section 3)."""
ACTIVE_VARIANCE = 1e-3
"""Without a posterior there is no KL: a latent is active when it varies this much of what the liveliest one does."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Scalars: total = reconstruction + beta * kl; the two parts are means over the batch's users. mu [B, n_latent]."""

    total: Tensor
    reconstruction: Tensor
    kl: Tensor
    mu: Tensor


def multinomial_nll(logits: Tensor, target: SparseRows) -> Tensor:
    """-sum of log softmax(logits)[b, target items of b]: logits [B, n_items] -> [B].

    Written with logsumexp, so that the log-softmax of the whole block is never stored.
    """
    rows = target.row_of
    wanted = torch.zeros(len(target), device=logits.device).index_add(0, rows, logits[rows, target.indices])
    return torch.logsumexp(logits, dim=1) * target.lengths - wanted


def mean_nll(model: LatentModel, z: Tensor, target: SparseRows, *, weights: Tensor | None = None) -> Tensor:
    """The mean over rows of weights [B] (None = 1) times multinomial_nll, z [B, n_latent].

    There is no block of logits where the output layer is linear.
    """
    layer = model.output(z)
    if layer is None:
        nll = multinomial_nll(model.decode(z), target)
        return (nll if weights is None else nll * weights).mean()
    if model.walk.sampled_items is not None:
        layer, target = sampled(layer, target, n=model.walk.sampled_items, sparse=model.walk.sparse)
    row_weights = None if weights is None else weights / len(target)
    return output_nll(layer, target, row_weights=row_weights, walk=model.walk).total


def kl_per_dimension(posterior: Posterior) -> Tensor:
    """KL of each user's q(z_i|x) from the prior: [B, n_latent] nats; zeros for a model without a posterior."""
    if posterior.logvar is None:
        return torch.zeros_like(posterior.mu)
    mu, logvar = posterior.mu / posterior.prior_std, posterior.logvar - 2.0 * math.log(posterior.prior_std)
    return 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)


def varying(variance: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which latents of a model without a posterior are active, by the variance of mu over users [n_latent]."""
    active: NDArray[np.bool_] = (variance > 0) & (variance >= ACTIVE_VARIANCE * variance.max(initial=0.0))
    return active


def sample(posterior: Posterior) -> Tensor:
    """One z for each row by the reparameterisation trick, from torch's global generator; mu without a posterior."""
    if posterior.logvar is None:
        return posterior.mu
    return posterior.mu + torch.randn_like(posterior.mu) * (0.5 * posterior.logvar).exp()


def elbo_loss(
    model: LatentModel, history: SparseRows, target: SparseRows, *, condition: Tensor | None, beta: float
) -> Loss:
    """The loss of one batch in training mode; see output_loss.py for what a linear output layer costs."""
    posterior = model.encode(history, condition)
    reconstruction = mean_nll(model, sample(posterior), target, weights=model.row_weights(history))
    kl = kl_per_dimension(posterior).sum(dim=1).mean()
    return Loss(reconstruction + beta * kl, reconstruction, kl, posterior.mu)
