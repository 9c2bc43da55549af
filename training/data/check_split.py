"""Does a split that was read from a file belong to this data?"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy import sparse

from training.data.dataset import Dataset
from training.data.ids import codes
from training.data.repeats import pair_numbers
from training.data.split import Split
from training.errors import DataError

_EXAMPLES = 3


def check_split(split: Split, dataset: Dataset) -> None:
    """DataError unless every item, user and interaction of the split is in the data; it says what is not, and how many.

    Ratings are not looked at: a split may well count other ones than we would. O(n log n) in interactions, 35 bytes for
    each at the peak.
    """
    pairs = split_pairs(split)
    known = dataset.interactions.select(pl.col("user_id", "item_id").cast(pl.Categorical))
    for column, what in (("item_id", "items"), ("user_id", "users")):
        there = pairs.select(column).unique()
        is_missing = codes(there[column], known[column].unique()) < 0
        _refuse(there.filter(pl.Series(is_missing)), of=len(there), what=what)
    of_data = pair_numbers(known)
    of_data.sort()
    wanted = pair_numbers(pairs)
    nearest = np.minimum(np.searchsorted(of_data, wanted), len(of_data) - 1)
    _refuse(pairs.filter(pl.Series(of_data[nearest] != wanted)), of=len(pairs), what="interactions")


def split_pairs(split: Split) -> pl.DataFrame:
    """user_id, item_id of every interaction of the split, all parts together."""
    parts = [(split.train_users, split.train)]
    for heldout in (split.validation, split.test):
        parts += [(heldout.users, heldout.fold_in), (heldout.users, heldout.target)]
    items = pl.Series(split.item_ids, dtype=pl.String).cast(pl.Categorical)
    return pl.concat([_pairs(users, items, matrix) for users, matrix in parts])


def _pairs(users: tuple[str, ...], items: pl.Series, matrix: sparse.csr_matrix) -> pl.DataFrame:
    row_of = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return pl.DataFrame(
        {
            "user_id": pl.Series(users, dtype=pl.String).cast(pl.Categorical).gather(row_of),
            "item_id": items.gather(matrix.indices),
        }
    )


def _refuse(missing: pl.DataFrame, *, of: int, what: str) -> None:
    if len(missing) == 0:
        return
    shown = ", ".join("/".join(row) for row in missing.sort(missing.columns).head(_EXAMPLES).iter_rows())
    raise DataError(
        f"the split does not belong to this data: {len(missing)} of its {of} {what} are not there (e.g. {shown})",
        hint="name the data that the split was made from, or leave --split out to make a new one",
    )
