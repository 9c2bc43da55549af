"""Which rows an epoch trains on: a user, and what the row asks of the list.

A user of a conditioned model appears once unconditioned and once for each value seen in the history (Carraro et al.
2020). Options: a few values drawn per epoch instead of all; every value asked for equally often; and rows that ask for
a pair of values, any or all of them.
Everything drawn is a function of (seed, epoch), so a resumed run meets the same rows in the same order. Several
processes draw the same and each takes its part of every batch: batches, steps and epochs are those of one process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from torch.utils.data import Sampler

from training.options import FitConfig
from training.world import ALONE, World

NOTHING = -1


@dataclass(frozen=True, slots=True)
class Entries:
    """n rows of training: user int64 [n] (a row of split.train) and values int64 [n, 2], -1 = none.

    every   bool [n]: whether an item must have all of the row's values, not just one of them
    weight  of their mean loss: 1, or as a part of a batch the part's rows over the mean part's. The mean over all
            parts of weight * (mean loss) is then the mean loss of the batch, and of the gradients likewise.
    """

    user: NDArray[np.int64]
    values: NDArray[np.int64]
    every: NDArray[np.bool_]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.user)

    def take(self, which: NDArray[np.int64]) -> Entries:
        return Entries(self.user[which], self.values[which], self.every[which])

    def part(self, rank: int, size: int) -> Entries:
        """Every `size`-th row from `rank` on. A part without rows is the first row at weight 0: no step is empty."""
        if size == 1:
            return self
        which = np.arange(rank, len(self), size)
        weight = len(which) * size / len(self)
        return replace(self.take(which if len(which) else np.zeros(1, dtype=np.int64)), weight=weight)

    @staticmethod
    def joined(parts: list[Entries]) -> Entries:
        return Entries(
            np.concatenate([part.user for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.every for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What can be asked of the training users.

    counts  CSR [n_users, n_values]: how many of the user's items have each value
    several CSR [n_users, n_items]: the user's items that have two values or more
    items   CSR [n_items, n_values]: which values an item has
    """

    counts: sparse.csr_matrix
    several: sparse.csr_matrix
    items: sparse.csr_matrix


def seen_values(train: sparse.csr_matrix, members: NDArray[np.bool_]) -> Seen:
    """train CSR [n_users, n_items], members [n_items, n_values]; costs a product and at most a copy of train."""
    items = sparse.csr_matrix(members, dtype=np.float32)
    rich = sparse.diags((members.sum(axis=1) >= 2).astype(np.float32), format="csr")
    several = sparse.csr_matrix(train @ rich)
    several.eliminate_zeros()
    return Seen(sparse.csr_matrix(train @ items), several, items)


def unconditioned(users: NDArray[np.int64]) -> Entries:
    return Entries(users, np.full((len(users), 2), NOTHING, dtype=np.int64), np.zeros(len(users), dtype=np.bool_))


def single(seen: sparse.csr_matrix, *, per_user: int | None, rng: np.random.Generator) -> Entries:
    """One row for each user and seen value, or for `per_user` values drawn without replacement from the seen ones.

    seen CSR [n_users, n_values], here and below.
    """
    user = np.repeat(np.arange(seen.shape[0], dtype=np.int64), np.diff(seen.indptr))
    value = seen.indices.astype(np.int64)
    if per_user is not None:
        order = np.lexsort((rng.random(len(user)), user))
        place = np.arange(len(user)) - np.repeat(seen.indptr[:-1], np.diff(seen.indptr))
        kept = np.sort(order[place < per_user])
        user, value = user[kept], value[kept]
    return _of_one_value(user, value)


def balanced(seen: sparse.csr_matrix, *, count: int, rng: np.random.Generator) -> Entries:
    """`count` rows in which every value that anybody has seen is asked about equally often, off by one at most.

    Who asks is drawn without replacement from those who have seen the value; when they are too few, all of them ask
    once before anybody asks again.
    """
    by_value = sparse.csr_matrix(seen.T)
    n_able = np.diff(by_value.indptr)
    values = rng.permutation(np.flatnonzero(n_able))
    users, asked = [], []
    for place, value in enumerate(values):
        n = count // len(values) + (place < count % len(values))
        able = by_value.indices[by_value.indptr[value] : by_value.indptr[value + 1]]
        rounds = [np.tile(able, n // len(able)), rng.permutation(able)[: n % len(able)]]
        users.append(np.concatenate(rounds).astype(np.int64))
        asked.append(np.full(n, value, dtype=np.int64))
    if not users:
        return unconditioned(np.empty(0, dtype=np.int64))
    return _of_one_value(np.concatenate(users), np.concatenate(asked))


def pairs(seen: sparse.csr_matrix, *, count: int, rng: np.random.Generator) -> Entries:
    """`count` rows asking for any of two values: a random user who has seen two or more, and two of those."""
    user, first, second = _two_of_each(seen, count, rng)
    values = np.column_stack([seen.indices[first], seen.indices[second]]).astype(np.int64)
    return Entries(user, values, np.zeros(len(user), dtype=np.bool_))


def pairs_of_items(seen: Seen, *, count: int, rng: np.random.Generator) -> Entries:
    """`count` rows asking for all of two values: a random user, one of the user's items with two values or more, and
    two of those. So there is always a target, and a pair is asked for the more the more it is taken."""
    n_items = np.diff(seen.several.indptr).astype(np.int64)
    able = np.flatnonzero(n_items)
    if count == 0 or len(able) == 0:
        return unconditioned(np.empty(0, dtype=np.int64))
    user = able[rng.integers(0, len(able), count)]
    item = seen.several.indices[seen.several.indptr[user] + rng.integers(0, n_items[user])]
    first, second = _two_of(seen.items, item, rng)
    values = np.column_stack([seen.items.indices[first], seen.items.indices[second]]).astype(np.int64)
    return Entries(user, values, np.ones(count, dtype=np.bool_))


def _of_one_value(user: NDArray[np.int64], value: NDArray[np.int64]) -> Entries:
    values = np.column_stack([value, np.full(len(value), NOTHING, dtype=np.int64)])
    return Entries(user, values, np.zeros(len(user), dtype=np.bool_))


def _two_of_each(
    rows: sparse.csr_matrix, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """`count` random rows with two entries or more, and the places of two different ones of each."""
    able = np.flatnonzero(np.diff(rows.indptr) >= 2).astype(np.int64)
    if count == 0 or len(able) == 0:
        nobody = np.empty(0, dtype=np.int64)
        return nobody, nobody, nobody
    row = able[rng.integers(0, len(able), count)]
    return row, *_two_of(rows, row, rng)


def _two_of(
    rows: sparse.csr_matrix, row: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places in rows.indices of two different entries of each row [n], each of which has two or more."""
    n = np.diff(rows.indptr).astype(np.int64)[row]
    first = rng.integers(0, n)
    second = (first + rng.integers(1, n)) % n
    return rows.indptr[row] + first, rows.indptr[row] + second


class EntrySampler(Sampler[Entries]):
    """Yields an epoch's batches; the trainer calls set_epoch before each. seen is None for an unconditioned model.

    world  of each batch the part of this process
    """

    def __init__(
        self,
        n_users: int,
        seen: Seen | None,
        *,
        config: FitConfig,
        seed: int,
        world: World = ALONE,
    ) -> None:
        self.n_users, self.seen, self.config, self.seed, self.world = n_users, seen, config, seed, world
        self.epoch = 0
        self.n_entries = len(self._draw(np.random.default_rng(0)))  # the same number in every epoch

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.n_entries / self.config.batch_size)

    def __iter__(self) -> Iterator[Entries]:
        rng = np.random.default_rng([self.seed, self.epoch])
        entries = self._draw(rng)
        order = rng.permutation(len(entries))
        for start in range(0, len(order), self.config.batch_size):
            batch = entries.take(order[start : start + self.config.batch_size])
            yield batch.part(self.world.rank, self.world.size)

    def _draw(self, rng: np.random.Generator) -> Entries:
        plain = unconditioned(np.arange(self.n_users, dtype=np.int64))
        if self.seen is None:
            return plain
        drawn = [plain, self._single(self.seen.counts, rng)]
        count, match = round(self.config.combined * self.n_users), self.config.combined_match
        n_all = {"any": 0, "all": count, "both": count // 2}[match]
        drawn.append(pairs(self.seen.counts, count=count - n_all, rng=rng))
        drawn.append(pairs_of_items(self.seen, count=n_all, rng=rng))
        return Entries.joined(drawn)

    def _single(self, counts: sparse.csr_matrix, rng: np.random.Generator) -> Entries:
        per_user = self.config.conditions_per_user
        if self.config.condition_sampling == "full":
            return single(counts, per_user=per_user, rng=rng)
        count = counts.nnz if per_user is None else per_user * self.n_users
        return balanced(counts, count=count, rng=rng)
