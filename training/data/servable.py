"""Which users and items of a data set the service can be asked about: the others can be trained on, never served."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from bundle.ids import ITEM_ID_WORDS, MAX_ID_BYTES, USER_ID_WORDS, valid_item_id, valid_user_id
from training.data.dataset import Reject
from training.data.ids import ascending, codes

N_EXAMPLES = 3
USER_RULE = f"{USER_ID_WORDS}, at most {MAX_ID_BYTES} bytes"
ITEM_RULE = f"{ITEM_ID_WORDS}, at most {MAX_ID_BYTES} bytes"


@dataclass(frozen=True, slots=True)
class Servable:
    """What can be served of a table.

    table       the rows whose user and item can be
    left_out    users and items that cannot, with examples
    n_left_out  how many rows they had
    """

    table: pl.DataFrame
    left_out: tuple[Reject, ...]
    n_left_out: int


def unservable_users(table: pl.DataFrame) -> pl.Series:
    """The distinct user ids of an interaction table that no request can name, ascending."""
    return _refused(ascending(table["user_id"]), valid_user_id)


def unservable_items(table: pl.DataFrame) -> pl.Series:
    """The distinct item ids of an interaction table that no request can name, ascending."""
    return _refused(ascending(table["item_id"]), valid_item_id)


def servable(table: pl.DataFrame) -> Servable:
    """The interactions without those of users and items that no request can name. Costs a look at each distinct id."""
    left_out, n_rows = [], len(table)
    for column, what, rule, refused in (
        ("user_id", "users", USER_RULE, unservable_users(table)),
        ("item_id", "items", ITEM_RULE, unservable_items(table)),
    ):
        if len(refused):
            reason = f"{what} whose id the service does not take ({rule})"
            left_out.append(Reject(reason, len(refused), shown(refused.head(N_EXAMPLES))))
            table = table.filter(pl.Series(codes(table[column], refused) < 0))
    return Servable(table, tuple(left_out), n_rows - len(table))


def shown(ids: Iterable[str]) -> tuple[str, ...]:
    """Ids in quotes, so that a blank or a strange character can be seen."""
    return tuple(repr(text) for text in ids)


def _refused(ids: pl.Series, valid: Callable[[str], bool]) -> pl.Series:
    return ids.filter(pl.Series([not valid(text) for text in ids], dtype=pl.Boolean))
