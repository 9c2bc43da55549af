"""From entries to what a training step reads: sparse histories, conditions and sparse targets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.data.split import HeldOut
from training.entries import NOTHING, Entries, EntrySampler
from training.evaluate.measure import users_at_once
from training.models.base import SparseRows
from training.rows import sparse_rows
from training.world import ALONE, World


@dataclass(frozen=True, slots=True)
class Batch:
    """history: whole histories; target: their items that satisfy the row's condition, never empty in training;
    condition: float32 [B, n_conditions], None for an unconditioned model; weight: of the mean loss (see Entries)."""

    history: SparseRows
    target: SparseRows
    condition: Tensor | None
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.history)

    def to(self, device: torch.device) -> Batch:
        condition = None if self.condition is None else self.condition.to(device)
        return Batch(self.history.to(device), self.target.to(device), condition, self.weight)

    @property
    def n_counted(self) -> int:
        """Rows that count: none when one was only put in so that there is a step (Entries.part)."""
        return len(self) if self.weight else 0


class TrainingRows(Dataset[Batch]):
    """The training users' rows; members bool [n_items, n_values] of the condition attribute, or None."""

    def __init__(self, train: sparse.csr_matrix, members: NDArray[np.bool_] | None) -> None:
        self.train, self.members = train, members

    def __getitem__(self, entries: Entries) -> Batch:
        """Costs a copy of the entries' interactions."""
        rows = self.train[entries.user]
        history = sparse_rows(rows)
        if self.members is None:
            return Batch(history, history, None, entries.weight)
        row_of = np.repeat(np.arange(len(entries)), np.diff(rows.indptr))
        kept = self._satisfying(rows.indices, entries.values[row_of], every=entries.every[row_of])
        lengths = np.bincount(row_of[kept], minlength=len(entries))
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        target = SparseRows(torch.from_numpy(rows.indices[kept].astype(np.int64)), torch.from_numpy(offsets))
        condition = condition_rows(entries.values, self.members.shape[1], every=entries.every)
        return Batch(history, target, condition, entries.weight)

    def _satisfying(
        self, items: NDArray[np.int32], values: NDArray[np.int64], *, every: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Whether each item [n] has one (or, of those in `every`, all) of the values [n, 2] asked for beside it.

        Everything satisfies no value.
        """
        assert self.members is not None
        asked = values != NOTHING
        has = self.members[items[:, None], np.maximum(values, 0)]
        return np.where(every, (has | ~asked).all(axis=1), (has & asked).any(axis=1) | ~asked.any(axis=1))


def condition_rows(values: NDArray[np.int64], n_conditions: int, *, every: NDArray[np.bool_] | None = None) -> Tensor:
    """Condition vectors float32 [B, n_conditions] of values int64 [B, 2], -1 = none.

    1 for each value asked for; 1/n for each of n values in the rows of `every` [B], which ask for all of them.
    """
    condition = torch.zeros(len(values), n_conditions)
    asked = values != NOTHING
    row, place = np.nonzero(asked)
    shared = np.zeros(len(values), dtype=np.bool_) if every is None else every
    each = np.where(shared, 1.0 / np.maximum(asked.sum(axis=1), 1), 1.0).astype(np.float32)
    condition[torch.from_numpy(row), torch.from_numpy(values[row, place])] = torch.from_numpy(each[row])
    return condition


def training_loader(rows: TrainingRows, sampler: EntrySampler) -> DataLoader[Batch]:
    """Batches are made in this process: they cost far less than the step they feed."""
    return DataLoader(rows, sampler=sampler, batch_size=None, collate_fn=_as_is)


class HeldOutChunks(Dataset[HeldOut]):
    """Held-out users, `size` at a time."""

    def __init__(self, heldout: HeldOut, size: int) -> None:
        self.heldout, self.size = heldout, size

    def __len__(self) -> int:
        return math.ceil(len(self.heldout.users) / self.size)

    def __getitem__(self, index: int) -> HeldOut:
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = slice(index * self.size, (index + 1) * self.size)
        return HeldOut(self.heldout.users[part], self.heldout.fold_in[part], self.heldout.target[part])


def validation_loader(heldout: HeldOut, *, size: int | None = None, world: World = ALONE) -> DataLoader[HeldOut]:
    """Chunks of this process' held-out users in their order.

    At most `size` rows of scores exist at a time, users_at_once(n_items) by default.
    """
    size = size or users_at_once(heldout.fold_in.shape[1])
    if world.size > 1:
        mine = np.arange(world.rank, len(heldout.users), world.size)
        heldout = HeldOut(tuple(heldout.users[u] for u in mine), heldout.fold_in[mine], heldout.target[mine])
    return DataLoader(HeldOutChunks(heldout, size), batch_size=None, collate_fn=_as_is)


def _as_is(batch: Any) -> Any:
    return batch
