"""A data set as it was read: checked tables, nothing filtered yet."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from bundle.catalogue import Kind


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

    interactions  columns user_id: str, item_id: str, rating: f32 (null = none), timestamp: i64 (null = none); file order
    items         item_id: str, title: str (may be null) and the attribute columns; a multi-label column is list[str]
    columns       which item columns are attributes
    threshold     the rating from which an interaction counts as liked, by default; None = every row counts
    n_read        interaction lines read, rejected ones included
    """

    name: str
    source: str
    interactions: pl.DataFrame
    items: pl.DataFrame
    columns: tuple[ItemColumn, ...]
    threshold: float | None
    n_read: int
    rejects: tuple[Reject, ...]
