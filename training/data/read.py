"""Reading a data set, whatever its form; what is in the folder decides.

| in the folder | form |
|---|---|
| dataset.json | our own converted form (`prismrec data convert`) |
| u.data, u.item, u.genre | MovieLens 100K |
| ratings.dat, movies.dat | MovieLens 1M, 10M |
| ratings.csv, movies.csv or movies.dat | MovieLens latest-small, 20M, 25M, 32M |
| interactions.* or ratings.*, perhaps items.* | the general form: .csv, .tsv (also .gz), .parquet |
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from training.data import movielens
from training.data.converted import DATASET_FILE, read_converted
from training.data.dataset import Dataset
from training.data.ids import ascending
from training.data.parts import Interactions, Items, Parts
from training.data.rejects import check_max_bad, check_share
from training.data.tabular import form_of, read_general
from training.errors import DataError

_TABLES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")
_LOOKED_FOR = (
    "u.data (MovieLens 100K), ratings.dat (1M), ratings.csv with movies.csv (20M and later), "
    "interactions.csv|tsv|parquet with items.csv|tsv|parquet, or dataset.json"
)


def read_dataset(path: Path, *, items: Path | None = None, max_bad: float = 0.01) -> Dataset:
    """Read a folder, or an interactions file (with `items` as its item table), checking every line.

    Every line is kept or counted in the rejects with its reason; nothing is filtered by rating or activity here.
    max_bad is the share of malformed lines above which the data set is refused (repeated pairs do not count).
    Raises DataError when the form is not recognised, a header is wrong, nothing is left, or too much is malformed.
    Costs one pass: about 35 bytes of memory an interaction at the peak, of which 20 stay (benchmarks/reading.py).
    """
    check_max_bad(max_bad)
    if not path.exists():
        raise DataError(f"{path} does not exist", hint="give a data folder or an interactions file")
    for given in (path, items):
        if given is not None and not given.is_dir() and not given.is_file():
            raise DataError(f"{given} is not a regular file", hint="give a data folder or an interactions file")
    if path.is_dir() and (path / DATASET_FILE).is_file() and items is None:
        return read_converted(path)
    parts = _read_folder(path, items) if path.is_dir() else _read_file(path, items)
    name = path.resolve().name if path.is_dir() else path.name.split(".")[0]
    return _assemble(name, parts, max_bad)


def _read_folder(folder: Path, items: Path | None) -> Parts:
    if items is None:
        if (folder / "u.data").is_file():
            return movielens.read_100k(folder)
        if (folder / "ratings.dat").is_file():
            return movielens.read_1m(folder)
        movies = _one(folder, ("movies",), (".csv", ".csv.gz", ".dat"))
        ratings = _one(folder, ("ratings",), (".csv", ".csv.gz")) if movies else None
        if ratings and movies:
            return movielens.read_csv(ratings, movies)
    interactions = _one(folder, ("interactions", "ratings"), _TABLES)
    if interactions is None:
        found = sorted(p.name for p in folder.iterdir())
        shown = ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")
        raise DataError(f"{folder}: no data set found; it holds {shown or 'nothing'}", hint=f"expected {_LOOKED_FOR}")
    return read_general(interactions, items or _one(folder, ("items",), _TABLES))


def _read_file(path: Path, items: Path | None) -> Parts:
    if path.name in ("u.data", "ratings.dat"):
        raise DataError(f"{path.name} is one file of a MovieLens data set", hint="give the folder that it is in")
    form_of(path)
    return read_general(path, items)


def _one(folder: Path, stems: tuple[str, ...], endings: tuple[str, ...]) -> Path | None:
    """The one file of these names, or None. Two of them are refused: choosing would be a guess."""
    found = [p for stem in stems for end in endings if (p := folder / f"{stem}{end}").is_file()]
    if len(found) > 1:
        raise DataError(
            f"{folder}: {' and '.join(p.name for p in found)} could each be the table",
            hint="leave one of them in the folder, or give the file itself (and --items)",
        )
    return found[0] if found else None


def _assemble(name: str, parts: Parts, max_bad: float) -> Dataset:
    read = parts.interactions
    check_share("interactions", n_read=read.n_read, rejects=read.rejects, max_bad=max_bad)
    if len(read.table) == 0:
        reasons = "; ".join(f"{r.count:,} x {r.reason}" for r in read.rejects)
        raise DataError(f"{name}: none of {read.n_read:,} lines is usable: {reasons}", hint="check the file's form")
    items = parts.items or _NO_ITEMS
    check_share("items", n_read=items.n_read, rejects=items.rejects, max_bad=max_bad)
    return Dataset(
        name=name,
        source=parts.source,
        interactions=read.table,
        items=items.table,
        columns=items.columns,
        threshold=parts.threshold,
        n_read=read.n_read,
        rejects=read.rejects,
        n_items_read=items.n_read,
        item_rejects=items.rejects,
        notes=(*read.notes, *items.notes, *_without_row(read, items)),
    )


_NO_ITEMS = Items(
    pl.DataFrame(schema={"item_id": pl.String, "title": pl.String}), (), 0, (), ("there is no item table",)
)


def _without_row(read: Interactions, items: Items) -> tuple[str, ...]:
    bare = read.table.select("item_id").unique().cast(pl.String).join(items.table, on="item_id", how="anti")
    if not len(bare) or not items.n_read:
        return ()
    examples = ", ".join(ascending(bare["item_id"]).head(3))
    return (f"{len(bare):,} items occur in interactions but have no item row ({examples}); kept",)
