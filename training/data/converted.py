"""Our own form of a data set, read back: interactions.parquet, items.parquet and dataset.json (written last)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import polars as pl
from polars.exceptions import PolarsError

from bundle.catalogue import Kind
from training.data.dataset import INTERACTION_SCHEMA, Dataset, ItemColumn, Reject
from training.data.parquet import slices
from training.errors import DataError

Schema = Mapping[str, pl.DataType | type[pl.DataType]]
DATASET_FILE: Final = "dataset.json"
INTERACTIONS_FILE: Final = "interactions.parquet"
ITEMS_FILE: Final = "items.parquet"
FORMAT_VERSION: Final = 1

_AGAIN = "convert the data set again with `prismrec data convert`"
_FILE_SCHEMA = {**INTERACTION_SCHEMA, "user_id": pl.String, "item_id": pl.String}
_DTYPES: dict[Kind, pl.DataType] = {
    "categorical": pl.String(),
    "multilabel": pl.List(pl.String()),
    "numeric": pl.Float64(),
}


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """dataset.json: all of a Dataset but its tables, and their lengths to tell a torn folder by."""

    format_version: int
    name: str
    source: str
    threshold: float | None
    columns: tuple[ItemColumn, ...]
    n_interactions: int
    n_items: int
    n_read: int
    rejects: tuple[Reject, ...]
    n_items_read: int
    item_rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


def read_converted(folder: Path) -> Dataset:
    """Read what `write_dataset` wrote. Raises DataError when a part is missing, damaged or of another length."""
    try:
        header = msgspec.json.decode((folder / DATASET_FILE).read_bytes(), type=Header)
    except (msgspec.DecodeError, OSError) as error:
        raise DataError(f"{folder / DATASET_FILE} cannot be read: {error}", hint=_AGAIN) from error
    if header.format_version != FORMAT_VERSION:
        raise DataError(
            f"{DATASET_FILE}: format {header.format_version}, this release reads {FORMAT_VERSION}", hint=_AGAIN
        )
    item_schema: dict[str, pl.DataType] = {"item_id": pl.String(), "title": pl.String()} | {
        c.field: _DTYPES[c.kind] for c in header.columns
    }
    interactions = _table(folder / INTERACTIONS_FILE, _FILE_SCHEMA, header.n_interactions, into=INTERACTION_SCHEMA)
    items = _table(folder / ITEMS_FILE, item_schema, header.n_items)
    return Dataset(
        name=header.name,
        source=header.source,
        interactions=interactions,
        items=items,
        columns=header.columns,
        threshold=header.threshold,
        n_read=header.n_read,
        rejects=header.rejects,
        n_items_read=header.n_items_read,
        item_rejects=header.item_rejects,
        notes=header.notes,
    )


def _table(path: Path, schema: Schema, n_rows: int, *, into: Schema | None = None) -> pl.DataFrame:
    """The rows of a file with the columns of `schema`, cast to those of `into` some at a time."""
    try:
        found, parts = pl.Schema(pl.read_parquet_schema(path)), []
        if found == pl.Schema(schema):
            parts = [part.cast(dict(into or schema)) for part in slices(path)]
    except (PolarsError, OSError, DataError) as error:
        raise DataError(f"{path} is missing or damaged", hint=_AGAIN) from error
    if found != pl.Schema(schema):
        raise DataError(f"{path.name}: columns {found}; expected {pl.Schema(schema)}", hint=_AGAIN)
    table = pl.concat(parts) if parts else pl.DataFrame(schema=into or schema)
    if len(table) != n_rows:
        raise DataError(f"{path.name} has {len(table):,} rows; {DATASET_FILE} says {n_rows:,}", hint=_AGAIN)
    return table
