"""The closed-form explainer, for networks with one tanh layer on each side (science notes, section 5).

Two additive views of score = decoder(encoder(history, condition) + shift)[item]:

Latent view, exact. Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365) of a one-tanh-layer decoder along
the straight path 0 -> z have a closed form: with a = W1 z and g_h = (tanh(a_h + b_h) - tanh(b_h)) / a_h,
contribution[j, i] = sum_h W2[j, h] g_h W1[h, i] z_i, and they sum to score - score(z = 0).

History view, by quadrature. The same path integral through the whole network, from no history to the normalised
history, condition and shift kept. With first-layer input t * s + o the gradient of item j's logit there is
    sum_g W2[j, g] (1 - u_g(t)^2) M[g, h] (1 - v_h(t)^2),   v = tanh(t s + o), u = tanh(W1 (mu(v) + shift) + b),
M = W1 @ W_mu. Only the two squares depend on t, so the integral over t is one [G, H] table for all explained items:
T = M * (sum_q w_q (1 - u(t_q)^2) (1 - v(t_q)^2)^T), the averaged gradient is W2[items] @ T.
Cost: N_NODES * G * H + K * H * (G + L) products; without this order it would be K times the first term.
"""

from __future__ import annotations

from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import embedding

from training.export.explained import Explained, ExplainedTotal, gauss_legendre
from training.export.linear_graph import follows_steering
from training.models.additive_vae import AdditiveVAE
from training.models.base import LatentModel
from training.models.tanh_network import TanhNetwork

N_NODES = 64
"""Gauss-Legendre nodes along the history path. tests/training/export measures the residual: far below 1e-4 relative
even for weights several times larger than trained ones; the nodes are the cheap part of the graph."""

_SMALL = 1e-3
"""Below this |a|, tanh(a) / a is 1 - a^2 / 3 to float32 precision (the next term is 2 a^4 / 15 < 2e-13)."""


class Explainer(nn.Module):
    """The module that becomes explainer.onnx. Shares the model's weights; takes a network that has_closed_form."""

    along: Tensor
    weights: Tensor
    into_z: Tensor
    into_z_bias: Tensor
    from_z: Tensor
    from_z_bias: Tensor
    through: Tensor

    def __init__(self, model: TanhNetwork) -> None:
        super().__init__()
        self.model = model
        along, weights = gauss_legendre(N_NODES)
        self.register_buffer("along", along[:, None])
        self.register_buffer("weights", weights[:, None])
        into_z, from_z = model.mean_layer, model.decoder_layer
        assert from_z is not None
        for name, layer in (("into_z", into_z), ("from_z", from_z)):
            self.register_buffer(name, layer[0].detach())
            self.register_buffer(f"{name}_bias", layer[1].detach())
        product = self.from_z.double() @ self.into_z.double()
        self.register_buffer("through", product.float())  # M [G, H]

    def forward(self, history: Tensor, condition: Tensor | None, shift: Tensor, item_ix: Tensor) -> Explained:
        """history int64 [L] (L may be 0), condition float32 [1, C] or None, shift [1, n_latent], item_ix int64 [K].

        K is at least 1.
        """
        model = self.model
        length = torch.ones_like(history, dtype=torch.float32).sum().clamp(min=1.0)
        per_item = model.rows_of_items(history) * torch.rsqrt(length)  # [L, H]
        summed = per_item.sum(0, keepdim=True)
        offset = model.bias_in[None, :]
        if condition is not None and model.condition_in is not None:
            offset = offset + condition @ model.condition_in.weight
        out, out_bias = model.output_layer
        rows = embedding(item_ix, out)  # [K, G]: only the explained items' rows
        bias = embedding(item_ix, out_bias[:, None]).squeeze(1)  # plain indexing exports to GatherND
        gradient = rows @ self._averaged(summed, offset, shift)
        _, empty = self._path(torch.tanh(offset), shift)
        z, _ = self._path(torch.tanh(summed + offset), shift)
        return Explained(
            latent=self._latent(rows, z),
            latent_base=rows @ torch.tanh(self.from_z_bias) + bias,
            history_contribution=gradient @ per_item.T,
            history_base=(rows * empty).sum(1) + bias,
        )

    def _latent(self, rows: Tensor, z: Tensor) -> Tensor:
        """[K, n_latent]. g_h is taken as tanh(a)/a * (1 - tanh(a + b) tanh(b)): the same number, without cancelling."""
        weight, bias = self.from_z, self.from_z_bias
        a = z @ weight.T
        small = a.abs() < _SMALL
        safe = torch.where(small, torch.ones_like(a), a)
        ratio = torch.where(small, 1.0 - a * a / 3.0, torch.tanh(safe) / safe)
        slope = ratio * (1.0 - torch.tanh(a + bias) * torch.tanh(bias))
        return ((rows * slope) @ weight) * z

    def _path(self, first: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """First hidden layer [Q, H] -> z [Q, n_latent] and the second hidden layer [Q, G]."""
        z = functional.linear(first, self.into_z, self.into_z_bias) + shift
        return z, torch.tanh(functional.linear(z, self.from_z, self.from_z_bias))

    def _averaged(self, summed: Tensor, offset: Tensor, shift: Tensor) -> Tensor:
        """T [G, H] of the module's docstring."""
        first = torch.tanh(self.along * summed + offset)  # [Q, H]
        _, second = self._path(first, shift)  # [Q, G]
        steep = self.weights * (1.0 - second * second)
        table: Tensor = self.through * (steep.T @ (1.0 - first * first))
        return table


class AdditiveExplainer(nn.Module):
    """The explainer of a model with a linear term: its latent part explained as above, the term as it is.

    The term is linear in the history, so what an item adds to it is the item's whole share in both views. What it gains
    under a shift is linear in that: each z_i's own, and in the history view part of where the path starts.
    """

    slopes: Tensor

    def __init__(self, model: AdditiveVAE) -> None:
        super().__init__()
        self.model, self.latent_part = model, Explainer(model)
        self.follows = follows_steering(model)
        slopes = (model.scale * model.linear_along).T.contiguous()  # [m, n_latent]
        self.register_buffer("slopes", slopes if self.follows else slopes[:0])

    def forward(self, history: Tensor, condition: Tensor | None, shift: Tensor, item_ix: Tensor) -> ExplainedTotal:
        """See Explainer.forward."""
        part = self.latent_part(history, None, shift, item_ix)
        linear, gained = self.model.linear_parts(history, condition, item_ix)
        latent, history_base = part.latent, part.history_base
        if self.follows:
            followed = self._followed(shift, item_ix)
            latent, history_base = latent + followed, history_base + followed.sum(1)
        return ExplainedTotal(
            latent=latent,
            latent_base=part.latent_base + gained,
            history_contribution=part.history_contribution + linear,
            history_base=history_base + gained,
            linear=linear,
        )

    def _followed(self, shift: Tensor, item_ix: Tensor) -> Tensor:
        """What the linear term of each explained item gains by each shift_i: [K, n_latent]."""
        covered = self.model.linear_covered.index_select(0, item_ix)
        return shift * self.slopes.index_select(0, self.model.linear_rows.index_select(0, item_ix)) * covered[:, None]


def has_closed_form(model: LatentModel) -> TypeGuard[TanhNetwork]:
    """Whether this module's formulas are the model's: one tanh layer on each side.

    A subclass may still compute something else; parity.check_parity compares the explanations with the model.
    """
    return isinstance(model, TanhNetwork) and model.hidden_layer is not None
