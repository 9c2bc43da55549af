"""Small data sets for the tests of this package, made in memory."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from training.data.dataset import INTERACTION_SCHEMA, Dataset, ItemColumn


def make_dataset(
    rows: Sequence[tuple[str, str, float | None]],
    *,
    items: pl.DataFrame | None = None,
    columns: tuple[ItemColumn, ...] = (),
    threshold: float | None = None,
) -> Dataset:
    """A data set of (user, item, rating) rows; `items` needs item_id and title."""
    schema = {name: INTERACTION_SCHEMA[name] for name in ("user_id", "item_id", "rating")}
    table = pl.DataFrame(rows, schema=schema, orient="row").with_columns(timestamp=pl.lit(None, dtype=pl.Int64))
    if items is None:
        items = pl.DataFrame(schema={"item_id": pl.String, "title": pl.String})
    return Dataset("test", "test", table, items, columns, threshold, n_read=len(table), rejects=())


def everyone_likes(n_users: int, n_items: int, *, rating: float | None = None) -> list[tuple[str, str, float | None]]:
    """Each of n_users has all n_items, in an order of its own; n_items is no multiple of 7."""
    return [(str(u), str((i * 7 + u) % n_items), rating) for u in range(n_users) for i in range(n_items)]
