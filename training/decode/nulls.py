"""The permutation null: what the same change of lists would show if attributes had nothing to do with items.

Under the null hypothesis the items' attribute rows are exchangeable given the model, so shuffling them (among the items
whose value is known, each attribute on its own) gives draws of every statistic from its null distribution: the p-values
are exact, whatever the upward bias of a mean Jensen-Shannon divergence or of an information gain read off short lists.
One set of shuffles serves all factors and halves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.decode.attribute_table import AttributeTable
from training.decode.information_gain import entropy
from training.decode.lists import TopLists

_CHUNK_FLOATS = 8_000_000  # a chunk of shuffled tables stays within 32 MB
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
    """A chunk of shuffles: shares float32 [n_pool, n_shuffles * n_columns], prior [n_shuffles, n_columns]."""

    shares: NDArray[np.float32]
    prior: NDArray[np.float32]


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
    observed = _statistics(_identity(table, pool), table, base, pairs, threads)[:, :, 0]
    for shuffled in _chunks(table, pool, permutations, rng):
        drawn = _statistics(shuffled, table, base, pairs, threads)
        js_hits += (drawn[0] >= observed[0][:, None] - _ROUNDING).sum(axis=1)
        ig_hits += (drawn[1] >= observed[1][:, None] - _ROUNDING).sum(axis=1)
        js_sum += drawn[0].sum(axis=1)
    return Null((js_hits + 1) / (permutations + 1), js_sum / permutations, (ig_hits + 1) / (permutations + 1))


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """q-values of all p-values of any shape: rejecting q <= level keeps the false discovery rate at level."""
    flat = p_values.ravel()
    order = np.argsort(flat)[::-1]
    ranks = np.arange(flat.size, 0, -1)
    q_values = np.empty_like(flat)
    q_values[order] = np.minimum.accumulate(np.minimum(flat[order] * flat.size / ranks, 1.0))
    return q_values.reshape(p_values.shape)


def _on_pool(lists: TopLists, pool: NDArray[np.int64]) -> sparse.csr_matrix:
    """CSR [n, n_pool] of the lists' weights."""
    return TopLists(np.searchsorted(pool, lists.items), lists.weights, len(pool)).matrix


def _identity(table: AttributeTable, pool: NDArray[np.int64]) -> _Shuffled:
    return _Shuffled(table.shares[pool], table.prior()[None])


def _chunks(
    table: AttributeTable, pool: NDArray[np.int64], permutations: int, rng: np.random.Generator
) -> Iterator[_Shuffled]:
    size = max(1, min(permutations, _CHUNK_FLOATS // max(1, len(pool) * table.n_columns)))
    for start in range(0, permutations, size):
        yield _shuffle(table, pool, min(size, permutations - start), rng)


def _shuffle(table: AttributeTable, pool: NDArray[np.int64], n: int, rng: np.random.Generator) -> _Shuffled:
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
    return _Shuffled(shares.reshape(len(pool), -1), table.normalised(prior, table.prior()))


def _statistics(
    shuffled: _Shuffled,
    table: AttributeTable,
    base: sparse.csr_matrix,
    pairs: Sequence[tuple[sparse.csr_matrix, sparse.csr_matrix]],
    threads: int,
) -> NDArray[np.float64]:
    """[2, n_cells, n_shuffles, n_attributes]: mean JS of the moved users, mean IG of the samples."""
    n, prior = len(shuffled.prior), shuffled.prior

    def read(lists: sparse.csr_matrix) -> NDArray[np.float32]:
        return table.normalised((lists @ shuffled.shares).reshape(lists.shape[0], n, -1), prior)

    before = read(base)
    before_entropy = table.per_attribute(entropy, before)
    scale = np.log2([len(c.values) for c in table.columns])
    prior_entropy = table.per_attribute(entropy, prior)

    def cell(pair: tuple[sparse.csr_matrix, sparse.csr_matrix]) -> NDArray[np.float64]:
        after, sampled = read(pair[0]), read(pair[1])
        mixed = table.per_attribute(entropy, (before + after) * np.float32(0.5))
        js = mixed - (before_entropy + table.per_attribute(entropy, after)) * np.float32(0.5)
        ig = (prior_entropy - table.per_attribute(entropy, sampled).mean(axis=0)) / scale
        return np.stack([js.mean(axis=0, dtype=np.float64), ig])

    with ThreadPoolExecutor(max(1, threads)) as workers:
        return np.stack(list(workers.map(cell, pairs)), axis=1)
