"""Pairs of users by how alike their histories are: intersection over union (IoU), from one sparse product a batch."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from training.models.base import SparseRows


def iou_of(rows: SparseRows) -> Tensor:
    """IoU of every two histories of a batch: float32 [B, B] on the CPU; two empty histories have nothing in common: 0.

    The intersections are the sparse product of the batch with itself: as many sums as there are pairs of rows with an
    item in common, item by item, and never anything of size [B, B, n_items].
    """
    indices, offsets = rows.indices.cpu().numpy(), rows.offsets.cpu().numpy()
    ones = np.ones(len(indices), dtype=np.int32)
    batch = sparse.csr_matrix((ones, indices, offsets), shape=(len(rows), int(indices.max(initial=-1)) + 1))
    shared = torch.from_numpy((batch @ batch.T).toarray())
    lengths = rows.lengths.cpu()
    union = lengths[:, None] + lengths[None, :] - shared
    return shared.float() / union.clamp(min=1)


def partner_odds(iou: Tensor, *, positive: float) -> Tensor:
    """Probability that each row [B] draws each row as its partner [B, B], never itself; B of 2 or more.

    With probability `positive` in proportion to IoU, else in proportion to 1 - IoU. A row for which one of the two is
    0 with everybody draws by the other.
    """
    others = 1.0 - torch.eye(len(iou))
    near, far = iou * others, (1.0 - iou) * others
    shares = [part / part.sum(dim=1, keepdim=True).clamp(min=torch.finfo(part.dtype).tiny) for part in (near, far)]
    odds = positive * shares[0] + (1.0 - positive) * shares[1]
    return torch.where(odds.sum(dim=1, keepdim=True) > 0, odds, shares[0] + shares[1])


def drawn_partners(odds: Tensor) -> Tensor:
    """One partner for each row: int64 [B], from torch's global generator; odds [B, B] need not sum to 1."""
    return torch.multinomial(odds, 1).squeeze(1)
