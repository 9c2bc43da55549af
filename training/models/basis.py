"""Other coordinates of z than those a model was trained in: the axes of a guided model (guided/alignment.py)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Basis(nn.Module):
    """forward_matrix, backward_matrix [n_latent, n_latent]: z' = forward z, z = backward z'. At first unit matrices."""

    forward_matrix: Tensor
    backward_matrix: Tensor

    def __init__(self, n_latent: int) -> None:
        super().__init__()
        self.register_buffer("forward_matrix", torch.eye(n_latent))
        self.register_buffer("backward_matrix", torch.eye(n_latent))

    def set(self, forward: NDArray[np.float64], backward: NDArray[np.float64]) -> None:
        self.forward_matrix.copy_(torch.from_numpy(forward))
        self.backward_matrix.copy_(torch.from_numpy(backward))

    def reset(self) -> None:
        unit = np.eye(self.forward_matrix.shape[0])
        self.set(unit, unit)

    def turned(self, mu: Tensor) -> Tensor:
        """[B, n_latent] in the new coordinates."""
        return mu @ self.forward_matrix.T

    def turned_logvar(self, logvar: Tensor, *, prior_std: float) -> Tensor:
        """Of the posterior's marginals in the new coordinates, where it is no longer diagonal: [B, n_latent].

        A coordinate that nothing leads to has the prior's variance: its KL is 0, as that of any other dead latent.
        """
        squares = self.forward_matrix.square().T
        nothing = squares.sum(dim=0) == 0
        return torch.where(nothing, prior_std**2, logvar.exp() @ squares).log()

    def back(self, z: Tensor) -> Tensor:
        """[B, n_latent] in the old coordinates."""
        return z @ self.backward_matrix.T
