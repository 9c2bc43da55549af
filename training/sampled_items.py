"""Sampled softmax: the loss over a batch's own items and a sample of the others, for catalogues of 10^5 items and more.

The items that some row of the batch has for a target are all there: they are few, and the popular ones among them. Of
the others `n` are drawn evenly. The sum of exponentials over all items is then estimated by the sum over the first plus
(number of others / number drawn) times the sum over the drawn: that factor's logarithm is added to the logits of the
drawn (the log Q correction of Bengio & Senecal 2008 with q = 1 for the items that are there anyway; Khrylchenko et al.
2025, arXiv 2507.09331, on why those must not be corrected). The estimate of the sum has no bias; that of its logarithm
is a little low, less with a larger sample.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from training.output_loss import OutputLayer

if TYPE_CHECKING:  # see output_loss.py
    from training.models.base import SparseRows


def sampled(layer: OutputLayer, target: SparseRows, *, n: int, sparse: bool = True) -> tuple[OutputLayer, SparseRows]:
    """The layer and the targets over the items of one step's loss alone; all items when those would not be fewer.

    Draws from torch's global generator. sparse: whether the gradient of layer.weight has the rows of those items only.
    """
    n_items = layer.weight.shape[0]
    own = torch.unique(target.indices)
    if len(own) + n >= n_items:
        return layer, target
    drawn = torch.randint(n_items, (n,), device=own.device)
    drawn, counts = torch.unique(drawn[~is_in(drawn, own)], return_counts=True)
    factor = (n_items - len(own)) / counts.sum().clamp(min=1)  # each draw stands for so many of the others
    items, order = torch.sort(torch.cat([own, drawn]))
    correction = torch.cat([torch.zeros(len(own), device=own.device), torch.log(counts * factor)])[order]
    part = OutputLayer(
        layer.hidden,
        functional.embedding(items, layer.weight, sparse=sparse),
        layer.bias.index_select(0, items) + correction,
    )
    return part, replace(target, indices=torch.searchsorted(items, target.indices))


def is_in(values: Tensor, ordered: Tensor) -> Tensor:
    """Whether each of `values` is in the ascending `ordered`, which has at least one."""
    place = torch.searchsorted(ordered, values).clamp(max=len(ordered) - 1)
    return ordered[place] == values
