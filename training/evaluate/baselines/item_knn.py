"""Neighbours of items, a baseline: what people who have your items also have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.data.split import HeldOut, Split
from training.errors import ConfigError
from training.evaluate.baselines.baseline import Baseline
from training.evaluate.measure import measurable, measure
from training.evaluate.ranking import top_items
from training.evaluate.scorer import Scores

NEIGHBOURS = (50, 100, 200)
SHRINKAGES = (0.0, 20.0, 100.0)
BM25_K1 = (1.2, 5.0)
BM25_B = (0.25, 0.5, 0.75)
MAX_PRODUCTS = 2e10
"""Multiplications of one item-to-item product; a core does about 2e8 in a second, and the search makes nine."""
_BLOCK = 1 << 24
"""Similarities held at a time: 64 MiB."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """How to compare items: inner products of `rows` [n_items, n_users], divided by the product of the norms + shrink.

    norms [n_items]; None = the inner products as they are. settings: what the table says of it.
    """

    settings: dict[str, float | str]
    rows: sparse.csr_matrix
    norms: NDArray[np.float32] | None = None
    shrink: float = 0.0

    def block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Similarities [stop - start, n_items] of some items to all; -inf to themselves."""
        block: NDArray[np.float32] = (self.rows[start:stop] @ self.rows.T).toarray().astype(np.float32)
        if self.norms is not None:
            block /= np.maximum(self.norms[start:stop, None] * self.norms[None, :] + self.shrink, 1e-9)
        block[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        return block


class ItemKnn:
    """Score of an item = the sum of its similarities to those of its nearest neighbours that the history holds.

    Every candidate has its own neighbours: that ranks better than to let each item of the history vote for its own.
    """

    def __init__(self, nearest: sparse.csr_matrix) -> None:
        """nearest [n_items, n_items]: row j holds the similarities of the neighbours of j."""
        self.voters = nearest.T.tocsr()

    def score(self, fold_in: sparse.csr_matrix) -> Scores:
        """See Scorer.score."""
        return np.asarray((fold_in @ self.voters).toarray(), dtype=np.float32)


def cosine(train: sparse.csr_matrix, shrink: float) -> Similarity:
    """Cosine of the columns of train [n_users, n_items], shrunk towards 0 for items that few people have."""
    norms = np.sqrt(np.asarray(train.sum(axis=0), dtype=np.float32).ravel())
    return Similarity({"weighting": "cosine", "shrink": shrink}, train.T.tocsr(), norms, shrink)


def bm25(train: sparse.csr_matrix, k1: float, b: float) -> Similarity:
    """Robertson & Walker's BM25 (TREC-3, 1994), an item being a document and its users the words.

    Users with many items count less (idf), and so do items with many users (b, the length's normalisation).
    """
    rows = train.T.tocsr().astype(np.float32)
    n_items = rows.shape[0]
    lengths = np.diff(rows.indptr)
    idf = np.log(n_items / (1.0 + np.asarray(train.sum(axis=1)).ravel()))
    saturation = (k1 + 1.0) / (1.0 + k1 * (1.0 - b + b * lengths / max(lengths.mean(), 1e-9)))
    rows = sparse.diags(saturation.astype(np.float32)) @ rows @ sparse.diags(np.maximum(idf, 0.0).astype(np.float32))
    return Similarity({"weighting": "bm25", "k1": k1, "b": b}, sparse.csr_matrix(rows))


def neighbours(similarity: Similarity, n: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The n most similar items of each, best first: indices and similarities [n_items, min(n, n_items)].

    O(MAX_PRODUCTS) at most; _BLOCK similarities in memory at a time.
    """
    n_items = similarity.rows.shape[0]
    size = max(1, _BLOCK // n_items)
    indices, values = [], []
    for start in range(0, n_items, size):
        block = similarity.block(start, min(start + size, n_items))
        best = np.maximum(top_items(block, n), 0)
        indices.append(best)
        values.append(np.maximum(np.take_along_axis(block, best, axis=1), 0.0))  # what is no neighbour weighs nothing
    return np.concatenate(indices), np.concatenate(values)


def fit_item_knn(split: Split) -> Baseline:
    """The weighting, its settings and the number of neighbours with the best ndcg@100 on the validation users.

    Tries cosine with SHRINKAGES and BM25 with BM25_K1 x BM25_B, each with NEIGHBOURS. ConfigError if too large.
    """
    _check_size(split.train)
    validation = measurable(split.validation, what="validation")
    best: tuple[float, Baseline] | None = None
    for similarity in _similarities(split.train):
        for found, baseline in _tried(similarity, validation):
            if best is None or found > best[0]:
                best = (found, baseline)
    assert best is not None
    return best[1]


def _similarities(train: sparse.csr_matrix) -> Iterator[Similarity]:
    for shrink in SHRINKAGES:
        yield cosine(train, shrink)
    for k1 in BM25_K1:
        for b in BM25_B:
            yield bm25(train, k1, b)


def _tried(similarity: Similarity, validation: HeldOut) -> Iterator[tuple[float, Baseline]]:
    n_items = similarity.rows.shape[0]
    indices, values = neighbours(similarity, max(NEIGHBOURS))
    for n in NEIGHBOURS:
        kept = indices[:, :n]
        indptr = np.arange(n_items + 1) * kept.shape[1]
        nearest = sparse.csr_matrix((values[:, :n].ravel(), kept.ravel(), indptr), shape=(n_items, n_items))
        nearest.eliminate_zeros()
        scorer = ItemKnn(nearest)
        found = float(measure(scorer, validation).values["ndcg@100"].mean())
        yield found, Baseline(scorer, {**similarity.settings, "neighbours": float(n)})


def _check_size(train: sparse.csr_matrix) -> None:
    products = float((np.diff(train.indptr).astype(np.float64) ** 2).sum())
    if products > MAX_PRODUCTS:
        raise ConfigError(
            f"item-knn multiplies every two items of every user: {products:.1e} products here, "
            f"the limit is {MAX_PRODUCTS:.0e}",
            hint="leave item-knn out of --baselines",
        )
