"""From interactions to what is scored: every user's items as the model knows them, in one block of numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.limits import LIMITS
from training.data.ids import ascending, codes

Ints = NDArray[np.int32]
NOBODY: Mapping[int, Ints] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Some users: of the u-th users[u], the items (indices of the catalogue) items[starts[u]:starts[u + 1]].

    number  of the chunk, from 0
    older   u -> items that the user has beside those, too long ago to be part of the history that is encoded
    """

    number: int
    users: tuple[str, ...]
    starts: NDArray[np.int64]
    items: Ints
    older: Mapping[int, Ints]

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """All users, ids ascending, as one Chunk has some of them.

    n_unknown    interactions with items that the bundle does not have: they are left out
    n_without    users of whom nothing is left: their list is the popular items, as the service answers it
    fingerprint  of users and items
    """

    users: pl.Series
    starts: NDArray[np.int64]
    items: Ints
    older: Mapping[int, Ints]
    n_unknown: int
    n_without: int
    fingerprint: str

    def __len__(self) -> int:
        return len(self.users)

    def chunks(self, size: int) -> int:
        """How many chunks of `size` users there are."""
        return -(-len(self) // size)

    def chunk(self, number: int, size: int) -> Chunk:
        first, stop = number * size, min((number + 1) * size, len(self))
        starts = self.starts[first : stop + 1]
        older = {u - first: self.older[u] for u in range(first, stop) if u in self.older} if self.older else NOBODY
        items = self.items[starts[0] : starts[-1]]
        return Chunk(number, tuple(self.users[first:stop].to_list()), starts - starts[0], items, older)

    def each(self, size: int, numbers: Sequence[int]) -> Iterator[Chunk]:
        """The chunks of these numbers, one at a time."""
        return (self.chunk(number, size) for number in numbers)


def histories_of(table: pl.DataFrame, item_ids: Sequence[str]) -> Histories:
    """The histories in a table (user_id, item_id, timestamp; file order) as items of a bundle's catalogue.

    Of a user with more interactions than the service stores (LIMITS.history) the newest are encoded, as there; the
    others are only kept from being listed. Costs a sort; about 30 bytes an interaction at the peak, of which 4 stay.
    """
    users = ascending(table["user_id"])
    user = codes(table["user_id"], users)
    item = codes(table["item_id"], pl.Series(item_ids, dtype=pl.String))
    known = item >= 0
    is_old = _beyond(table, user, len(users))
    older = {} if is_old is None else _by_user(user[known & is_old], item[known & is_old])
    cell = _cells(user, item, known if is_old is None else known & ~is_old)
    starts = np.searchsorted(cell, np.arange(len(users) + 1, dtype=np.int64) << 32)
    cell &= 0xFFFFFFFF
    items = cell.astype(np.int32)
    digest = hashlib.sha256(starts.astype("<i8").tobytes() + items.astype("<i4").tobytes())
    for name in users:
        digest.update(name.encode() + b"\n")
    for u, others in sorted(older.items()):
        digest.update(f"{u} {others.tolist()}\n".encode())
    n_without = int((np.diff(starts) == 0).sum())
    return Histories(users, starts, items, older, int((~known).sum()), n_without, digest.hexdigest()[:16])


def _cells(user: Ints, item: Ints, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """One number for each kept interaction, user above item, sorted."""
    cell = user[kept].astype(np.int64)
    cell <<= 32
    cell |= item[kept]
    cell.sort()
    return cell


def _beyond(table: pl.DataFrame, user: Ints, n_users: int) -> NDArray[np.bool_] | None:
    """[n]: which interactions are older than their user's newest LIMITS.history; None when nobody has more.

    As in the store: a later timestamp is newer, none is newest, equal ones go by the place in the file.
    """
    lengths = np.bincount(user, minlength=n_users)
    if not (lengths > LIMITS.history).any():
        return None
    place = np.flatnonzero(lengths[user] > LIMITS.history)
    at = table["timestamp"].gather(place).fill_null(np.iinfo(np.int64).max).to_numpy()
    order = np.lexsort((place, at, user[place]))
    ends = np.cumsum(lengths[lengths > LIMITS.history])
    of = np.repeat(ends, lengths[lengths > LIMITS.history])
    old = np.zeros(len(user), dtype=np.bool_)
    old[place[order[of - np.arange(len(place)) > LIMITS.history]]] = True
    return old


def _by_user(user: Ints, item: Ints) -> dict[int, Ints]:
    order = np.argsort(user, kind="stable")
    values, starts = np.unique(user[order], return_index=True)
    return dict(zip(values.tolist(), np.split(item[order], starts)[1:], strict=True))
