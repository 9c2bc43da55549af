"""From lines to fields: every line that does not have the expected fields is counted with its reason."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from training.data.lines import MAX_LINE_BYTES, Block
from training.data.rejects import Tally


@dataclass(frozen=True, slots=True)
class Layout:
    """How a line is cut: the separator, the names of its fields, and whether a field may stand in double quotes."""

    separator: str
    columns: tuple[str, ...]
    quoted: bool = True


def split_fields(block: Block, layout: Layout, tally: Tally) -> pl.DataFrame:
    """The well-formed lines of a block as trimmed text columns and `_line`, in file order; the rest go to the tally."""
    frame = pl.DataFrame({"_raw": block.lines}).with_row_index("_line", offset=block.first)
    tally.n_read += len(frame)
    n = len(layout.columns)
    quoted = pl.col("_raw").str.contains('"', literal=True) if layout.quoted else pl.lit(value=False)
    wrong_number = pl.col("_raw").str.count_matches(layout.separator, literal=True) != n - 1
    frame = frame.with_columns(
        reason_of(
            {
                f"line longer than {MAX_LINE_BYTES // 1024**2} MiB": pl.col("_raw").str.len_bytes() > MAX_LINE_BYTES,
                "NUL byte": pl.col("_raw").str.contains("\x00", literal=True),
                "blank line": pl.col("_raw").str.strip_chars() == "",
                _wrong_number(n): wrong_number & ~quoted,
            }
        )
    )
    tally.add(frame)
    frame = frame.filter(pl.col("_reason").is_null())
    rows = _split_plain(frame.filter(~quoted), layout)
    in_quotes = frame.filter(quoted)
    if len(in_quotes):
        rows = pl.concat([rows, _split_quoted(in_quotes, layout, tally)]).sort("_line")
    return rows.with_columns(pl.col(c).str.strip_chars() for c in layout.columns)


def reason_of(rules: dict[str, pl.Expr]) -> pl.Expr:
    """The column `_reason`: the first rule that a row breaks, or null."""
    broken_rules: list[pl.Expr] = [pl.when(broken).then(pl.lit(reason)) for reason, broken in rules.items()]
    return pl.coalesce(broken_rules).alias("_reason")


def split_header(line: str, separator: str) -> tuple[str, ...] | None:
    """The trimmed names of a header line; None when its quotes do not match."""
    names = _parse_quoted(line, separator)
    return None if names is None else tuple(name.strip() for name in names)


def _wrong_number(n: int) -> str:
    return f"wrong number of fields (expected {n})"


def _split_plain(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    cut = pl.col("_raw").str.split_exact(layout.separator, len(layout.columns) - 1)
    return frame.select("_line", cut.struct.rename_fields(list(layout.columns)).alias("_fields")).unnest("_fields")


def _split_quoted(frame: pl.DataFrame, layout: Layout, tally: Tally) -> pl.DataFrame:
    """Lines with a quote, one by one in Python (slow, but they are rare in large files)."""
    n = len(layout.columns)
    rows: list[Sequence[str | int]] = []
    bad: list[tuple[int, str]] = []
    for line, raw in frame.select("_line", "_raw").iter_rows():
        fields = _parse_quoted(raw, layout.separator)
        if fields is None:
            bad.append((line, "quote not closed on its line, or misplaced"))
        elif len(fields) != n:
            bad.append((line, _wrong_number(n)))
        else:
            rows.append((line, *fields))
    tally.add(pl.DataFrame(bad, schema={"_line": pl.UInt32, "_reason": pl.String}, orient="row"))
    schema: dict[str, pl.DataType] = {"_line": pl.UInt32(), **dict.fromkeys(layout.columns, pl.String())}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _parse_quoted(line: str, separator: str) -> list[str] | None:
    try:
        rows = list(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
