"""The explainer of every other network: the same two views, by Gauss-Legendre quadrature along the two paths.

Latent view: integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365) of one logit along the straight line from
0 to the decoder's input u(z); a linear decoder needs one node, and contribution[j, i] = W[j, i] z_i exactly.
History view: the same through encoder and decoder, from no history to the normalised one, condition and shift kept.
The gradients are the model's own, by reverse mode; `traced` writes them out as plain operators, so that the graph can
be exported. Cost: for K items N_NODES * K passes forward and back through the encoder behind its first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from training.errors import ExportError
from training.export.explained import Explained, gauss_legendre
from training.models.base import LatentModel
from training.models.linear_input import LinearInput

N_NODES = 32
"""Nodes along each path, closer together near its beginning (place t^2, t by Gauss-Legendre): there, next to no
history, layers that normalise turn fastest. tests/training/export measures the residual that they leave."""


class PathExplainer(nn.Module):
    """Shares the model's weights; raises ExportError for a model whose first layer is not linear in the history."""

    along: Tensor
    weights: Tensor

    def __init__(self, model: LatentModel) -> None:
        super().__init__()
        if not isinstance(model, LinearInput):
            raise ExportError(
                f"the {model.kind} cannot be explained: its first layer is not known to be a sum over the history, so "
                f"there is no straight path from no history to a whole one",
                hint="derive the model from training/models/linear_input.py, or bring an explainer of its own",
            )
        self.model = model
        along, weights = gauss_legendre(N_NODES)
        self.register_buffer("along", along.square())
        self.register_buffer("weights", 2.0 * along * weights)

    def forward(self, history: Tensor, condition: Tensor | None, shift: Tensor, item_ix: Tensor) -> Explained:
        """history int64 [L] (L may be 0), condition float32 [1, C] or None, shift [1, n_latent], item_ix int64 [K]."""
        model = self.model
        length = torch.ones_like(history, dtype=torch.float32).sum().clamp(min=1.0)
        per_item = model.rows_of_items(history) * torch.rsqrt(length)  # [L, F]
        whole = per_item.sum(0, keepdim=True)

        def input_at(first: Tensor) -> Tensor:
            return model.decoder_input(model.rest_of_encoder(first, condition).mu + shift)

        end = input_at(whole)
        latent = self._mean_gradient(model.logit, end, item_ix, exact=model.linear_decoder) * end
        gradient = self._mean_gradient(lambda first, ix: model.logit(input_at(first), ix), whole, item_ix)
        n_explained = item_ix.shape[0]
        return Explained(
            latent=latent,
            latent_base=model.logit(torch.zeros_like(end).expand(n_explained, -1), item_ix),
            history_contribution=gradient @ per_item.T,
            history_base=model.logit(input_at(torch.zeros_like(whole)).expand(n_explained, -1), item_ix),
        )

    def _mean_gradient(
        self, score: Callable[[Tensor, Tensor], Tensor], end: Tensor, item_ix: Tensor, *, exact: bool = False
    ) -> Tensor:
        """[K, F]: the mean gradient of each item's score on the way from 0 to end [1, F]; exact: it is constant."""
        along, weights = (self.along[:1], torch.ones_like(self.weights[:1])) if exact else (self.along, self.weights)
        n_nodes, n_explained, width = along.shape[0], item_ix.shape[0], end.shape[1]
        points = (along[:, None] * end).expand(n_explained, n_nodes, width).reshape(n_explained * n_nodes, width)
        asked = item_ix[:, None].expand(n_explained, n_nodes).reshape(n_explained * n_nodes)
        gradient: Tensor = torch.func.grad(lambda at: score(at, asked).sum())(points)
        return (gradient.reshape(n_explained, n_nodes, width) * weights[:, None]).sum(1)


def traced(module: nn.Module, inputs: Mapping[str, Tensor]) -> nn.Module:
    """The module with its gradients written out as operators; sizes stay free.

    inputs  examples by name, in the order of forward: history, condition (if the model has any), shift, item_ix
    torch.export cannot look into torch.func transforms itself; their trace it takes like any other module.
    """
    with torch.no_grad():
        trace = make_fx(module, tracing_mode="symbolic", _allow_non_fake_inputs=True)(*inputs.values())
    return _Conditioned(trace) if "condition" in inputs else _Unconditioned(trace)


class _Conditioned(nn.Module):
    """Gives a trace the names of its inputs, by which the exporter calls it."""

    def __init__(self, trace: GraphModule) -> None:
        super().__init__()
        self.trace = trace

    def forward(self, history: Tensor, condition: Tensor, shift: Tensor, item_ix: Tensor) -> Explained:
        return Explained(*self.trace(history, condition, shift, item_ix))


class _Unconditioned(nn.Module):
    def __init__(self, trace: GraphModule) -> None:
        super().__init__()
        self.trace = trace

    def forward(self, history: Tensor, shift: Tensor, item_ix: Tensor) -> Explained:
        return Explained(*self.trace(history, shift, item_ix))
