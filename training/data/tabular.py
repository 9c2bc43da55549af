"""The general form: `user_id,item_id[,rating][,timestamp]` and items, as CSV or TSV (also gzipped) or Parquet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from training.data.fields import Layout, split_fields, split_header
from training.data.interactions import ANY_RATING, RatingBounds, collect_interactions
from training.data.items import collect_items
from training.data.lines import Block, decode_text, read_blocks
from training.data.parquet import multilabel_columns, read_parquet_text
from training.data.parts import Interactions, Items, Parts
from training.data.rejects import Tally
from training.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
_SPELLINGS = {
    "userid": "user_id",
    "movieid": "item_id",
    "itemid": "item_id",
    "rating": "rating",
    "timestamp": "timestamp",
}
_INTERACTION_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
_INTERNAL = frozenset({"_line", "_reason", "_raw", "_fields"})
_MAX_SHOWN = 12


def read_general(interactions: Path, items: Path | None) -> Parts:
    """Both tables of the general form; every row counts unless a threshold is asked for."""
    table = read_interactions(interactions, ANY_RATING)
    if table.table["rating"].null_count() < len(table.table):
        note = f"{interactions.name}: it has ratings, but every row counts as liked unless a threshold is set"
        table = Interactions(table.table, table.n_read, table.rejects, (*table.notes, note))
    source = form_of(interactions)
    return Parts(source, table, read_items(items) if items else None, None)


def form_of(path: Path) -> str:
    """ "csv", "tsv" or "parquet", by the name (".gz" put aside); DataError for any other."""
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    if suffix in SEPARATORS or suffix == ".parquet":
        return suffix[1:]
    raise DataError(
        f"{path.name}: this kind of file is not known",
        hint="give a .csv, .tsv (also .gz) or .parquet file, or the folder of a MovieLens data set",
    )


def read_interactions(path: Path, bounds: RatingBounds) -> Interactions:
    """The checked interactions of a file with a header. Raises DataError for a wrong header or no lines at all."""
    if form_of(path) == "parquet":
        tally = Tally(path.name)
        return collect_interactions(read_parquet_text(path, interaction_header, tally), bounds, tally)

    def read(encoding: str) -> Interactions:
        tally = Tally(path.name)
        return collect_interactions(_text_frames(path, encoding, tally, items=False), bounds, tally)

    found, encoding = decode_text(path, read)
    return Interactions(found.table, found.n_read, found.rejects, (*found.notes, *_encoding_notes(path, encoding)))


def read_items(path: Path) -> Items:
    """The checked items of a file with a header, attributes typed."""
    if form_of(path) == "parquet":
        tally = Tally(path.name)
        frames = read_parquet_text(path, item_header, tally)
        return collect_items(frames, tally, multilabel=multilabel_columns(path))

    def read(encoding: str) -> Items:
        tally = Tally(path.name)
        return collect_items(_text_frames(path, encoding, tally, items=True), tally)

    found, encoding = decode_text(path, read)
    notes = (*found.notes, *_encoding_notes(path, encoding))
    return Items(found.table, found.columns, found.n_read, found.rejects, notes)


def _encoding_notes(path: Path, encoding: str) -> tuple[str, ...]:
    return () if encoding == "utf-8" else (f"{path.name} is not UTF-8 and was read as latin-1",)


def text_frames(path: Path, encoding: str, layout: Layout, tally: Tally) -> Iterator[pl.DataFrame]:
    """The lines of a file without a header, cut as the layout says."""
    for block in read_blocks(path, encoding):
        yield split_fields(block, layout, tally)


def _text_frames(path: Path, encoding: str, tally: Tally, *, items: bool) -> Iterator[pl.DataFrame]:
    separator = SEPARATORS["." + form_of(path)]
    layout: Layout | None = None
    for block in read_blocks(path, encoding):
        body = block
        if layout is None:
            names = _header(path, str(block.lines[0]), separator)
            layout = Layout(separator, (item_header if items else interaction_header)(path, names))
            body = Block(block.first + 1, block.lines.slice(1))
        yield split_fields(body, layout, tally)
    if tally.n_read == 0:
        raise DataError(f"{path.name} has a header but no lines", hint="give a file with at least one line of data")


def _header(path: Path, line: str, separator: str) -> tuple[str, ...]:
    if separator not in line:
        for other, what in ((";", "semicolons"), ("\t", "tabs"), (",", "commas"), ("::", "'::'"), ("|", "bars")):
            if other in line:
                expected = "tabs" if separator == "\t" else "commas"
                raise DataError(
                    f"{path.name}:1: fields seem to be separated by {what}; expected {expected}",
                    hint="write it with commas (.csv) or tabs (.tsv), or convert it to Parquet",
                )
    names = split_header(line, separator)
    if names is None:
        raise DataError(f"{path.name}:1: the header's quotes do not match", hint="repair the first line")
    return names


def interaction_header(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of an interactions file in our spelling. Raises DataError for a missing, unknown or repeated one."""
    known = tuple(_SPELLINGS.get(_plain(name), name) for name in names)
    _check_names(path, names, known, required=("user_id", "item_id"))
    unknown = [name for name, ours in zip(names, known, strict=True) if ours not in _INTERACTION_COLUMNS]
    if unknown:
        raise DataError(
            f"{path.name}:1: unknown columns {_shown(unknown)}; an interactions file has user_id, item_id, "
            "and may have rating and timestamp",
            hint="remove or rename them; columns that describe items belong into items.csv",
        )
    return known


def item_header(path: Path, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of an items file: item_id in our spelling, any other name as it stands."""
    lower = {"title": "title", "genres": "genres", "genre": "genre", "year": "year"}
    known = tuple("item_id" if _SPELLINGS.get(_plain(n)) == "item_id" else lower.get(n.lower(), n) for n in names)
    _check_names(path, names, known, required=("item_id",))
    if {"genre", "genres"} <= set(known):
        raise DataError(f"{path.name}:1: both genre and genres are columns", hint="keep one of them")
    return known


def _check_names(path: Path, names: tuple[str, ...], known: tuple[str, ...], *, required: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in known]
    if missing:
        raise DataError(
            f"{path.name}:1: column {' and '.join(missing)} is missing; the first line holds {_shown(names)}",
            hint="the first line must name the columns: user_id,item_id[,rating][,timestamp] for interactions, "
            "item_id[,title][,attributes] for items",
        )
    if "" in known:
        raise DataError(
            f"{path.name}:1: column {known.index('') + 1} has no name",
            hint="name it or leave it out (pandas: to_csv(index=False))",
        )
    repeated = sorted({name for name in known if known.count(name) > 1})
    if repeated:
        raise DataError(f"{path.name}:1: columns repeat: {_shown(repeated)}", hint="keep one of each")
    reserved = sorted(_INTERNAL & set(known))
    if reserved:
        raise DataError(f"{path.name}:1: column names {_shown(reserved)} are reserved", hint="rename them")


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _shown(names: tuple[str, ...] | list[str]) -> str:
    """A few names, each cut short: a file that is no table may have a first line of any length."""
    cut = [repr(name if len(name) <= 40 else name[:40] + "...") for name in names[:_MAX_SHOWN]]
    return ", ".join(cut) + (f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else "")
