"""The permutation null: what the same change of lists would show if attributes had nothing to do with items.

Under the null hypothesis the items' attribute rows are exchangeable given the model, so shuffling them (among the items
whose value is known, each attribute on its own) gives draws of every statistic from its null distribution: the p-values
are exact, whatever the upward bias of a mean Jensen-Shannon divergence or of an information gain read off short lists.
One set of shuffles serves all factors and halves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from training.decode.attribute_table import AttributeTable, Column
from training.decode.information_gain import Floats
from training.decode.lists import TopLists

_CHUNK_FLOATS = 8_000_000  # a chunk of shuffled tables stays within 32 MB
_PIECE_FLOATS = 2_000_000  # of which the lists read 8 MB at a time: a core's cache holds no more
_TINY = 1e-12  # inside the logarithm only, so that 0 log 0 = 0
_ROUNDING = 1e-6  # float32: a shuffle that ties with the data counts against it


@dataclass(frozen=True, slots=True)
class Null:
    """p-values and null means of the two statistics, each [n_cells, n_attributes]; a cell is one half of one factor.

    js_p    of mean_u JS(p_a(.|z'_u), p_a(.|z_u)), one-sided; js_mean its mean under the null (its bias)
    ig_p    of mean_s IG_a(z_s), one-sided
    """

    js_p: NDArray[np.float64]
    js_mean: NDArray[np.float64]
    ig_p: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Shuffled:
    """Some shuffles: shares float32 [n_pool, n_columns, n_shuffles], prior [n_columns, n_shuffles].

    The shuffles come last: whatever is added up over values or items is added up for all of them in one go.
    """

    shares: NDArray[np.float32]
    prior: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Bags:
    """Lists over the pool: places int64 [n, k] of their items in it, weights float32 [n, k]."""

    places: Tensor
    weights: Tensor

    def read(self, shuffled: _Shuffled, columns: Sequence[Column]) -> Floats:
        """p_a(v|z) float32 [n, n_columns, n_shuffles]; one pass over the lists' items for all shuffles."""
        n_pool, n_columns, n = shuffled.shares.shape
        rows = torch.from_numpy(shuffled.shares.reshape(n_pool, n_columns * n))
        mass = embedding_bag(self.places, rows, mode="sum", per_sample_weights=self.weights)
        shares: Floats = mass.numpy().reshape(-1, n_columns, n)
        for column in columns:
            block = shares[:, column.span]
            total = block.sum(axis=1, keepdims=True)
            if (total > 0).all():
                block /= total
            else:  # lists without a known item read as the prior
                np.divide(block, total, out=block, where=total > 0)
                np.copyto(block, shuffled.prior[column.span], where=total <= 0)
        return shares


def permutation_null(
    table: AttributeTable,
    before: TopLists,
    cells: Sequence[tuple[TopLists, TopLists]],
    *,
    permutations: int,
    rng: np.random.Generator,
    threads: int = 1,
) -> Null:
    """Test every cell (lists after the move, lists sampled from the half) against shuffled attributes.

    before: the users' own lists. p = (1 + shuffles at least as extreme) / (1 + shuffles). Costs, per cell,
    permutations * n_lists * k * n_columns multiply-adds; only items that some list holds are shuffled into place.
    """
    shape = (len(cells), len(table.columns))
    if not all(shape):
        return Null(np.ones(shape), np.zeros(shape), np.ones(shape))
    pool = np.unique(np.concatenate([before.items.ravel(), *(lists.items.ravel() for pair in cells for lists in pair)]))
    base = _on_pool(before, pool)
    pairs = [(_on_pool(after, pool), _on_pool(sampled, pool)) for after, sampled in cells]
    js_hits, ig_hits, js_sum = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    with _one_thread_each(), ThreadPoolExecutor(max(1, threads)) as workers:
        observed = _statistics(_identity(table, pool), table, base, pairs, workers)[..., 0]
        for shuffled in _pieces(table, pool, permutations, rng):
            drawn = _statistics(shuffled, table, base, pairs, workers)
            js_hits += (drawn[0] >= observed[0][..., None] - _ROUNDING).sum(axis=-1)
            ig_hits += (drawn[1] >= observed[1][..., None] - _ROUNDING).sum(axis=-1)
            js_sum += drawn[0].sum(axis=-1)
    return Null((js_hits + 1) / (permutations + 1), js_sum / permutations, (ig_hits + 1) / (permutations + 1))


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """q-values of all p-values of any shape: rejecting q <= level keeps the false discovery rate at level."""
    flat = p_values.ravel()
    order = np.argsort(flat)[::-1]
    ranks = np.arange(flat.size, 0, -1)
    q_values = np.empty_like(flat)
    q_values[order] = np.minimum.accumulate(np.minimum(flat[order] * flat.size / ranks, 1.0))
    return q_values.reshape(p_values.shape)


def _on_pool(lists: TopLists, pool: NDArray[np.int64]) -> _Bags:
    places = np.searchsorted(pool, lists.items)
    return _Bags(torch.from_numpy(places), torch.from_numpy(np.ascontiguousarray(lists.weights)))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """The cells are shared out over threads: torch's own would get in their way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _identity(table: AttributeTable, pool: NDArray[np.int64]) -> _Shuffled:
    return _Shuffled(table.shares[pool][..., None], table.prior()[:, None])


def _pieces(
    table: AttributeTable, pool: NDArray[np.int64], permutations: int, rng: np.random.Generator
) -> Iterator[_Shuffled]:
    """The shuffles, drawn a chunk at a time and handed out in pieces that the lists read quickly."""
    n_floats = max(1, len(pool) * table.n_columns)
    size, of_a_piece = (max(1, floats // n_floats) for floats in (_CHUNK_FLOATS, _PIECE_FLOATS))
    for start in range(0, permutations, size):
        shares, prior = _shuffle(table, pool, min(size, permutations - start), rng)
        for at in range(0, len(prior), of_a_piece):
            piece = slice(at, at + of_a_piece)
            yield _Shuffled(np.ascontiguousarray(shares[:, piece].transpose(0, 2, 1)), prior[piece].T)


def _shuffle(
    table: AttributeTable, pool: NDArray[np.int64], n: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """shares [n_pool, n, n_columns] and prior [n, n_columns] of n shuffles."""
    shares = np.empty((len(pool), n, table.n_columns), np.float32)
    prior = np.empty((n, table.n_columns), np.float32)
    source = np.empty(len(table.popularity), np.int64)
    for column in table.columns:
        block = table.shares[:, column.span]
        source[:] = np.arange(len(source))
        for i in range(n):
            source[column.known] = rng.permutation(column.known)
            shares[:, i, column.span] = block[source[pool]]
            prior[i, column.span] = table.popularity @ block[source]
    return shares, np.asarray(table.normalised(prior, table.prior()))


def _statistics(
    shuffled: _Shuffled,
    table: AttributeTable,
    base: _Bags,
    pairs: Sequence[tuple[_Bags, _Bags]],
    workers: ThreadPoolExecutor,
) -> NDArray[np.float64]:
    """[2, n_cells, n_attributes, n_shuffles]: mean JS of the moved users, mean IG of the samples."""
    columns = table.columns
    before = base.read(shuffled, columns)
    before_entropy = _entropies(before, columns)
    prior_entropy = _entropies(shuffled.prior[None], columns)[:, 0]
    scale = np.log2([len(c.values) for c in columns])[:, None]

    def cell(pair: tuple[_Bags, _Bags]) -> NDArray[np.float64]:
        after, sampled = pair[0].read(shuffled, columns), pair[1].read(shuffled, columns)
        after_entropy = _entropies(after, columns)
        after += before
        after *= np.float32(0.5)
        js = _entropies(after, columns) - (before_entropy + after_entropy) * np.float32(0.5)
        ig = (prior_entropy - _entropies(sampled, columns).mean(axis=1)) / scale
        return np.stack([js.mean(axis=1, dtype=np.float64), ig])

    return np.stack(list(workers.map(cell, pairs)), axis=1)


def _entropies(shares: Floats, columns: Sequence[Column]) -> Floats:
    """Entropy in bits of each attribute's shares [n, n_columns, n_shuffles] -> [n_attributes, n, n_shuffles]."""
    terms = np.maximum(shares, shares.dtype.type(_TINY))
    np.log2(terms, out=terms)
    terms *= shares
    return -np.stack([terms[:, column.span].sum(axis=1) for column in columns])
