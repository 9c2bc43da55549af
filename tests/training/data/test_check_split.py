from __future__ import annotations

import pytest

from tests.training.data.data_builders import everyone_likes, make_dataset
from training.data.check_split import check_split, split_pairs
from training.data.read import read_dataset
from training.data.split import Protocol, split_dataset
from training.data.split_file import load_split
from training.errors import DataError

ROWS = list(everyone_likes(20, 8, rating=4.0))


@pytest.fixture
def split():
    return split_dataset(make_dataset(ROWS), Protocol(n_heldout=3, target_share=0.25))


def test_split_of_the_data_fits_it_and_has_every_interaction(split):
    check_split(split, make_dataset(ROWS))
    pairs = split_pairs(split)
    assert set(pairs.iter_rows()) == {(str(user), str(item)) for user, item, _ in ROWS}
    assert len(pairs) == len(ROWS)


def test_split_may_count_fewer_interactions_than_the_data_has(split):
    check_split(split, make_dataset([*ROWS, ("new", "another", 1.0)]))


@pytest.mark.parametrize(
    ("drop", "said"),
    [
        (lambda row: row[1] == ROWS[0][1], "1 of its 8 items"),
        (lambda row: row[0] == ROWS[0][0], "1 of its 20 users"),
        (lambda row: row == ROWS[0], "1 of its 160 interactions"),
    ],
)
def test_split_of_other_data_is_refused_with_what_is_missing(split, drop, said):
    with pytest.raises(DataError, match=said) as caught:
        check_split(split, make_dataset([row for row in ROWS if not drop(row)]))
    assert "--split" in caught.value.hint


@pytest.mark.data
def test_reference_split_fits_movielens_1m_and_not_100k(movielens):
    path = movielens.parent / "reference" / "ml1m_split.npz"
    missing = [str(p) for p in (path, movielens / "ml-1m", movielens / "ml-100k") if not p.exists()]
    if missing:
        pytest.skip(f"NO {' NOR '.join(missing)}")
    split = load_split(path)
    check_split(split, read_dataset(movielens / "ml-1m"))
    with pytest.raises(DataError, match="does not belong to this data"):
        check_split(split, read_dataset(movielens / "ml-100k"))
