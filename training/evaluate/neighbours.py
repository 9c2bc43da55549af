"""A latent model's other way to recommend: by a vote of the training users nearest in latent space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from training.data.split import Split
from training.evaluate import ranking
from training.evaluate.baselines.baseline import Baseline
from training.evaluate.measure import BATCH, measurable, ndcg_of, users_at_once
from training.evaluate.scorer import Scores
from training.models.base import LatentModel
from training.rows import sparse_rows

NUMBERS = (10, 25, 50, 100, 200, 400)
"""Of neighbours, tried on the validation users, those above the number of training users as that number."""
Vote = Literal["count", "similarity"]
VOTES: tuple[Vote, ...] = ("count", "similarity")
"""What a neighbour's items get: one vote, or the Euclidean similarity 1 / (1 + distance)."""
_BLOCK = 1 << 24
"""Closenesses held at a time: 64 MiB."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest training users of each row, nearest first: users int64 [B, k], distances float32 [B, k]."""

    users: NDArray[np.int64]
    distances: NDArray[np.float32]

    def first(self, k: int) -> Nearest:
        return Nearest(self.users[:, :k], self.distances[:, :k])


class UserSpace:
    """The training users as points: float32 [n_users, n_latent], encoded once; the model is put into eval mode."""

    def __init__(self, model: LatentModel, train: sparse.csr_matrix) -> None:
        self.model, self.train = model.eval(), train
        self.points = np.concatenate([self.encoded(train[i : i + BATCH]) for i in range(0, train.shape[0], BATCH)])
        self._squares = np.square(self.points).sum(axis=1)

    def encoded(self, histories: sparse.csr_matrix) -> NDArray[np.float32]:
        """mu float32 [B, n_latent] of histories [B, n_items], without a condition."""
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            mu = self.model.trained(self.model.encode(sparse_rows(histories).to(device)).mu)  # distances as trained
        points: NDArray[np.float32] = mu.float().cpu().numpy()
        return points

    def nearest(self, histories: sparse.csr_matrix, k: int) -> Nearest:
        """The min(k, n_users) nearest users of each history, of equally near ones the first; B * n_users * n_latent
        products, _BLOCK numbers of them at a time."""
        at = self.encoded(histories)
        n_users, size = len(self.points), max(1, _BLOCK // max(len(at), 1))
        users = np.empty((len(at), 0), dtype=np.int64)
        closeness = np.empty((len(at), 0), dtype=np.float32)  # |a|^2 - distance^2: what ranks, in one product
        for start in range(0, n_users, size):
            part = slice(start, start + size)
            users = np.hstack([users, np.broadcast_to(np.arange(n_users)[part], (len(at), len(self.points[part])))])
            closeness = np.hstack([closeness, 2.0 * at @ self.points[part].T - self._squares[part]])
            best = ranking.top_items(closeness, k)
            users, closeness = np.take_along_axis(users, best, axis=1), np.take_along_axis(closeness, best, axis=1)
        return Nearest(users, np.sqrt(np.maximum(np.square(at).sum(axis=1, keepdims=True) - closeness, 0.0)))

    def votes(self, nearest: Nearest, vote: Vote) -> Scores:
        """Sum of the neighbours' votes for each item: float32 [B, n_items]."""
        weights = np.ones_like(nearest.distances) if vote == "count" else 1.0 / (1.0 + nearest.distances)
        n_rows, k = nearest.users.shape
        shape = (n_rows, self.train.shape[0])
        voters = sparse.csr_matrix((weights.ravel(), nearest.users.ravel(), np.arange(n_rows + 1) * k), shape=shape)
        return np.asarray((voters @ self.train).toarray(), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Everybody gets what the k nearest training users have; ties go to the lower item index, as everywhere."""

    space: UserSpace
    k: int
    vote: Vote

    def score(self, fold_in: sparse.csr_matrix) -> Scores:
        """See Scorer.score."""
        return self.space.votes(self.space.nearest(fold_in, self.k), self.vote)


def fit_neighbours(model: LatentModel, split: Split) -> Baseline:
    """The number of neighbours and the vote with the best ndcg@100 on the validation users; the first of equals."""
    space = UserSpace(model, split.train)
    validation = measurable(split.validation, what="validation")
    numbers = sorted({min(k, split.train.shape[0]) for k in NUMBERS})
    found: dict[tuple[int, Vote], float] = {(k, vote): 0.0 for k in numbers for vote in VOTES}
    size = users_at_once(split.train.shape[1])
    for start in range(0, len(validation.users), size):  # the neighbours are looked up once for all that is tried
        fold_in, target = validation.fold_in[start : start + size], validation.target[start : start + size]
        nearest = space.nearest(fold_in, numbers[-1])
        for k, vote in found:
            found[k, vote] += float(ndcg_of(space.votes(nearest.first(k), vote), fold_in, target).sum())
    k, vote = max(found, key=lambda tried: found[tried])
    return Baseline(Neighbours(space, k, vote), {"k": float(k), "vote": vote})
