"""A data set as it was read: checked tables, nothing filtered yet."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from bundle.catalogue import Kind

INTERACTION_SCHEMA = {"user_id": pl.Categorical, "item_id": pl.Categorical, "rating": pl.Float32, "timestamp": pl.Int64}
"""20 bytes a row: an id is a number of 4 bytes and its text is held once, however often it comes."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Lines left out for one reason: how many, and where the first few are ("ratings.csv:17")."""

    reason: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ItemColumn:
    """An attribute column of the item table: its name in the API ("genre"), its column ("genres") and its kind."""

    name: str
    field: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a folder or a pair of files held.

    interactions  columns user_id: cat, item_id: cat (text to whoever reads them), rating: f32 (null = none), timestamp:
                  i64 seconds since 1970 (null = none); file order; no (user, item) pair twice
    items         item_id: str, title: str (may be null) and the attribute columns: multi-label list[str], numeric f64,
                  categorical str; null = missing. Items without a row here are kept: they have no title or attribute.
    columns       which item columns are attributes
    threshold     the rating from which an interaction counts as liked, by default; None = every row counts
    n_read        interaction lines read, rejected ones included: n_read = interactions + sum of rejects
    n_items_read  item lines read: n_items_read = items + sum of item_rejects
    notes         what the reader assumed or noticed, in sentences
    """

    name: str
    source: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    columns: tuple[ItemColumn, ...]
    threshold: float | None
    n_read: int
    rejects: tuple[Reject, ...]
    n_items_read: int = 0
    item_rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()
