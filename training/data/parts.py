"""What a reader hands over: the two checked tables of a data set, before they are put together."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from training.data.dataset import ItemColumn, Reject


@dataclass(frozen=True, slots=True)
class Interactions:
    """The interaction table (Dataset.interactions) with what was read, rejected and noticed."""

    table: pl.DataFrame
    n_read: int
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """The item table (Dataset.items) with its attribute columns and what was read, rejected and noticed."""

    table: pl.DataFrame
    columns: tuple[ItemColumn, ...]
    n_read: int
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """Both tables (items may be absent), the name of the form they came in and its usual threshold."""

    source: str
    interactions: Interactions
    items: Items | None
    threshold: float | None
