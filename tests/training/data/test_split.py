from __future__ import annotations

import dataclasses
import time

import numpy as np
import polars as pl
import pytest

from tests.training.data.data_builders import everyone_likes, make_dataset
from training.data.ids import ascending
from training.data.split import HeldOut, Protocol, Split, split_dataset
from training.data.synth import SynthConfig, synthesise
from training.errors import ConfigError, DataError

ALL = Protocol(threshold=None)


@pytest.fixture(scope="module")
def synthetic():
    return synthesise(SynthConfig(n_users=200, n_items=60, mean_history=12)).dataset


def heldout_items(split: Split, part: HeldOut) -> dict[str, set[str]]:
    union = (part.fold_in + part.target).tocsr()
    return {
        user: {split.item_ids[ix] for ix in union.indices[union.indptr[row] : union.indptr[row + 1]]}
        for row, user in enumerate(part.users)
    }


def test_split_holds_out_whole_users_and_loses_no_training_interaction(synthetic):
    split = split_dataset(synthetic, ALL)
    train, validation, test = set(split.train_users), set(split.validation.users), set(split.test.users)
    history = dict(synthetic.interactions.group_by("user_id").agg("item_id").iter_rows())

    assert (len(validation), len(test)) == (20, 20)
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert train | validation | test == set(history)
    for row, user in enumerate(split.train_users):
        assert {split.item_ids[ix] for ix in split.train[row].indices} == set(history[user])
    for part in (split.validation, split.test):
        for user, items in heldout_items(split, part).items():
            assert items == set(history[user]) & set(split.item_ids)


def test_heldout_items_are_cut_into_disjoint_fold_in_and_a_fifth_of_targets(synthetic):
    split = split_dataset(synthetic, ALL)

    for part in (split.validation, split.test):
        n_target, n_fold_in = np.diff(part.target.indptr), np.diff(part.fold_in.indptr)
        assert part.fold_in.multiply(part.target).nnz == 0
        assert np.array_equal(n_target, np.maximum(1, (0.2 * (n_target + n_fold_in)).astype(int)))
        assert set(part.fold_in.data) | set(part.target.data) == {1.0}
        assert part.fold_in.dtype == np.float32


def test_item_ids_are_those_of_training_users_in_ascending_order():
    rows = [*everyone_likes(30, 12), ("heldout", "only here", None)]
    split = split_dataset(make_dataset(rows[:-1]), ALL)

    assert split.item_ids == tuple(str(i) for i in range(12))


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["10", "9", "2", "9"], ["2", "9", "10"]),
        (["10", "9", "a"], ["10", "9", "a"]),
        (["010", "9"], ["010", "9"]),
        (["é", "z", "Z"], ["Z", "z", "é"]),
    ],
)
def test_ids_ascend_by_number_only_when_all_are_plain_numbers(ids, expected):
    assert ascending(pl.Series(ids)).to_list() == expected


def test_split_does_not_depend_on_how_users_rows_are_mixed(synthetic):
    table = synthetic.interactions
    rng = np.random.default_rng(5)
    key = {user: k for k, user in enumerate(rng.permutation(table["user_id"].unique().to_numpy()))}
    mixed = table.with_columns(k=pl.col("user_id").replace_strict(key)).sort("k", maintain_order=True).drop("k")
    assert not mixed.equals(table)
    other = make_dataset(mixed.select("user_id", "item_id", "rating").rows())

    assert split_dataset(other, ALL).fingerprint == split_dataset(synthetic, ALL).fingerprint


def test_fingerprint_changes_with_seed_and_with_one_interaction(synthetic):
    base = split_dataset(synthetic, ALL).fingerprint
    one_less = make_dataset(synthetic.interactions.select("user_id", "item_id", "rating").rows()[1:])

    assert len(base) == 64
    assert split_dataset(synthetic, ALL).fingerprint == base
    assert split_dataset(synthetic, Protocol(threshold=None, seed=1)).fingerprint != base
    assert split_dataset(one_less, ALL).fingerprint != base


def test_only_ratings_from_the_threshold_on_and_active_users_count():
    rows = everyone_likes(20, 8, rating=4.0) + [("few", str(i), 5.0) for i in range(4)]
    rows += [("grumpy", str(i), 3.5) for i in range(8)]

    split = split_dataset(make_dataset(rows), Protocol(threshold=4.0, min_items=5))

    users = {*split.train_users, *split.validation.users, *split.test.users}
    assert users == {str(u) for u in range(20)}


def test_repeated_pair_counts_once():
    rows = everyone_likes(20, 8)

    split = split_dataset(make_dataset(rows + rows), ALL)

    assert split.train.max() == 1.0
    assert split.fingerprint == split_dataset(make_dataset(rows), ALL).fingerprint


def test_heldout_user_without_common_items_is_left_out_and_logged(caplog):
    rows = everyone_likes(40, 10)
    test_user = split_dataset(make_dataset(rows), ALL).test.users[0]
    own = [(u, f"9{i}" if u == test_user else i, r) for u, i, r in rows]

    split = split_dataset(make_dataset(own), ALL)

    assert test_user not in split.test.users
    assert len(split.test.users) == 3
    assert "1 of 4 test users" in caplog.text


@pytest.mark.parametrize(
    ("rows", "protocol", "said"),
    [
        (everyone_likes(1, 9), ALL, "1 user is left after filtering.*needs at least 4"),
        (everyone_likes(3, 9), ALL, "3 users are left after filtering.*needs at least 4"),
        (everyone_likes(50, 9), Protocol(threshold=None, n_heldout=25), "holding out 25 .* needs at least 52"),
        (everyone_likes(50, 1), Protocol(threshold=None, min_items=1), "a single item"),
        (everyone_likes(50, 4), ALL, r"no user is left after filtering: none has 5 .*at most 4"),
        (everyone_likes(50, 9, rating=3.0), Protocol(), "no rating reaches the threshold 4, the highest is 3"),
        (everyone_likes(50, 9), Protocol(), "no interaction has a rating"),
        ([], ALL, "no user is left after filtering"),
    ],
)
def test_t4_data_that_is_not_enough_is_refused_naming_what_is_needed(rows, protocol, said):
    with pytest.raises(DataError, match=said) as refused:
        split_dataset(make_dataset(rows), protocol)

    assert refused.value.hint


def test_heldout_users_that_share_nothing_with_training_are_refused():
    rows = [(str(u), f"{u}-{i}", None) for u in range(40) for i in range(6)]

    with pytest.raises(DataError, match="no validation user has two items"):
        split_dataset(make_dataset(rows), ALL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": float("nan")},
        {"min_items": 0},
        {"n_heldout": 0},
        {"target_share": 0.0},
        {"target_share": 1.0},
        {"seed": -1},
        {"seed": 2**32},
        {"min_items": "abc"},
        {"min_items": 1.5},
        {"n_heldout": True},
        {"target_share": "x"},
    ],
)
def test_protocol_out_of_bounds_is_a_config_error(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        split_dataset(make_dataset(everyone_likes(20, 8)), Protocol(**wrong))


def test_hundred_thousand_users_are_split_in_seconds():
    rng = np.random.default_rng(0)
    n = 100_000 * 10
    table = pl.DataFrame({"user_id": np.repeat(np.arange(100_000), 10), "item_id": rng.integers(0, 5000, n)})
    dataset = make_dataset([])
    table = table.select(pl.all().cast(pl.String), rating=pl.lit(None, dtype=pl.Float32))

    start = time.perf_counter()
    split = split_dataset(dataclasses.replace(dataset, interactions=table), ALL)

    assert len(split.test.users) == 10_000
    assert time.perf_counter() - start < 30  # about two seconds on one free core; a loop over users would take minutes
