"""Matrix factorisation for implicit feedback by alternating least squares, a baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from training.data.split import HeldOut, Split
from training.errors import ConfigError
from training.evaluate.baselines.baseline import Baseline
from training.evaluate.measure import measurable, measure
from training.evaluate.scorer import Scores

UNOBSERVED = (0.1, 0.2, 0.4)
PENALTIES = (0.003, 0.006, 0.012)
DIMS = (64, 128, 256)
MAX_EPOCHS = 16
PATIENCE = 2
MAX_TERAFLOPS = 200.0
"""Of the largest fit; a laptop's cores do about 0.05 in a second."""
_BLOCK = 1 << 25
"""Numbers in the largest block of a half-step: 128 MiB."""


@dataclass(frozen=True, slots=True)
class AlsSettings:
    """What is chosen for ALS.

    dim         length of the factors
    unobserved  alpha_0: weight of every pair (user, item), beside weight 1 for the observed ones
    penalty     lambda: L2 penalty, multiplied by n_observed + unobserved * n_all of the row (exponent nu = 1)
    sd          of the initial factors, divided by sqrt(dim); seed: of them
    """

    dim: int
    unobserved: float
    penalty: float
    sd: float = 0.1
    seed: int = 0


class FoldIn:
    """Scores from item factors: a user, unseen in training, is folded in by the same least squares."""

    def __init__(self, items: Tensor, settings: AlsSettings) -> None:
        """items float32 [n_items, dim]."""
        self.items, self.settings = items, settings

    def score(self, fold_in: sparse.csr_matrix) -> Scores:
        """See Scorer.score."""
        scores: Scores = (solve(fold_in, self.items, self.settings) @ self.items.T).numpy()
        return scores


class Als:
    """iALS. Hu et al., ICDM 2008; by the recipe of Rendle et al., RecSys 2022 (arXiv 2110.14037).

    Minimises, over factors w [n_users, dim] and h [n_items, dim] with scores w h^T: the squared error from 1 of the
    observed pairs + unobserved * the squared scores of all pairs + the frequency-scaled L2 penalty.
    """

    def __init__(self, train: sparse.csr_matrix, settings: AlsSettings) -> None:
        """train [n_users, n_items] of ones. A pass costs nnz dim^2 + (n_users + n_items) dim^3 / 3 products."""
        self.settings = settings
        self._train, self._by_item = train.tocsr(), train.T.tocsr()
        generator = torch.Generator().manual_seed(settings.seed)
        self.items = torch.randn(train.shape[1], settings.dim, generator=generator) * settings.sd / settings.dim**0.5

    def step(self) -> None:
        """One pass: users given items, then items given users."""
        users = solve(self._train, self.items, self.settings)
        self.items = solve(self._by_item, users, self.settings)

    @property
    def scorer(self) -> FoldIn:
        """With the item factors as they are now."""
        return FoldIn(self.items, self.settings)


def solve(rows: sparse.csr_matrix, factors: Tensor, settings: AlsSettings) -> Tensor:
    """The factors [n_rows, dim] of `rows` [n_rows, n_columns] that minimise the loss, given those of the columns.

    Rows of like length are solved together, each by Cholesky. Memory: blocks of _BLOCK numbers.
    """
    n_columns, dim = factors.shape
    lengths = np.diff(rows.indptr)
    common = settings.unobserved * (factors.T @ factors)
    padded = torch.cat([factors, torch.zeros(1, dim)])  # the last row is what padding points to
    solved = torch.empty(rows.shape[0], dim)
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = lengths[order[start:]]
        # as many rows as fit: the block is as wide as its last row, which is its longest
        sizes = np.arange(1, len(longest) + 1) * np.maximum(longest, dim) * dim
        batch = order[start : start + max(1, int(np.searchsorted(sizes, _BLOCK)))]
        observed = padded[_padded_columns(rows, batch, n_columns)]
        penalties = settings.penalty * (torch.from_numpy(lengths[batch]) + settings.unobserved * n_columns)
        normal = torch.baddbmm(common, observed.mT, observed)
        normal.diagonal(dim1=1, dim2=2).add_(penalties.float()[:, None])
        factor = torch.linalg.cholesky(normal)
        solved[batch] = torch.cholesky_solve(observed.sum(dim=1)[:, :, None], factor)[:, :, 0]
        start += len(batch)
    return solved


def _padded_columns(rows: sparse.csr_matrix, batch: NDArray[np.int64], padding: int) -> Tensor:
    """int64 [len(batch), longest]: the columns of each row, filled up with `padding`."""
    begins, lengths = rows.indptr[batch], np.diff(rows.indptr)[batch]
    places = np.arange(max(int(lengths.max()), 1))[None, :]
    inside = places < lengths[:, None]
    columns = np.full(inside.shape, padding, dtype=np.int64)
    columns[inside] = rows.indices[(begins[:, None] + places)[inside]]
    return torch.from_numpy(columns)


def fit_als(split: Split, *, seed: int = 0) -> Baseline:
    """ALS with the settings of the best ndcg@100 on the validation users; seed: of the first factors. ConfigError if
    too large.

    The search, the same for all data: UNOBSERVED x PENALTIES at DIMS[0], then the best of these at the larger DIMS.
    Every fit stops at its best epoch, at most MAX_EPOCHS. Minutes at the size of MovieLens-1M.
    """
    _check_size(split.train)
    validation = measurable(split.validation, what="validation")
    grid = [AlsSettings(DIMS[0], a, penalty, seed=seed) for a in UNOBSERVED for penalty in PENALTIES]
    best = max((_best_epoch(split.train, validation, settings) for settings in grid), key=lambda tried: tried.ndcg)
    for dim in DIMS[1:]:
        larger = _best_epoch(split.train, validation, replace(best.settings, dim=dim))
        best = larger if larger.ndcg > best.ndcg else best
    chosen = best.settings
    described: dict[str, float | str] = {name: getattr(chosen, name) for name in ("dim", "unobserved", "penalty")}
    return Baseline(FoldIn(best.items, chosen), described | {"epochs": best.epochs})


@dataclass(frozen=True, slots=True)
class _Tried:
    """A fit at its best epoch: ndcg@100 on the validation users, epochs it took, item factors then."""

    settings: AlsSettings
    ndcg: float
    epochs: int
    items: Tensor


def _best_epoch(train: sparse.csr_matrix, validation: HeldOut, settings: AlsSettings) -> _Tried:
    als = Als(train, settings)
    best: _Tried | None = None
    for epoch in range(1, MAX_EPOCHS + 1):
        als.step()
        ndcg = float(measure(als.scorer, validation).values["ndcg@100"].mean())
        if best is None or ndcg > best.ndcg:
            best = _Tried(settings, ndcg, epoch, als.scorer.items)
        elif epoch >= best.epochs + PATIENCE:
            break
    assert best is not None
    return best


def _check_size(train: sparse.csr_matrix) -> None:
    """The search's cost at its largest dim, roughly: the half-steps' products and Cholesky's."""
    dim, n_rows = DIMS[-1], sum(train.shape)
    teraflops = MAX_EPOCHS * (4.0 * train.nnz * dim**2 + n_rows * dim**3 / 3) / 1e12
    if teraflops > MAX_TERAFLOPS:
        raise ConfigError(
            f"als solves a system of {dim} equations for every user and item: {teraflops:.0f} teraflops here, "
            f"hours of work; the limit is {MAX_TERAFLOPS:.0f}",
            hint="leave als out of --baselines",
        )
