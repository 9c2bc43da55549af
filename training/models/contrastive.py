"""Contrastive autoencoder: users whose histories are alike lie close together in latent space.

Network and likelihood are Mult-DAE's (mult_dae.py). Beside the reconstruction, every row of a batch is paired with
another: with probability `positive` one drawn in proportion to the IoU (intersection over union) of their histories,
else in proportion to 1 - IoU. The pair's term is the cross-entropy between its IoU s and the Euclidean similarity
1 / (1 + d) of the two latents at distance d, lowest where they agree, at d = (1 - s) / s. It follows contrastive
learning with graded pairs (Hadsell, Chopra, LeCun: "Dimensionality Reduction by Learning an Invariant Mapping", CVPR
2006), with IoU in the place of a label.

Such latents serve twice: by the decoder like any model here, and by a vote of the nearest users
(training/evaluate/neighbours.py).

Partners come from the batch, as in contrastive learning at scale (Chen et al. 2020, arXiv 2002.05709): nothing of size
[n_users, n_users] exists, the partners' latents are there already, and what is drawn follows from the batch and the
step's seed. Drawn from all users instead, which costs a second pass through the encoder and twice the time, neither way
to recommend ranked better beyond noise on the validation users of MovieLens-100K and 1M. Several processes draw from
their own part of a batch each.
Cost: Mult-DAE's, one sparse product of the batch with itself on the CPU, and a few blocks [B, B].
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from training.models.base import SparseRows
from training.models.tanh_network import TanhConfig, TanhNetwork
from training.models.user_pairs import drawn_partners, iou_of, partner_odds
from training.objective import Loss, mean_nll

NEAREST = 1e-6
"""Added to the square of a distance: its root has a finite gradient for two latents that are the same."""


class ContrastiveConfig(TanhConfig):
    positive: float = Field(
        default=0.5, ge=0.0, le=1.0, description="probability of a partner alike (by IoU), not unlike (by 1 - IoU)"
    )
    weight: float = Field(
        default=100.0, ge=0.0, le=1e5, description="weight of a pair's cross-entropy beside the reconstruction, in nats"
    )


class Contrastive(TanhNetwork):
    """See TanhNetwork for the layers."""

    kind: ClassVar[str] = "contrastive"
    config: ContrastiveConfig

    def __init__(self, n_items: int, config: ContrastiveConfig, *, n_conditions: int = 0) -> None:
        super().__init__(n_items, config, n_conditions=n_conditions, has_posterior=False)

    def loss(self, history: SparseRows, target: SparseRows, *, condition: Tensor | None, beta: float) -> Loss:
        """Reconstruction plus the weighted pairs' term, which stands in the place of the KL; beta has no effect."""
        z = self.encode(history, condition).mu
        reconstruction = mean_nll(self, z, target)
        pairs = self.config.weight * self.pair_loss(z, history)
        return Loss(reconstruction + pairs, reconstruction, pairs, z)

    def pair_loss(self, z: Tensor, history: SparseRows) -> Tensor:
        """Mean cross-entropy of the rows z [B, n_latent] and the partner drawn for each; 0 for a row without others."""
        if len(history) < 2:
            return torch.zeros((), device=z.device)
        iou = iou_of(history)
        partner = drawn_partners(partner_odds(iou, positive=self.config.positive))
        wanted = iou.gather(1, partner[:, None]).squeeze(1)
        return similarity_loss(z, z[partner.to(z.device)], wanted.to(z.device)).mean()


def similarity_loss(a: Tensor, b: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy [B] of 1 / (1 + d), d the distance of a and b [B, n_latent], from the similarity wanted [B]."""
    distance = ((a - b).square().sum(dim=1) + NEAREST).sqrt()
    return torch.log1p(distance) - (1.0 - wanted) * torch.log(distance)
