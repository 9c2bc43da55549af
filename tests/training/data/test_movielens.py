"""The three forms of MovieLens, made small; the real files are in test_real_data.py."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from training.data.dataset import ItemColumn
from training.data.read import read_dataset
from training.data.titles import year_of
from training.errors import DataError

GENRE_AND_YEAR = (ItemColumn("genre", "genres", "multilabel"), ItemColumn("year", "year", "numeric"))


def write_100k(folder: Path) -> Path:
    (folder / "u.data").write_text("1\t2\t5\t881250949\n1\t1\t4\t881250950\n")
    (folder / "u.genre").write_text("unknown|0\nAction|1\nChildren's|2\n\n")
    items = "1|Amélie, Le (2001)|01-Jan-1997||http://x|0|1|1\n2|No year|01-Jan-1997|||0|0|1\n3|unknown||||1|0|0\n"
    (folder / "u.item").write_bytes(items.encode("latin-1"))
    return folder


def write_1m(folder: Path) -> Path:
    (folder / "ratings.dat").write_text("1::10::5::978300760\n2::20::3::978302109\n")
    (folder / "movies.dat").write_bytes("10::Caf\xe9 (1995)::Comedy|Drama\n20::Solo (1950)::Drama\n".encode("latin-1"))
    return folder


def write_latest(folder: Path) -> Path:
    (folder / "ratings.csv").write_bytes(
        b"userId,movieId,rating,timestamp\r\n1,10,0.5,964982703\r\n1,20,4.0,964982704\r\n"
    )
    (folder / "movies.csv").write_bytes(
        "movieId,title,genres\r\n"
        '10,"Heat, The (1995)",Action|Crime\r\n'
        '20,"A ""quoted"" one (2006-2007) ",(no genres listed)\r\n'
        "30,Café Babylon,Drama\r\n".encode()
    )
    return folder


def test_100k_is_read_with_flags_as_genres_and_release_year_as_a_fallback(tmp_path):
    folder = write_100k(tmp_path)

    dataset = read_dataset(folder, max_bad=0.3)

    assert dataset.source == "movielens-100k"
    assert dataset.threshold == 4.0
    assert dataset.interactions.rows() == [("1", "2", 5.0, 881250949), ("1", "1", 4.0, 881250950)]
    assert dataset.columns == GENRE_AND_YEAR
    assert dataset.items.rows() == [
        ("1", "Amélie, Le (2001)", ["Action", "Children's"], 2001.0),
        ("2", "No year", ["Children's"], 1997.0),
        ("3", "unknown", None, None),
    ]


def test_1m_is_read_with_double_colons_and_latin1(tmp_path):
    dataset = read_dataset(write_1m(tmp_path))

    assert dataset.source == "movielens-1m"
    assert dataset.interactions.rows() == [("1", "10", 5.0, 978300760), ("2", "20", 3.0, 978302109)]
    assert dataset.items.rows() == [
        ("10", "Café (1995)", ["Comedy", "Drama"], 1995.0),
        ("20", "Solo (1950)", ["Drama"], 1950.0),
    ]


def test_latest_is_read_with_quotes_crlf_and_missing_genres(tmp_path):
    dataset = read_dataset(write_latest(tmp_path))

    assert dataset.source == "movielens-csv"
    assert dataset.columns == GENRE_AND_YEAR
    assert dataset.interactions["rating"].to_list() == [0.5, 4.0]
    assert dataset.items.select("title", "genres", "year").rows() == [
        ("Heat, The (1995)", ["Action", "Crime"], 1995.0),
        ('A "quoted" one (2006-2007)', None, 2006.0),
        ("Café Babylon", ["Drama"], None),
    ]


def test_genres_are_lists_even_when_every_movie_has_one(tmp_path):
    write_latest(tmp_path)
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n10,A (1995),Drama\n20,B (1996),\n")

    dataset = read_dataset(tmp_path)

    assert dataset.columns == GENRE_AND_YEAR
    assert dataset.items["genres"].to_list() == [["Drama"], None]


def test_mixed_form_of_1m_without_timestamps_is_read(tmp_path):
    write_1m(tmp_path)
    (tmp_path / "ratings.dat").unlink()
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating\n1,10,5\n")

    dataset = read_dataset(tmp_path)

    assert dataset.interactions.rows() == [("1", "10", 5.0, None)]
    assert dataset.items["year"].to_list() == [1995.0, 1950.0]


@pytest.mark.parametrize("rating", ["0", "5.5", "-1"])
def test_rating_that_movielens_cannot_have_is_counted(tmp_path, rating):
    folder = write_1m(tmp_path)
    (folder / "ratings.dat").write_text(f"1::10::5::978300760\n2::20::{rating}::978302109\n")

    dataset = read_dataset(folder, max_bad=0.5)

    assert [(r.reason, r.count, r.examples) for r in dataset.rejects] == [
        ("rating outside 0.5 to 5", 1, ("ratings.dat:2",))
    ]


@pytest.mark.parametrize(
    ("write", "missing"), [(write_100k, "u.item"), (write_100k, "u.genre"), (write_1m, "movies.dat")]
)
def test_missing_part_of_a_form_is_named(tmp_path, write, missing):
    (write(tmp_path) / missing).unlink()

    with pytest.raises(DataError, match=f"{missing} is missing") as refused:
        read_dataset(tmp_path)

    assert "archive" in refused.value.hint


def test_movielens_ratings_file_without_ratings_is_refused(tmp_path):
    write_latest(tmp_path)
    (tmp_path / "ratings.csv").write_text("userId,movieId\n1,10\n")

    with pytest.raises(DataError, match="column rating is missing"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["u.data", "ratings.dat"])
def test_single_file_of_a_form_points_to_its_folder(tmp_path, name):
    (tmp_path / name).write_text("1::10::5::978300760\n")

    with pytest.raises(DataError) as refused:
        read_dataset(tmp_path / name)

    assert "folder" in refused.value.hint


def test_genre_names_out_of_number_are_refused(tmp_path):
    write_100k(tmp_path)
    (tmp_path / "u.genre").write_text("Action|1\nDrama|3\n")

    with pytest.raises(DataError, match=r"u\.genre"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("title", "year"),
    [
        ("Toy Story (1995)", "1995"),
        ("Hamlet (1996) (V)", "1996"),
        ("Blade Runner 2049 (2017)", "2017"),
        ("2001: A Space Odyssey (1968)", "1968"),
        ("City of Lost Children, The (Cité des enfants perdus, La) (1995) ", "1995"),
        ("Death Note (2006\u20132007)", "2006"),
        ("Fawlty Towers (1975-1979)", "1975"),
        ("Running show (2016-)", "2016"),
        ("Story of (1234) no year", None),
        ("Babylon 5", None),
        ("", None),
    ],
)
def test_year_is_read_out_of_the_title(title, year):
    assert pl.DataFrame({"t": [title]}).select(year_of(pl.col("t"))).item() == year
