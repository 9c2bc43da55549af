"""The first layer that all models here share: a weighted sum of one row per item of the history.

The history is normalised to length 1, items are dropped from it while training and the kept ones are scaled up. A dense
product would give the same numbers; this costs O(n_interactions * width) instead of O(B * n_items * width). Because the
layer is linear in the history, and only there, explanations can follow a path from no history to the whole of it
(training/export/explainer.py): what a model must say for that are the methods below.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.base import LatentModel, Posterior, SparseRows
from training.models.row_sum import row_sums


class LinearInput(LatentModel):
    """encode = rest_of_encoder(sum of item rows); decode = logit of every item from decoder_input(z).

    input_dropout  share of input items dropped while training
    linear_decoder whether logit is linear in the decoder's input, so that one gradient is its whole path integral
    history_residual  what the history view of an explanation may miss of the score, relative to the largest of 1,
                   |score| and |base|; export refuses more
    """

    input_dropout: float = 0.0
    linear_decoder: bool = False
    history_residual: float = 1e-4

    @property
    @abstractmethod
    def input_rows(self) -> Tensor:
        """The first layer's weights [n_items, width]."""

    @abstractmethod
    def rest_of_encoder(self, first: Tensor, condition: Tensor | None) -> Posterior:
        """What follows the sum: first [B, F] (F = width unless the model says otherwise), condition [B or 1, C]."""

    @abstractmethod
    def logit(self, u: Tensor, item_ix: Tensor) -> Tensor:
        """One logit per row: u float32 [N, n_latent] as decoder_input gives it, item_ix int64 [N] -> [N]."""

    def decoder_input(self, z: Tensor) -> Tensor:
        """z as the decoder's first layer sees it, 0 for z = 0: [N, n_latent] -> [N, n_latent]. Here z itself."""
        return z

    def encode(self, rows: SparseRows, condition: Tensor | None = None) -> Posterior:
        """See LatentModel.encode."""
        return self.rest_of_encoder(self.summed(rows, self.item_weights(rows)), condition)

    def encode_padded(self, history: Tensor, mask: Tensor, condition: Tensor | None = None) -> Tensor:
        """See LatentModel.encode_padded."""
        weights = mask * torch.rsqrt(mask.sum(1, keepdim=True).clamp(min=1.0))
        return self.rest_of_encoder(self.padded_sum(history, weights), condition).mu

    def item_weights(self, rows: SparseRows) -> Tensor:
        """The normalised history [n_interactions]; in training mode with items dropped and the others scaled up."""
        weights = torch.rsqrt(rows.lengths.clamp(min=1).float())[rows.row_of]
        return functional.dropout(weights, self.input_dropout, training=self.training)

    def summed(self, rows: SparseRows, weights: Tensor) -> Tensor:
        """The first layer of sparse rows, weights [n_interactions] -> [B, F].

        With sampled items, whose catalogues are large, the gradient of the item rows is sparse too (Walk.sparse).
        """
        if not (self.training and self.walk.sampled_items is not None and self.walk.sparse):
            return row_sums(self.input_rows, rows, weights)
        met, places = torch.unique(rows.indices, return_inverse=True)
        return row_sums(functional.embedding(met, self.input_rows, sparse=True), replace(rows, indices=places), weights)

    def padded_sum(self, history: Tensor, weights: Tensor) -> Tensor:
        """The first layer for export: history int64 [B, L], weights [B, L] (0 = padding) -> [B, F]."""
        return torch.bmm(weights.unsqueeze(1), functional.embedding(history, self.input_rows)).squeeze(1)

    def rows_of_items(self, item_ix: Tensor) -> Tensor:
        """What each item adds to the first layer at weight 1: int64 [L] -> [L, F]."""
        return functional.embedding(item_ix, self.input_rows)


def initialise_rows(weight: Tensor, *, fan_in: int) -> None:
    """Xavier over a whole dense layer of which these rows [n, width] are a part, as in the papers' code."""
    spread = (6.0 / (fan_in + weight.shape[1])) ** 0.5
    nn.init.uniform_(weight, -spread, spread)


def initialise_linear(layer: nn.Linear) -> None:
    """Xavier weights and a bias near 0, as in Liang et al.'s code."""
    nn.init.xavier_uniform_(layer.weight)
    nn.init.trunc_normal_(layer.bias, std=0.001)


def logits_of_rows(hidden: Tensor, weight: Tensor, bias: Tensor, item_ix: Tensor) -> Tensor:
    """Row n's logit of item_ix[n] from an output layer weight [n_items, G], bias [n_items]: hidden [N, G] -> [N]."""
    picked = functional.embedding(item_ix, bias[:, None]).squeeze(1)  # plain indexing exports to GatherND
    return (hidden * functional.embedding(item_ix, weight)).sum(1) + picked
