"""How one part of a score goes along with another over users: a ridge regression, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

RIDGE = 0.01
"""Of the mean variance of z: a dead dimension's noise gets no weight."""


def regression(parts: Iterable[Tensor], z: Tensor) -> Tensor:
    """float64 [n_latent, m]: how y goes along with z [n, n_latent] (float64), y given in batches [b, m] of z's rows.

    With z centred, y need not be. O(n * n_latent * (n_latent + m)), a batch of y in memory at a time.
    """
    centred = z - z.mean(dim=0)
    together, start = torch.zeros(0), 0
    for part in parts:
        rows = centred[start : start + len(part)]
        together = rows.T @ part.double() if start == 0 else together + rows.T @ part.double()
        start += len(part)
    covariance = centred.T @ centred
    covariance.diagonal().add_(RIDGE * covariance.diagonal().mean().clamp(min=1e-9))
    found: Tensor = torch.linalg.solve(covariance, together)
    return found
