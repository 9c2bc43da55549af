"""The weak supervision of a guided model: its latents shall say the users' tastes, along any directions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.guided.guidance import Guidance
from training.models.base import SparseRows


class GuideHead(nn.Module):
    """A linear reading of g tastes from mu, trained along with the model and thrown away afterwards.

    The error of tying each taste to one coordinate at once would do the same and cost more: here the network is free in
    where it puts a taste, and the axes are turned there at the end (alignment.py), which changes no list.
    amounts, known [n_items, g]; mean, sd [g]; read Linear(n_latent, g).
    """

    amounts: Tensor
    known: Tensor
    mean: Tensor
    sd: Tensor

    def __init__(self, guidance: Guidance, *, n_latent: int) -> None:
        super().__init__()
        self.weight = guidance.weight
        self.read = nn.Linear(n_latent, len(guidance.table))
        self.register_buffer("amounts", torch.from_numpy(guidance.table.amounts), persistent=False)
        self.register_buffer("known", torch.from_numpy(guidance.table.known), persistent=False)
        self.register_buffer("mean", torch.from_numpy(guidance.mean).float(), persistent=False)
        self.register_buffer("sd", torch.from_numpy(guidance.sd).float(), persistent=False)

    def tastes(self, history: SparseRows) -> Tensor:
        """Of whole histories, standardised: [B, g]; 0 where no item's value is known. O(n_interactions * g)."""

        def summed(table: Tensor) -> Tensor:
            return functional.embedding_bag(
                history.indices, table, history.offsets, mode="sum", include_last_offset=True
            )

        counted = summed(self.known)
        shares = summed(self.amounts) / counted.clamp(min=1.0)
        return torch.where(counted > 0, (shares - self.mean) / self.sd, torch.zeros_like(shares))

    def loss(self, mu: Tensor, history: SparseRows, condition: Tensor | None) -> Tensor:
        """weight * the mean over rows of the squared error, summed over tastes. Rows that ask for a value are left out:
        they are meant to say something else than the user's taste. mu [B, n_latent], condition [B, n_conditions]."""
        errors = (self.read(mu) - self.tastes(history)).square().sum(dim=1)
        if condition is None:
            return self.weight * errors.mean()
        plain = (condition.sum(dim=1) == 0).float()
        return self.weight * (errors * plain).sum() / plain.sum().clamp(min=1.0)
