"""The most popular items, the baseline that anything must beat."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from training.data.split import Split
from training.evaluate.baselines.baseline import Baseline
from training.evaluate.scorer import Scores


class Popularity:
    """Everybody gets the items that most training users have."""

    def __init__(self, train: sparse.csr_matrix) -> None:
        self.counts: Scores = np.asarray(train.sum(axis=0), dtype=np.float32).ravel()

    def score(self, fold_in: sparse.csr_matrix) -> Scores:
        """See Scorer.score."""
        return np.broadcast_to(self.counts, fold_in.shape)


def fit_popularity(split: Split) -> Baseline:
    return Baseline(Popularity(split.train), {})
