"""The three forms of MovieLens: 100K (u.data), 1M/10M (ratings.dat), latest/20M/25M/32M (ratings.csv).

The mixed form, ratings.csv (with or without timestamps) beside movies.dat, is read too. Ratings from 4 count as liked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from training.data.dataset import ItemColumn
from training.data.fields import Layout
from training.data.interactions import MOVIELENS_RATING, collect_interactions
from training.data.items import collect_items
from training.data.lines import decode_text
from training.data.parts import Interactions, Items, Parts
from training.data.rejects import Tally
from training.data.tabular import read_interactions, read_items, text_frames
from training.data.titles import year_of
from training.errors import DataError

THRESHOLD = 4.0
_RATING_COLUMNS = ("user_id", "item_id", "rating", "timestamp")
_U_DATA = Layout("\t", _RATING_COLUMNS, quoted=False)
_RATINGS_DAT = Layout("::", _RATING_COLUMNS, quoted=False)
_MOVIES_DAT = Layout("::", ("item_id", "title", "genres"), quoted=False)
_U_ITEM_FIRST = ("item_id", "title", "released", "video_released", "url")
_NO_GENRE = "unknown"

Change = Callable[[pl.DataFrame], pl.DataFrame]


def read_100k(folder: Path) -> Parts:
    """u.data (tabs) with u.item (bars, one flag a genre) and u.genre (the flags' names)."""
    genres = _genre_names(_sibling(folder, "u.genre"))
    layout = Layout("|", (*_U_ITEM_FIRST, *(f"flag {name}" for name in genres)), quoted=False)
    items = _read_movies(_sibling(folder, "u.item"), layout, lambda frame: _from_flags(frame, genres))
    return Parts("movielens-100k", _read_ratings(folder / "u.data", _U_DATA), items, THRESHOLD)


def read_1m(folder: Path) -> Parts:
    """ratings.dat and movies.dat, fields between `::`."""
    items = _read_movies(_sibling(folder, "movies.dat"), _MOVIES_DAT, _with_year)
    return Parts("movielens-1m", _read_ratings(folder / "ratings.dat", _RATINGS_DAT), items, THRESHOLD)


def read_csv(ratings: Path, movies: Path) -> Parts:
    """ratings.csv with movies.csv, or with the movies.dat of 1M (`::`)."""
    interactions = read_interactions(ratings, MOVIELENS_RATING)
    if interactions.table["rating"].null_count():
        raise DataError(
            f"{ratings.name}:1: column rating is missing; MovieLens has userId,movieId,rating[,timestamp]",
            hint="for interactions without ratings name the files interactions.csv and items.csv",
        )
    if ".dat" in movies.name:
        return Parts("movielens-csv", interactions, _read_movies(movies, _MOVIES_DAT, _with_year), THRESHOLD)
    items = read_items(movies)
    missing = [name for name in ("title", "genres") if name not in items.table.columns]
    if missing or items.table["title"].null_count() == len(items.table):
        raise DataError(
            f"{movies.name}:1: column {' and '.join(missing) or 'title'} is missing or empty",
            hint="MovieLens has movieId,title,genres; name other item tables items.csv",
        )
    return Parts("movielens-csv", interactions, _year_column(items), THRESHOLD)


def _read_ratings(path: Path, layout: Layout) -> Interactions:
    def read(encoding: str) -> Interactions:
        tally = Tally(path.name)
        return collect_interactions(text_frames(path, encoding, layout, tally), MOVIELENS_RATING, tally)

    return decode_text(path, read)[0]


def _read_movies(path: Path, layout: Layout, change: Change) -> Items:
    """The movies; `change` makes the columns item_id, title, year and genres of the file's own."""

    def frames(encoding: str, tally: Tally) -> Iterator[pl.DataFrame]:
        for frame in text_frames(path, encoding, layout, tally):
            yield change(frame)

    def read(encoding: str) -> Items:
        tally = Tally(path.name)
        return collect_items(frames(encoding, tally), tally, multilabel=("genres",))

    return decode_text(path, read)[0]


def _with_year(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("_line", "item_id", "title", "genres", year_of(pl.col("title")).fill_null("").alias("year"))


def _from_flags(frame: pl.DataFrame, genres: tuple[str, ...]) -> pl.DataFrame:
    """100K: genres from the 0/1 flags; the year of the title or, failing that, of the release date (01-Jan-1995)."""
    named = [pl.when(pl.col(f"flag {g}") == "1").then(pl.lit(g)) for g in genres if g != _NO_GENRE]
    year = pl.coalesce(year_of(pl.col("title")), pl.col("released").str.extract(r"-(\d{4})$", 1), pl.lit(""))
    genre = pl.concat_str(named, separator="|", ignore_nulls=True).alias("genres")
    return frame.select("_line", "item_id", "title", genre, year.alias("year"))


def _year_column(items: Items) -> Items:
    """movies.csv: a year from the title beside the genres, which are multi-label whatever their cells."""
    year = year_of(pl.col("title")).cast(pl.Float64).alias("year")
    table = items.table if "year" in items.table.columns else items.table.with_columns(year)
    if table.schema["genres"] == pl.String:
        table = table.with_columns(
            pl.when(pl.col("genres").is_not_null()).then(pl.concat_list("genres")).alias("genres")
        )
    others = tuple(c for c in items.columns if c.field not in ("genres", "year"))
    columns = (ItemColumn("genre", "genres", "multilabel"), ItemColumn("year", "year", "numeric"), *others)
    return replace(items, table=table, columns=columns)


def _genre_names(path: Path) -> tuple[str, ...]:
    """The names in the order of their numbers: lines `Action|1`."""

    def read(encoding: str) -> tuple[str, ...]:
        tally = Tally(path.name)
        frames = [f.select("_line", "name", "number") for f in text_frames(path, encoding, _U_GENRE, tally)]
        table = pl.concat(frames).with_columns(pl.col("number").cast(pl.Int64, strict=False)).sort("number")
        if table["number"].to_list() != list(range(len(table))) or not len(table):
            raise DataError(
                f"{path.name}: expected lines like `Action|1` with numbers from 0 upwards",
                hint="use the u.genre of the original archive",
            )
        return tuple(table["name"].to_list())

    return decode_text(path, read)[0]


_U_GENRE = Layout("|", ("name", "number"), quoted=False)


def _sibling(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise DataError(f"{folder.name}: {name} is missing", hint="unpack the whole MovieLens archive into the folder")
    return path
