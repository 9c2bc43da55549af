"""The real MovieLens files: what is read equals what their publishers count, and the split equals the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.data.catalogue import build_catalogue
from training.data.dataset import Dataset
from training.data.read import read_dataset
from training.data.split import Protocol, split_dataset
from training.data.split_file import load_split
from training.data.validate import validate

pytestmark = pytest.mark.data


def read(movielens: Path, name: str) -> Dataset:
    if not (movielens / name).is_dir():
        pytest.skip(f"NO {name} in {movielens}")
    return read_dataset(movielens / name)


@pytest.mark.parametrize(
    ("name", "n_users", "n_rated", "n_rows", "n_movies", "n_genres", "without_year"),
    [
        ("ml-100k", 943, 1682, 100_000, 1682, 18, 1),
        ("ml-1m", 6040, 3706, 1_000_209, 3883, 18, 0),
        ("ml-latest-small", 610, 9724, 100_836, 9742, 19, 12),
    ],
)
def test_movielens_is_read_whole(movielens, name, n_users, n_rated, n_rows, n_movies, n_genres, without_year):
    dataset = read(movielens, name)
    table = dataset.interactions

    assert (dataset.n_read, len(table), dataset.rejects) == (n_rows, n_rows, ())
    assert (table["user_id"].n_unique(), table["item_id"].n_unique()) == (n_users, n_rated)
    assert (dataset.n_items_read, len(dataset.items), dataset.item_rejects) == (n_movies, n_movies, ())
    assert dataset.items["genres"].explode().drop_nulls().n_unique() == n_genres
    assert dataset.items["year"].null_count() == without_year
    assert dataset.name == name


def test_split_of_movielens_1m_is_the_reference(movielens):
    dataset = read(movielens, "ml-1m")
    path = movielens.parent / "reference" / "ml1m_split.npz"
    if not path.is_file():
        pytest.skip(f"NO REFERENCE SPLIT at {path}")
    reference = load_split(path)

    split = split_dataset(dataset, Protocol(n_heldout=600))

    assert split.item_ids == reference.item_ids
    assert split.train_users == reference.train_users
    for mine, theirs in ((split.validation, reference.validation), (split.test, reference.test)):
        assert mine.users == theirs.users
        for a, b in ((mine.fold_in, theirs.fold_in), (mine.target, theirs.target)):
            assert np.array_equal(a.indptr, b.indptr)
            assert np.array_equal(a.indices, b.indices)
    assert np.array_equal(split.train.indptr, reference.train.indptr)
    assert np.array_equal(split.train.indices, reference.train.indices)
    assert split.fingerprint == reference.fingerprint


def test_liked_interactions_of_active_users_have_the_counts_of_their_source(movielens):
    table = read(movielens, "ml-1m").interactions
    liked = table.filter(pl.col("rating") >= 4)
    active = liked.filter(pl.len().over("user_id") >= 5)

    assert (len(liked), liked["user_id"].n_unique(), liked["item_id"].n_unique()) == (575_281, 6038, 3533)
    assert (len(active), active["user_id"].n_unique(), active["item_id"].n_unique()) == (575_272, 6034, 3533)


def test_catalogue_and_checks_of_movielens_latest_are_complete(movielens):
    dataset = read(movielens, "ml-latest-small")

    catalogue = build_catalogue(dataset, split_dataset(dataset, Protocol()))
    checks = validate(dataset, Protocol())

    assert [a.name for a in catalogue.attributes] == ["genre", "year", "rating"]
    assert catalogue.titles[catalogue.idmap.ids.index("1")] == "Toy Story (1995)"
    assert [c.name for c in checks if not c.passed] == []
