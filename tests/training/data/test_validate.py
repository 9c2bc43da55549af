from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from tests.training.data.data_builders import everyone_likes, make_dataset
from training.data.dataset import Dataset, ItemColumn, Reject
from training.data.rejects import REPEATED, RERATED
from training.data.split import Protocol
from training.data.synth import SynthConfig, synthesise
from training.data.validate import Check, validate

ALL = Protocol(threshold=None)
GENRE = (ItemColumn("genre", "genre", "categorical"),)


def check(dataset: Dataset, name: str, protocol: Protocol = ALL, *, max_bad: float = 0.01) -> Check:
    return {c.name: c for c in validate(dataset, protocol, max_bad=max_bad)}[name]


def with_items(genres: list[str | None], *, rows: list[tuple[str, str, float | None]] | None = None) -> Dataset:
    n = len(genres)
    items = pl.DataFrame(
        {"item_id": [str(k) for k in range(n)], "title": ["t"] * n, "genre": pl.Series(genres, dtype=pl.String)}
    )
    return make_dataset(everyone_likes(600, n) if rows is None else rows, items=items, columns=GENRE)


@pytest.fixture(scope="module")
def good() -> Dataset:
    return synthesise(SynthConfig(n_users=600, n_items=60, mean_history=12)).dataset


def test_good_data_passes_every_check(good):
    checks = validate(good, ALL)

    assert [c.name for c in checks if not c.passed] == []
    assert len({c.name for c in checks}) == len(checks) >= 10
    assert all(c.detail for c in checks)


def test_malformed_lines_fail_with_count_and_places(good):
    rejects = (Reject("blank line", 3, ("a.csv:7",)), Reject(REPEATED, 9, ("a.csv:8",)))
    dataset = dataclasses.replace(good, rejects=rejects, n_read=good.n_read + 12)

    found = check(dataset, "lines readable", max_bad=0.0)

    assert (found.passed, found.count, found.examples) == (False, 3, ("a.csv:7",))
    assert "3 x blank line" in found.detail
    assert "--max-bad" in found.hint


@pytest.mark.parametrize(("max_bad", "passed"), [(0.02, False), (0.03, True)])
def test_malformed_lines_pass_up_to_the_share_that_is_allowed(max_bad, passed):
    rows = everyone_likes(97, 1)
    dataset = dataclasses.replace(make_dataset(rows), n_read=100, rejects=(Reject("blank line", 3, ("a.csv:7",)),))

    found = check(dataset, "lines readable", max_bad=max_bad)

    assert (found.passed, found.count) == (passed, 3)
    assert "3.00%" in found.detail


def test_places_of_several_reasons_are_in_the_order_of_the_file(good):
    rejects = (Reject("blank line", 3, ("a.csv:9", "a.csv:10")), Reject("NUL byte", 1, ("a.csv:2",)))

    assert check(dataclasses.replace(good, rejects=rejects), "lines readable").examples == (
        "a.csv:2",
        "a.csv:9",
        "a.csv:10",
    )


def test_missing_item_table_is_not_called_readable_lines():
    found = check(make_dataset(everyone_likes(30, 8)), "item lines readable")
    assert (found.passed, found.detail) == (None, "there is no item table; it is not needed")


def test_data_without_an_item_table_fail_nothing_because_of_it():
    checks = validate(make_dataset(everyone_likes(600, 8)), ALL)
    assert [c.name for c in checks if c.passed is False] == []
    assert [c.name for c in checks if c.passed is None] == ["item lines readable", "items described", "conditions"]
    assert "items.csv" in next(c for c in checks if c.name == "items described").detail


def test_every_check_that_fails_says_what_to_do():
    bad = dataclasses.replace(
        make_dataset([("José", "a\tb", 5.0), ("u", "i", 5.0)]),
        n_read=9,
        rejects=(Reject("blank line", 3, ("a.csv:7",)), Reject(RERATED, 4, ("a.csv:8",))),
    )
    failed = [c for c in validate(bad, Protocol()) if c.passed is False]

    assert {"lines readable", "ratings", "user ids servable"} <= {c.name for c in failed}
    assert all(c.hint for c in failed)


@pytest.mark.parametrize(
    ("columns", "passed", "said"),
    [
        (
            {"genre": ["a", "b"] * 4, "colour": ["x", "y"] * 4},
            True,
            "colour, genre could be a c-vae's condition; genre is",
        ),
        ({"colour": ["x", "y"] * 4}, True, "colour could be a c-vae's condition; colour is the one"),
        ({"colour": ["x", "y"] * 4, "size": ["s", "l"] * 4}, True, "name one with --condition"),
        ({"colour": ["x"] * 8}, False, "none could be"),
    ],
)
def test_conditions_say_which_attributes_there_are_and_which_is_taken(columns, passed, said):
    items = pl.DataFrame({"item_id": [str(k) for k in range(8)], "title": ["t"] * 8, **columns})
    kinds = tuple(ItemColumn(name, name, "categorical") for name in columns)

    found = check(make_dataset(everyone_likes(60, 8), items=items, columns=kinds), "conditions")

    assert found.passed is passed
    assert said in found.detail


def test_no_threshold_is_said_in_words(good):
    assert "every row counts" in check(good, "users left after filtering").detail
    assert "None" not in "".join(c.detail for c in validate(good, ALL))


def test_ids_that_the_service_does_not_take_fail_with_examples():
    found = check(
        make_dataset([(user, "a/b", None) for user in ("José", "a/b", "u1", "user 1", "x y")]), "user ids servable"
    )

    assert (found.passed, found.count, found.examples) == (False, 4, ("'José'", "'a/b'", "'user 1'"))
    assert check(make_dataset([("u", "a\tb", None)]), "item ids servable").count == 1
    assert check(make_dataset([("u1", "José", None)]), "item ids servable").passed


@pytest.mark.parametrize(("reason", "passed"), [(REPEATED, True), (RERATED, False)])
def test_repeats_are_reported_and_contradictions_fail(good, reason, passed):
    found = check(dataclasses.replace(good, rejects=(Reject(reason, 4, ("a.csv:8",)),)), "duplicate pairs")

    assert (found.passed, found.count, found.examples) == (passed, 4, ("a.csv:8",))


@pytest.mark.parametrize(
    ("rating", "protocol", "passed"),
    [
        (None, ALL, True),
        (None, Protocol(), False),
        (5.0, Protocol(), False),  # all ratings equal
        (5.0, ALL, True),
    ],
)
def test_ratings_are_checked_against_the_threshold(rating, protocol, passed):
    assert check(make_dataset(everyone_likes(30, 8, rating=rating)), "ratings", protocol).passed is passed


def test_implausible_timestamps_fail_with_examples(good):
    stamps = pl.Series([5, 1_500_000_000] + [None] * (len(good.interactions) - 2), dtype=pl.Int64)
    dataset = dataclasses.replace(good, interactions=good.interactions.with_columns(timestamp=stamps))

    found = check(dataset, "timestamps")

    assert (found.passed, found.count) == (False, 1)
    assert found.examples[0].endswith(": 5")


def test_items_without_a_row_fail_with_their_ids():
    found = check(with_items(["a", "b", "a"] * 2, rows=everyone_likes(30, 8)), "items described")

    assert (found.passed, found.count, found.examples) == (False, 2, ("6", "7"))
    assert check(make_dataset(everyone_likes(30, 8)), "items described").passed is None


@pytest.mark.parametrize(
    ("genres", "passed", "count"),
    [(["a", "b"] * 4, True, 0), (["a"] * 8, False, 0), ([None] * 5 + ["a", "b", "c"], False, 5)],
)
def test_attribute_fails_when_it_tells_nothing_or_is_mostly_missing(genres, passed, count):
    found = check(with_items(genres), "attribute genre")

    assert (found.passed, found.count) == (passed, count)


def test_item_that_dominates_fails():
    rows = [(str(u), str(i), None) for u in range(300) for i in ([0] + [(u * 7 + k) % 99 + 1 for k in range(6)])]

    found = check(make_dataset(rows), "popularity")

    assert (found.passed, found.examples) == (False, ("0",))


@pytest.mark.parametrize("rows", [[("u", "i", None)], everyone_likes(1, 8), everyone_likes(40, 2)])
def test_data_that_cannot_be_split_fails_instead_of_raising(rows):
    found = validate(make_dataset(rows), ALL)[-1]

    assert (found.name, found.passed) == ("enough users to hold out", False)
    assert found.detail


def test_few_test_users_fail():
    found = check(make_dataset(everyone_likes(40, 8)), "enough users to hold out")

    assert (found.passed, found.count) == (False, 4)
