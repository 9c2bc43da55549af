"""The items of a split with their attributes, as the models, the decoder and the bundle need them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bundle.catalogue import Attribute, Catalogue
from training.data.binning import Bins, bin_numbers
from training.data.dataset import Dataset, ItemColumn
from training.data.split import Split

log = logging.getLogger(__name__)

MAX_VALUES = 1000  # more is free text, not an attribute
RATING = ItemColumn("rating", "rating", "numeric")


def build_catalogue(dataset: Dataset, split: Split) -> Catalogue:
    """The catalogue aligned with split.item_ids; an item without a row in the item table has no title or attribute.

    Numeric attributes are binned (see binning.py). `rating`, unless the item table has one, is the item's mean rating
    over the training users. Popularity is the share of the training interactions. An attribute without at least two
    values, or with more than MAX_VALUES, is left out, and the log says so. Value order: alphabetical, bins ascending.
    """
    order = pl.DataFrame({"item_id": split.item_ids}, schema={"item_id": pl.String})
    items = order.join(dataset.items, on="item_id", how="left", maintain_order="left")
    columns = dataset.columns
    if all(c.name != RATING.name for c in columns) and "rating" not in items.columns:
        items = items.join(_mean_ratings(dataset, split), on="item_id", how="left", maintain_order="left")
        columns = (*columns, RATING)
    attributes = [_attribute(items, column) for column in columns]
    counts = np.asarray(split.train.sum(axis=0), dtype=np.float64).ravel()
    catalogue = Catalogue(
        ids=split.item_ids,
        titles=tuple(items["title"].to_list()),
        popularity=tuple((counts / counts.sum()).tolist()),
        attributes=tuple(a for a in attributes if a is not None and _worth(a)),
    )
    catalogue.check()
    return catalogue


def _mean_ratings(dataset: Dataset, split: Split) -> pl.DataFrame:
    """item_id, rating: the mean over all rated interactions of training users, liked or not; nobody else's count."""
    users = pl.LazyFrame({"user_id": split.train_users}, schema={"user_id": pl.Categorical})
    table = dataset.interactions.lazy().cast({"user_id": pl.Categorical})
    rated = table.filter(pl.col("rating").is_not_null()).join(users, on="user_id", how="semi")
    means = rated.group_by("item_id").agg(pl.col("rating").cast(pl.Float64).mean().round(4))
    return means.collect(engine="streaming").cast({"item_id": pl.String})


def _attribute(items: pl.DataFrame, column: ItemColumn) -> Attribute | None:
    cells = items[column.field]
    if cells.null_count() == len(cells):
        log.warning("attribute %s is left out: no item of the split has a value", column.name)
        return None
    if column.kind == "numeric":
        return _numeric(cells, column)
    named = [_listed(cell) for cell in cells.to_list()]
    values = tuple(sorted({value for row in named for value in row}))
    number = {value: ix for ix, value in enumerate(values)}
    rows = tuple(tuple(sorted(number[value] for value in row)) for row in named)
    return Attribute(name=column.name, field=column.field, kind=column.kind, values=values, rows=rows)


def _listed(cell: str | list[str] | None) -> list[str]:
    if cell is None:
        return []
    return [cell] if isinstance(cell, str) else cell


def _numeric(cells: pl.Series, column: ItemColumn) -> Attribute:
    numbers: NDArray[np.float64] = cells.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    bins: Bins = bin_numbers(numbers, decades=column.name == "year")
    return Attribute(
        name=column.name,
        field=column.field,
        kind="numeric",
        values=bins.names,
        rows=tuple(() if b is None else (b,) for b in bins.rows),
        numbers=_plain(cells.to_list()),
    )


def _plain(numbers: Sequence[float | None]) -> tuple[float | None, ...]:
    return tuple(None if n is None else float(n) for n in numbers)


def _worth(attribute: Attribute) -> bool:
    n = len(attribute.values)
    if n < 2:
        log.warning("attribute %s is left out: every item has the same value", attribute.name)
    elif n > MAX_VALUES:
        log.warning("attribute %s is left out: %d values, at most %d can be told apart", attribute.name, n, MAX_VALUES)
    return 2 <= n <= MAX_VALUES
