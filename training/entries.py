"""Which rows an epoch trains on: a user, and what the row asks of the list.

A user of a conditioned model appears once unconditioned and once for each value seen in the history (Carraro et al.
2020). Options: a few values drawn per epoch instead of all, and rows that ask for a pair of values (either will do).
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

    weight  of their mean loss: 1, or as a part of a batch the part's rows over the mean part's. The mean over all
            parts of weight * (mean loss) is then the mean loss of the batch, and of the gradients likewise.
    """

    user: NDArray[np.int64]
    values: NDArray[np.int64]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.user)

    def take(self, which: NDArray[np.int64]) -> Entries:
        return Entries(self.user[which], self.values[which])

    def part(self, rank: int, size: int) -> Entries:
        """Every `size`-th row from `rank` on. A part without rows is the first row at weight 0: no step is empty."""
        if size == 1:
            return self
        which = np.arange(rank, len(self), size)
        weight = len(which) * size / len(self)
        return replace(self.take(which if len(which) else np.zeros(1, dtype=np.int64)), weight=weight)


def seen_values(train: sparse.csr_matrix, members: NDArray[np.bool_]) -> sparse.csr_matrix:
    """CSR [n_users, n_values]: how many of the user's items have each value of members [n_items, n_values]."""
    return sparse.csr_matrix(train @ sparse.csr_matrix(members, dtype=np.float32))


def unconditioned(users: NDArray[np.int64]) -> Entries:
    return Entries(users, np.full((len(users), 2), NOTHING, dtype=np.int64))


def single(seen: sparse.csr_matrix, *, per_user: int | None, rng: np.random.Generator) -> Entries:
    """One row for each user and seen value, or for `per_user` values drawn without replacement from the seen ones."""
    user = np.repeat(np.arange(seen.shape[0], dtype=np.int64), np.diff(seen.indptr))
    value = seen.indices.astype(np.int64)
    if per_user is not None:
        order = np.lexsort((rng.random(len(user)), user))
        place = np.arange(len(user)) - np.repeat(seen.indptr[:-1], np.diff(seen.indptr))
        kept = np.sort(order[place < per_user])
        user, value = user[kept], value[kept]
    return Entries(user, np.column_stack([value, np.full(len(value), NOTHING, dtype=np.int64)]))


def pairs(seen: sparse.csr_matrix, *, count: int, rng: np.random.Generator) -> Entries:
    """`count` rows: a random user who has seen two values or more, and two of those values."""
    n_seen = np.diff(seen.indptr).astype(np.int64)
    able = np.flatnonzero(n_seen >= 2)
    if count == 0 or len(able) == 0:
        return unconditioned(np.empty(0, dtype=np.int64))
    user = able[rng.integers(0, len(able), count)]
    first = rng.integers(0, n_seen[user])
    second = (first + rng.integers(1, n_seen[user])) % n_seen[user]
    start = seen.indptr[user]
    return Entries(user, np.column_stack([seen.indices[start + first], seen.indices[start + second]]).astype(np.int64))


class EntrySampler(Sampler[Entries]):
    """Yields an epoch's batches; the trainer calls set_epoch before each. seen is None for an unconditioned model.

    world  of each batch the part of this process
    """

    def __init__(
        self,
        n_users: int,
        seen: sparse.csr_matrix | None,
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
        asked = single(self.seen, per_user=self.config.conditions_per_user, rng=rng)
        both = pairs(self.seen, count=round(self.config.combined * self.n_users), rng=rng)
        return Entries(
            np.concatenate([plain.user, asked.user, both.user]),
            np.concatenate([plain.values, asked.values, both.values]),
        )
