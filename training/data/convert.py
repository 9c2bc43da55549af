"""Writing a data set in our own form, which is read back in seconds (see converted.py)."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import polars as pl

from training.data.converted import DATASET_FILE, FORMAT_VERSION, INTERACTIONS_FILE, ITEMS_FILE, Header
from training.data.dataset import Dataset
from training.errors import DataError


def write_dataset(dataset: Dataset, folder: Path, *, replace: bool = False) -> None:
    """Write interactions.parquet, items.parquet and, last, dataset.json; `read_dataset(folder)` gives the same back.

    A folder that holds anything is refused, unless `replace` is set and it holds a data set of this form: its header
    goes first, so that no reader takes half of each. Raises DataError.
    """
    prepare_folder(folder, replace=replace)
    (folder / DATASET_FILE).unlink(missing_ok=True)
    write_table(dataset.interactions.lazy().with_columns(pl.col("user_id", "item_id").cast(pl.String)),
                folder / INTERACTIONS_FILE)  # fmt: skip
    write_table(dataset.items.lazy(), folder / ITEMS_FILE)
    header = Header(
        format_version=FORMAT_VERSION,
        name=dataset.name,
        source=dataset.source,
        threshold=dataset.threshold,
        columns=dataset.columns,
        n_interactions=len(dataset.interactions),
        n_items=len(dataset.items),
        n_read=dataset.n_read,
        rejects=dataset.rejects,
        n_items_read=dataset.n_items_read,
        item_rejects=dataset.item_rejects,
        notes=dataset.notes,
    )
    staged = folder / f".{DATASET_FILE}.part"
    staged.write_bytes(msgspec.json.format(msgspec.json.encode(header), indent=2))
    os.replace(staged, folder / DATASET_FILE)  # noqa: PTH105 - os.replace says what it does: atomic, overwrites


def prepare_folder(folder: Path, *, replace: bool) -> None:
    """Make the folder, or refuse it: it is a file, cannot be made, or holds something that is not ours to replace."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = sorted(p.name for p in folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be written to: {error.strerror}", hint="choose another folder") from error
    if held and not (replace and DATASET_FILE in held):
        raise DataError(
            f"{folder} is not empty: it holds {', '.join(held[:4])}", hint="choose a new or an empty folder"
        )


def write_table(table: pl.LazyFrame, path: Path) -> None:
    """Write Parquet beside its place and move it there, so that the name never stands for half a file.

    The rows go through a few at a time: what the table computes is never there as a whole.
    """
    staged = path.with_name(f".{path.name}.part")
    table.sink_parquet(staged, statistics=False)
    os.replace(staged, path)  # noqa: PTH105 - as above
