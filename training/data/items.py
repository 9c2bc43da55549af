"""From text columns to the item table: ids, titles and attributes with their kinds.

Policy. A column in which some cell has a `|` is multi-label; a column whose every cell is a finite number is numeric;
any other is categorical. `year` is numeric always: a cell that is not a number is missing, and a note says how many.
An empty cell is missing, and so is "(no genres listed)" in a genres column. Of an item that comes again the last line
is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from bundle.catalogue import Kind
from training.data.dataset import ItemColumn
from training.data.fields import reason_of
from training.data.interactions import id_rules
from training.data.parts import Items
from training.data.rejects import Tally

ITEM_REPEATED = "same item again (the last line is kept)"
NO_GENRES = "(no genres listed)"
_API_NAMES = {"genres": "genre"}


def collect_items(frames: Iterable[pl.DataFrame], tally: Tally, *, multilabel: Iterable[str] = ()) -> Items:
    """Check the frames (text columns item_id[, title], attributes, and `_line`) and type their attributes.

    `multilabel` names columns that are lists whether or not a cell has a `|`.
    """
    table = pl.concat(list(frames))
    table = table.with_columns(reason_of(id_rules("item_id", "item id")))
    tally.add(table)
    table = table.filter(pl.col("_reason").is_null())
    repeated = ~pl.col("item_id").is_last_distinct()
    tally.add(table.with_columns(pl.when(repeated).then(pl.lit(ITEM_REPEATED)).alias("_reason")))
    table = table.filter(~repeated)
    fields = [c for c in table.columns if c not in ("_line", "_reason", "item_id", "title")]
    forced = frozenset(multilabel)
    title = _present("title") if "title" in table.columns else pl.lit(None, dtype=pl.String)
    typed, columns, notes = [], [], []
    for field in fields:
        cells = table.select(_present(field)).to_series()
        kind = "multilabel" if field in forced else _kind(cells)
        typed.append(_typed(cells, kind))
        columns.append(ItemColumn(name=_API_NAMES.get(field, field), field=field, kind=kind))
        lost = typed[-1].null_count() - cells.null_count()
        if lost:
            notes.append(f"{tally.file}: {lost:,} cells of {field} are not usable and count as missing")
    items = table.select("item_id", title.alias("title")).with_columns(typed)
    return Items(items, tuple(columns), tally.n_read, tally.rejects, tuple(notes))


def _present(field: str) -> pl.Expr:
    """The column with null for what stands for "missing"."""
    cell = pl.col(field)
    absent = (cell == "") | (cell == NO_GENRES) if field.lower() in ("genre", "genres") else cell == ""
    return pl.when(~absent).then(cell).alias(field)


def _kind(cells: pl.Series) -> Kind:
    if cells.name == "year":
        return "numeric"
    given = cells.drop_nulls()
    if given.str.contains("|", literal=True).any():
        return "multilabel"
    numbers = given.cast(pl.Float64, strict=False)
    return "numeric" if len(given) and numbers.is_finite().fill_null(value=False).all() else "categorical"


def _typed(cells: pl.Series, kind: Kind) -> pl.Series:
    if kind == "categorical":
        return cells
    if kind == "numeric":
        numbers = cells.cast(pl.Float64, strict=False)
        return numbers.set(~numbers.is_finite(), None)
    values = cells.str.split("|").list.eval(pl.element().str.strip_chars())
    values = values.list.eval(pl.element().filter(pl.element() != "")).list.unique(maintain_order=True)
    frame = values.to_frame("v")  # a cell of nothing but bars is missing
    return frame.select(pl.when(pl.col("v").list.len() > 0).then(pl.col("v")).alias(values.name)).to_series()
