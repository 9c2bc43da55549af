"""Parquet tables as text columns, so that they pass the same checks as text files ("file:row")."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from training.data.rejects import Tally
from training.errors import DataError

ROWS_AT_ONCE = 250_000

_TEXT = (pl.String, pl.Categorical, pl.Enum)
Header = Callable[[Path, tuple[str, ...]], tuple[str, ...]]


def read_parquet_text(path: Path, header: Header, tally: Tally) -> Iterator[pl.DataFrame]:
    """Frames of text columns named by `header`, with `_line` (the row, from 1); null becomes the empty text.

    Date-times become seconds since 1970, lists are joined with `|`. Raises DataError for a file or a column that
    cannot be used. Memory: ROWS_AT_ONCE rows.
    """
    schema = _schema(path)
    names = header(path, tuple(schema))
    for name, dtype in zip(names, schema.values(), strict=True):
        if name in ("user_id", "item_id") and not (dtype.is_integer() or dtype in _TEXT):
            raise DataError(
                f"{path.name}: column {name} has type {dtype}; expected text or whole numbers",
                hint="cast it before writing the file (an id that was read as a float has lost its spelling)",
            )
    for part in slices(path):
        first = tally.n_read + 1
        tally.n_read += len(part)
        part.columns = list(names)
        texts = [_as_text(path, part[name]) for name in names]
        yield part.select(texts).with_row_index("_line", offset=first)
    if tally.n_read == 0:
        raise DataError(f"{path.name} has columns but no rows", hint="give a file with at least one row")


def slices(path: Path) -> Iterator[pl.DataFrame]:
    """The rows of a file in its order, ROWS_AT_ONCE at a time. Raises DataError."""
    try:
        table = pl.scan_parquet(path, glob=False)
        n_rows = int(table.select(pl.len()).collect().item())
        for row in range(0, n_rows, ROWS_AT_ONCE):
            yield table.slice(row, ROWS_AT_ONCE).collect()
    except (PolarsError, OSError) as error:
        raise _unreadable(path, error) from error


def multilabel_columns(path: Path) -> tuple[str, ...]:
    """The columns that hold lists."""
    return tuple(name for name, dtype in _schema(path).items() if isinstance(dtype, pl.List))


def _as_text(path: Path, column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if isinstance(dtype, pl.List):
        if column.explode().cast(pl.String).str.contains("|", literal=True).any():
            raise DataError(
                f"{path.name}: a value in the lists of {column.name} holds a '|'", hint="replace it: | separates values"
            )
        column = column.cast(pl.List(pl.String)).list.join("|")
    elif isinstance(dtype, pl.Datetime | pl.Date):
        column = column.cast(pl.Datetime("us")).dt.epoch("s")
    elif dtype.is_nested() or dtype == pl.Binary:
        raise DataError(
            f"{path.name}: column {column.name} has type {dtype}, which is not supported",
            hint="use text, numbers, booleans, dates or lists of text",
        )
    return column.cast(pl.String).fill_null("").str.strip_chars()


def _schema(path: Path) -> dict[str, pl.DataType]:
    try:
        return dict(pl.read_parquet_schema(path))
    except (PolarsError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return DataError(f"{path.name} cannot be read as Parquet: {first}", hint="write it again, or give a CSV file")
