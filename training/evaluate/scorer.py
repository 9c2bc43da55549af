"""What can be evaluated: anything that gives every item a score, a batch of users at a time."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from training.models.base import LatentModel
from training.rows import sparse_rows

Scores = NDArray[np.float32]


class Scorer(Protocol):
    """A model or a baseline."""

    def score(self, fold_in: sparse.csr_matrix) -> Scores:
        """Scores float32 [B, n_items] of the users whose histories are fold_in [B, n_items]; seen items included."""
        ...


class ModelScorer:
    """A latent model under a fixed condition: z = mu, nothing sampled. The model is put into eval mode.

    condition  the values asked for; share: what each of them is in the model's input, 1 for any, 1/n for all of n
    """

    def __init__(self, model: LatentModel, condition: tuple[int, ...] = (), *, share: float = 1.0) -> None:
        self.model = model.eval()
        self.condition, self.share = condition, share

    def score(self, fold_in: sparse.csr_matrix) -> Scores:
        """See Scorer.score."""
        device = next(self.model.parameters()).device
        rows = sparse_rows(fold_in)
        with torch.inference_mode():
            found = self.model.score(rows.to(device), self._condition(len(rows), device))
            scores: Scores = found.float().cpu().numpy()
        return scores

    def _condition(self, n_rows: int, device: torch.device) -> torch.Tensor | None:
        if not self.condition:
            return None
        condition = torch.zeros(n_rows, self.model.n_conditions, device=device)
        condition[:, list(self.condition)] = self.share
        return condition
