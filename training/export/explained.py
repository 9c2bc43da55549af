"""What every explainer graph returns, and the quadrature they share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Explained(NamedTuple):
    """What the graph returns, in its order.

    latent [K, n_latent], latent_base [K]: latent.sum(1) + latent_base = score
    history_contribution [K, L], history_base [K]: the same sum up to the quadrature's residual
    """

    latent: Tensor
    latent_base: Tensor
    history_contribution: Tensor
    history_base: Tensor


class ExplainedTotal(NamedTuple):
    """The same of a model with a linear term, whose score is the decoder's plus that term's.

    linear [K, L]: what each history item adds directly. latent.sum(1) + linear.sum(1) + latent_base = score;
    history_contribution holds it too, and both bases what the condition adds to an item. What the term gains under a
    shift is in latent, and in history_base.
    """

    latent: Tensor
    latent_base: Tensor
    history_contribution: Tensor
    history_base: Tensor
    linear: Tensor


def gauss_legendre(n_nodes: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights on [0, 1], float32 [n_nodes] each; the weights sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return torch.tensor((nodes + 1) / 2, dtype=torch.float32), torch.tensor(weights / 2, dtype=torch.float32)
