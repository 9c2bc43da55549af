from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bundle.catalogue import Catalogue
from tests.training.data.data_builders import everyone_likes, make_dataset
from training.data.catalogue import MAX_VALUES, build_catalogue
from training.data.dataset import ItemColumn
from training.data.split import Protocol, Split, split_dataset

N_ITEMS = 8
COLUMNS = (
    ItemColumn("genre", "genres", "multilabel"),
    ItemColumn("year", "year", "numeric"),
    ItemColumn("studio", "studio", "categorical"),
)


def items_table(**changes: list[object]) -> pl.DataFrame:
    """Items 0..6 and one that nobody chose; item 7 has no row."""
    cells = {
        "item_id": [*map(str, range(7)), "nobody's"],
        "title": [f"T{k}" for k in range(7)] + ["N"],
        "genres": [["B", "A"], ["A"], None, ["C"], ["A"], ["B"], ["A"], ["Z"]],
        "year": [1995.0, 1980.0, None, 2001.0, 1999.0, 1984.0, 1990.0, 1900.0],
        "studio": ["y", "x", "x", "y", "x", None, "x", "z"],
    }
    return pl.DataFrame(cells | changes)


def catalogue_of(
    rows: list[tuple[str, str, float | None]] | None = None, columns: tuple[ItemColumn, ...] = COLUMNS, **changes
) -> tuple[Catalogue, Split]:
    rows = everyone_likes(20, N_ITEMS) if rows is None else rows
    dataset = make_dataset(rows, items=items_table(**changes), columns=columns)
    split = split_dataset(dataset, Protocol(threshold=None))
    return build_catalogue(dataset, split), split


def test_catalogue_is_aligned_with_the_split_and_items_without_a_row_are_bare():
    catalogue, split = catalogue_of()
    genre, year, studio = catalogue.attributes

    assert catalogue.ids == split.item_ids == tuple(map(str, range(N_ITEMS)))
    assert catalogue.titles == (*(f"T{k}" for k in range(7)), None)
    assert (genre.name, genre.field, genre.kind, genre.values) == ("genre", "genres", "multilabel", ("A", "B", "C"))
    assert genre.rows == ((0, 1), (0,), (), (2,), (0,), (1,), (0,), ())
    assert (studio.kind, studio.values, studio.rows[5:]) == ("categorical", ("x", "y"), ((), (0,), ()))
    assert (year.values, year.numbers[:3]) == (("1980s", "1990s", "2000s"), (1995.0, 1980.0, None))
    assert year.rows == ((1,), (0,), (), (2,), (1,), (0,), (1,), ())


def test_popularity_is_the_share_of_training_interactions():
    rows = [row for row in everyone_likes(40, N_ITEMS) if not (row[1] == "3" and int(row[0]) % 2)]
    catalogue, split = catalogue_of(rows)

    counts = np.asarray(split.train.sum(axis=0)).ravel()
    assert counts[3] < counts[4]
    assert catalogue.popularity == pytest.approx(counts / counts.sum())
    assert sum(catalogue.popularity) == pytest.approx(1.0)


def test_rating_is_the_mean_over_training_users_only():
    rows = [(u, i, 1.0 + int(i) % 4) for u, i, _ in everyone_likes(40, N_ITEMS)]
    _, split = catalogue_of(rows)
    held_out = {*split.validation.users, *split.test.users}
    swayed = [(u, i, 5.0 if u in held_out else r) for u, i, r in rows]

    catalogue, again = catalogue_of(swayed)
    rating = catalogue.attribute("rating")

    assert again.train_users == split.train_users
    assert rating is not None
    assert rating.numbers == tuple(1.0 + k % 4 for k in range(N_ITEMS))
    assert rating.values == ("1", "2", "3", "4")


def test_rating_column_of_the_items_wins_over_ratings_of_users():
    rows = [(u, i, 1.0 + int(i) % 4) for u, i, _ in everyone_likes(40, N_ITEMS)]
    own = [float(k % 3) for k in range(8)]

    catalogue, _ = catalogue_of(rows, (ItemColumn("rating", "rating", "numeric"),), rating=own)

    assert [a.name for a in catalogue.attributes] == ["rating"]
    assert catalogue.attributes[0].numbers == (*own[:7], None)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["x"] * 8, "studio is left out: every item has the same value"),
        ([None] * 8, "studio is left out: no item of the split has a value"),
        ([None] * 7 + ["only nobody's"], "studio is left out: no item of the split has a value"),
    ],
)
def test_attribute_that_tells_nothing_apart_is_left_out_and_logged(caplog, cells, said):
    catalogue, _ = catalogue_of(studio=pl.Series(cells, dtype=pl.String))

    assert [a.name for a in catalogue.attributes] == ["genre", "year"]
    assert said in caplog.text


def test_free_text_is_left_out_and_logged(caplog):
    n = MAX_VALUES + 4  # no multiple of 7, see everyone_likes
    items = pl.DataFrame(
        {"item_id": [str(k) for k in range(n)], "title": ["t"] * n, "plot": [f"p{k}" for k in range(n)]}
    )
    dataset = make_dataset(everyone_likes(10, n), items=items, columns=(ItemColumn("plot", "plot", "categorical"),))

    catalogue = build_catalogue(dataset, split_dataset(dataset, Protocol(threshold=None)))

    assert catalogue.attributes == ()
    assert "plot is left out: 1004 values" in caplog.text


def test_data_without_items_or_ratings_has_a_catalogue_without_attributes():
    dataset = make_dataset(everyone_likes(20, N_ITEMS))

    catalogue = build_catalogue(dataset, split_dataset(dataset, Protocol(threshold=None)))

    assert catalogue.attributes == ()
    assert catalogue.titles == (None,) * N_ITEMS
