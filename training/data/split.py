"""The strong-generalisation split: whole users are held out (Liang et al. 2018, arXiv 1802.05814)."""

from __future__ import annotations

import hashlib
import logging
import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from training.data.dataset import Dataset
from training.data.ids import ascending, codes
from training.data.protocol import Protocol
from training.data.repeats import pair_numbers, repeated
from training.errors import ConfigError, DataError

log = logging.getLogger(__name__)

MIN_TRAINING_USERS = 2
ROWS_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out users: external ids, fold_in and target CSR [n, n_items] float32 of ones, neither row ever empty."""

    users: tuple[str, ...]
    fold_in: sparse.csr_matrix
    target: sparse.csr_matrix


@dataclass(frozen=True, slots=True)
class Split:
    """A pure function of (data, protocol). item_ids are those of the training users, in ascending order.

    train        CSR [n_train_users, n_items] float32 of ones
    fingerprint  sha256 over item ids, the three parts' user counts and their CSR arrays
    """

    item_ids: tuple[str, ...]
    train_users: tuple[str, ...]
    train: sparse.csr_matrix
    validation: HeldOut
    test: HeldOut
    protocol: Protocol
    fingerprint: str


@dataclass(frozen=True, slots=True)
class _Positives:
    """The interactions that count, in file order: user, item int32 [n] codes into users, items (ascending ids)."""

    users: pl.Series
    items: pl.Series
    user: NDArray[np.int32]
    item: NDArray[np.int32]


def split_dataset(dataset: Dataset, protocol: Protocol) -> Split:
    """Hold out whole users as Liang et al. do, with NumPy's legacy generator, so that published splits come out.

    Users in ascending id order are permuted; the last n_heldout are the test, those before them the validation part.
    Items are those of the training users. A held-out user's items (in file order) are cut by a draw of
    floor(target_share * n) targets, users in ascending id order, the generator seeded anew for each part. The order in
    which users' rows are mixed in the file plays no part.
    Departures: at least one item is drawn as target, and held-out users left with fewer than two items (of the training
    items) are dropped with a log line, because nothing can be measured on them.
    Raises ConfigError for a protocol out of bounds, DataError when the data is not enough, naming what is needed.
    Costs O(n log n) in interactions, seconds for 100,000 users; 30 bytes for each beside the data set at the peak, of
    which 8 stay.
    """
    _check_protocol(protocol)
    positives = _positives(dataset, protocol)
    n_users = len(positives.users)
    n_heldout = _n_heldout(n_users, protocol)
    order = np.random.RandomState(protocol.seed).permutation(n_users)
    train_users = order[: n_users - 2 * n_heldout]
    in_train = _mask(train_users, n_users)[positives.user]
    kept = np.flatnonzero(_mask(positives.item[in_train], len(positives.items)))
    del in_train
    if len(kept) < 2:
        raise DataError(
            "the training users share a single item: there is nothing to rank",
            hint="give data with at least two items that people chose",
        )
    positives = _of_items(positives, kept)
    return assemble_split(
        item_ids=tuple(positives.items.to_list()),
        train_users=tuple(positives.users.gather(train_users).to_list()),
        train=_rows(positives, train_users),
        heldout=(
            _hold_out(positives, order[len(train_users) : n_users - n_heldout], protocol, "validation"),
            _hold_out(positives, order[n_users - n_heldout :], protocol, "test"),
        ),
        protocol=protocol,
    )


def assemble_split(
    *,
    item_ids: tuple[str, ...],
    train_users: tuple[str, ...],
    train: sparse.csr_matrix,
    heldout: tuple[HeldOut, HeldOut],
    protocol: Protocol,
) -> Split:
    """A Split with its fingerprint; heldout = (validation, test)."""
    validation, test = heldout
    digest = hashlib.sha256()
    for item in item_ids:
        digest.update(item.encode() + b"\n")  # ids have no control characters
    for part in (train, validation.fold_in, validation.target, test.fold_in, test.target):
        digest.update(np.asarray(part.shape, dtype="<i8").tobytes())
        for numbers in (part.indptr, part.indices):
            for start in range(0, len(numbers), ROWS_AT_ONCE):
                digest.update(numbers[start : start + ROWS_AT_ONCE].astype("<i8").tobytes())
    return Split(item_ids, train_users, train, validation, test, protocol, digest.hexdigest())


_PROTOCOL_TYPES: dict[str, tuple[type, ...]] = {
    "threshold": (float, int, type(None)),
    "min_items": (int,),
    "n_heldout": (int, type(None)),
    "target_share": (float,),
    "seed": (int,),
}


def _check_protocol(protocol: Protocol) -> None:
    for name, kinds in _PROTOCOL_TYPES.items():
        value = getattr(protocol, name)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise ConfigError(
                f"the split's {name} is of type {type(value).__name__}", hint=f"give {name} a plain number"
            )
    wrong = [
        (
            protocol.threshold is not None and not math.isfinite(protocol.threshold),
            "threshold",
            "a finite number or none",
        ),
        (protocol.min_items < 1, "min_items", "at least 1"),
        (protocol.n_heldout is not None and protocol.n_heldout < 1, "n_heldout", "at least 1"),
        (not 0.0 < protocol.target_share < 1.0, "target_share", "between 0 and 1"),
        (not 0 <= protocol.seed < 2**32, "seed", "from 0 to 4294967295"),
    ]
    for is_wrong, name, expected in wrong:
        if is_wrong:
            value = getattr(protocol, name)
            raise ConfigError(f"the split's {name} is {value}; expected {expected}", hint=f"set {name} accordingly")


def _positives(dataset: Dataset, protocol: Protocol) -> _Positives:
    """Liked interactions of the users with enough of them."""
    liked = dataset.interactions.select(pl.col("user_id", "item_id").cast(pl.Categorical), "rating")
    if protocol.threshold is not None:
        liked = _at_least(liked, protocol.threshold)
    if len(repeated(pair_numbers(liked))):  # a reader leaves none, a table made otherwise may have some
        liked = liked.unique(["user_id", "item_id"], keep="first", maintain_order=True)
    lengths = liked.lazy().group_by("user_id").len().collect(engine="streaming")
    active = lengths.filter(pl.col("len") >= protocol.min_items)
    if len(active) == 0:
        most = max(lengths["len"].to_list(), default=0)
        raise DataError(
            f"no user is left after filtering: none has {protocol.min_items} interactions that count (at most {most})",
            hint="lower the threshold or the least number of items a user must have, or give more data",
        )
    if len(active) < len(lengths):
        liked = liked.filter(pl.Series(codes(liked["user_id"], active["user_id"]) >= 0))
    users, items = ascending(active["user_id"]), ascending(liked["item_id"])
    return _Positives(users, items, codes(liked["user_id"], users), codes(liked["item_id"], items))


def _at_least(liked: pl.DataFrame, threshold: float) -> pl.DataFrame:
    if liked["rating"].null_count() == len(liked):
        raise DataError(
            f"the threshold is {threshold:g}, but no interaction has a rating",
            hint="without ratings every interaction counts: set the threshold to none",
        )
    kept = liked.filter(pl.col("rating") >= threshold)
    if len(kept) == 0:
        raise DataError(
            f"no user is left after filtering: no rating reaches the threshold {threshold:g}, "
            f"the highest is {max(liked['rating'].drop_nulls().to_list()):g}",
            hint="lower the threshold, or set it to none to count every interaction",
        )
    return kept


def _n_heldout(n_users: int, protocol: Protocol) -> int:
    n_heldout = max(1, n_users // 10) if protocol.n_heldout is None else protocol.n_heldout
    needed = 2 * n_heldout + MIN_TRAINING_USERS
    if n_users < needed:
        raise DataError(
            f"{n_users:,} user{'s are' if n_users != 1 else ' is'} left after filtering; holding out {n_heldout:,} for "
            f"validation and {n_heldout:,} for test needs at least {needed:,}",
            hint="hold out fewer users, lower the threshold or the least number of items, or give more data",
        )
    return n_heldout


def _hold_out(positives: _Positives, users: NDArray[np.int64], protocol: Protocol, part: str) -> HeldOut:
    """Cut the items of held-out users (codes, in the part's order) into fold-in and target."""
    mine = np.flatnonzero(_mask(users, len(positives.users))[positives.user])
    mine = mine[np.argsort(positives.user[mine], kind="stable")]  # ascending users, each in file order
    lengths = np.bincount(positives.user[mine], minlength=len(positives.users))
    rng = np.random.RandomState(protocol.seed)
    is_target = np.zeros(len(positives.user), dtype=np.bool_)
    start = 0
    for user in np.sort(users):
        n = int(lengths[user])
        if n >= 2:
            n_target = max(1, int(protocol.target_share * n))
            is_target[mine[start + rng.choice(n, n_target, replace=False)]] = True
        start += n
    usable = users[lengths[users] >= 2]
    if len(usable) < len(users):
        log.warning("%d of %d %s users have fewer than two items of the training users and are left out",
                    len(users) - len(usable), len(users), part)  # fmt: skip
    if len(usable) == 0:
        raise DataError(
            f"no {part} user has two items that the training users have too: nothing can be measured",
            hint="hold out more users, raise the least number of items a user must have, or give more data",
        )
    names = tuple(positives.users.gather(usable).to_list())
    return HeldOut(names, _rows(positives, usable, ~is_target), _rows(positives, usable, is_target))


def _of_items(positives: _Positives, kept: NDArray[np.int64]) -> _Positives:
    """Only the interactions with the items `kept` (codes), which are numbered anew."""
    column_of = np.full(len(positives.items), -1, dtype=np.int32)
    column_of[kept] = np.arange(len(kept), dtype=np.int32)
    column = column_of[positives.item]
    known = column >= 0
    if known.all():
        return positives
    return _Positives(positives.users, positives.items.gather(kept), positives.user[known], column[known])


def _mask(numbers: NDArray[np.integer], n: int) -> NDArray[np.bool_]:
    """[n]: which of 0..n-1 are among the numbers."""
    there = np.zeros(n, dtype=np.bool_)
    there[numbers] = True
    return there


def _rows(
    positives: _Positives, users: NDArray[np.int64], chosen: NDArray[np.bool_] | None = None
) -> sparse.csr_matrix:
    """CSR [len(users), n_items] of the (chosen) interactions, rows in the order of `users`, columns sorted.

    Made by sorting one number for each interaction: 16 bytes each at the peak.
    """
    row_of = np.full(len(positives.users), -1, dtype=np.int32)
    row_of[users] = np.arange(len(users), dtype=np.int32)
    rows = row_of[positives.user]
    take = rows >= 0
    if chosen is not None:
        take &= chosen
    n_items = len(positives.items)
    cell = np.multiply(rows[take], n_items, dtype=np.int64)
    del rows
    cell += positives.item[take]
    cell.sort()
    starts = np.searchsorted(cell, np.arange(len(users) + 1, dtype=np.int64) * n_items)
    cell %= n_items
    columns = cell.astype(np.int32)
    return sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), columns, starts), shape=(len(users), n_items))
