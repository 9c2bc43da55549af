"""The general form: every line is kept or counted with its reason, and a wrong table is refused with a way on."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from training.data.dataset import Dataset
from training.data.read import read_dataset
from training.data.rejects import REPEATED, RERATED
from training.errors import ConfigError, DataError

HEADER = "user_id,item_id,rating,timestamp\n"
GOOD = "".join(f"u{k},i{k % 7},{k % 5 + 1},{1_500_000_000 + k}\n" for k in range(400))


def write(folder: Path, content: str | bytes, name: str = "interactions.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def reasons(dataset: Dataset) -> dict[str, int]:
    return {r.reason: r.count for r in dataset.rejects}


def assert_nothing_lost(dataset: Dataset) -> None:
    assert dataset.n_read == len(dataset.interactions) + sum(r.count for r in dataset.rejects)


def test_csv_with_every_column_is_read_as_it_stands(tmp_path):
    dataset = read_dataset(write(tmp_path, HEADER + "u1,007,4.5,1500000000\nu2,9,1,\n"))

    assert dataset.interactions.rows() == [("u1", "007", 4.5, 1_500_000_000), ("u2", "9", 1.0, None)]
    assert dataset.threshold is None
    assert dataset.rejects == ()
    assert any("1 interactions have no timestamp" in note for note in dataset.notes)
    assert any("every row counts" in note for note in dataset.notes)


@pytest.mark.parametrize("header", ["userId,movieId", "USER_ID, Item_ID", "user id,itemId"])
def test_header_spellings_are_accepted(tmp_path, header):
    assert read_dataset(write(tmp_path, f"{header}\na,b\n")).interactions.rows() == [("a", "b", None, None)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("interactions.csv", b"\xef\xbb\xbfuser_id,item_id\r\na,b\r\nc,d\r\n"),
        ("interactions.tsv", b"user_id\titem_id\na\tb\nc\td"),
        ("interactions.csv.gz", gzip.compress(b"user_id,item_id\na,b\nc,d\n")),
        ("ratings.csv", b'"user_id","item_id"\n"a","b"\n c , d \n'),
    ],
)
def test_folder_with_one_table_is_read_in_each_spelling(tmp_path, name, content):
    write(tmp_path, content, name)

    assert read_dataset(tmp_path).interactions.select("user_id", "item_id").rows() == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("u,i,3", "wrong number of fields (expected 4)"),
        ("u,i,3,1500000000,x", "wrong number of fields (expected 4)"),
        ("", "blank line"),
        (",i,3,1500000000", "empty user id"),
        ("u, ,3,1500000000", "empty item id"),
        (f"{'é' * 33},i,3,1500000000", "user id longer than 64 bytes"),
        (f"u,{'x' * 65},3,1500000000", "item id longer than 64 bytes"),
        ("u,i\x07,3,1500000000", "control character in item id"),
        ("u,i\x00,3,1500000000", "NUL byte"),
        ("u,i,,1500000000", "rating is empty"),
        ("u,i,good,1500000000", "rating is not a number"),
        ("u,i,NaN,1500000000", "rating is NaN or infinite"),
        ("u,i,-inf,1500000000", "rating is NaN or infinite"),
        ("u,i,1e30,1500000000", "rating outside -1,000,000 to 1,000,000"),
        ("u,i,3,yesterday", "timestamp is not readable"),
        ("u,i,3,-5", "timestamp is not readable"),
        ("u,i,3,1e30", "timestamp is not readable"),
        ('u,"i,3,1500000000', "quote not closed on its line, or misplaced"),
        ('"u"x,i,3,1500000000', "quote not closed on its line, or misplaced"),
        ('"u,i",3,1500000000', "wrong number of fields (expected 4)"),
        ("x" * (1024**2 + 1), "line longer than 1 MiB"),
    ],
)
def test_malformed_line_is_counted_with_its_reason_and_place(tmp_path, line, reason):
    path = write(tmp_path, HEADER + GOOD + line + "\n" + "last,i,3,1500000000\n")

    dataset = read_dataset(path)

    assert reasons(dataset) == {reason: 1}
    assert dataset.rejects[0].examples == ("interactions.csv:402",)
    assert len(dataset.interactions) == 401
    assert dataset.interactions["user_id"][-1] == "last"
    assert_nothing_lost(dataset)


def test_id_of_64_bytes_and_negative_rating_are_kept(tmp_path):
    dataset = read_dataset(write(tmp_path, HEADER + f"{'é' * 32},i,-9.5,0\n"))

    assert dataset.interactions.rows() == [("é" * 32, "i", -9.5, 0)]


@pytest.mark.parametrize(
    ("stamp", "unit"),
    [
        ("1500000000123", "milliseconds"),
        ("1500000000123456", "microseconds"),
        ("1500000000123456789", "nanoseconds"),
        ("1500000000.9", None),
        ("1.5e9", None),
        ("2017-07-14T02:40:00", None),
        ("2017-07-14 02:40:00.250Z", None),
    ],
)
def test_timestamp_in_any_unit_becomes_seconds_and_a_finer_one_is_noted(tmp_path, stamp, unit):
    dataset = read_dataset(write(tmp_path, HEADER + f"u,i,1,{stamp}\n"))

    assert dataset.interactions["timestamp"].to_list() == [1_500_000_000]
    assert [note for note in dataset.notes if "timestamps were read as" in note] == (
        [f"interactions.csv: 1 timestamps were read as {unit}"] if unit else []
    )


def test_date_without_time_is_midnight_utc(tmp_path):
    dataset = read_dataset(write(tmp_path, HEADER + "u,i,1,2017-07-14\n"))

    assert dataset.interactions["timestamp"][0] == int(datetime(2017, 7, 14, tzinfo=UTC).timestamp())


def test_repeated_pair_keeps_the_latest_and_counts_the_others(tmp_path):
    rows = "u,i,3,300\nu,j,1,5\nu,i,3,100\nu,i,2,200\nu,j,4,5\n"

    dataset = read_dataset(write(tmp_path, HEADER + rows))

    assert dataset.interactions.rows() == [("u", "i", 3.0, 300), ("u", "j", 4.0, 5)]
    assert reasons(dataset) == {RERATED: 2, REPEATED: 1}
    assert {r.reason: r.examples for r in dataset.rejects}[RERATED] == ("interactions.csv:3", "interactions.csv:5")
    assert_nothing_lost(dataset)


def test_repeated_pair_without_timestamps_keeps_the_last_line(tmp_path):
    dataset = read_dataset(write(tmp_path, "user_id,item_id,rating\nu,i,1\nv,i,1\nu,i,2\n"))

    assert dataset.interactions.select("user_id", "rating").rows() == [("v", 1.0), ("u", 2.0)]


def test_repeats_alone_never_reach_max_bad(tmp_path):
    dataset = read_dataset(write(tmp_path, "user_id,item_id\n" + "u,i\n" * 50), max_bad=0.0)

    assert reasons(dataset) == {REPEATED: 49}


def test_too_many_malformed_lines_are_refused_naming_counts_places_and_the_flag(tmp_path):
    path = write(tmp_path, HEADER + GOOD + "u,i\n" * 5)

    with pytest.raises(DataError, match=r"5 of 405 lines.*wrong number of fields.*interactions\.csv:402") as refused:
        read_dataset(path)

    assert "--max-bad" in refused.value.hint
    assert read_dataset(path, max_bad=0.02).n_read == 405


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_max_bad_out_of_bounds_is_a_config_error(tmp_path, share):
    with pytest.raises(ConfigError, match="max-bad"):
        read_dataset(write(tmp_path, HEADER + GOOD), max_bad=share)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (HEADER, "has a header but no lines"),
        ("user_id,rating\nu,3\n", "column item_id is missing"),
        ("1,31,2.5,1260759144\n", "column user_id and item_id is missing"),
        ("user_id,item_id,mood\nu,i,x\n", "unknown columns 'mood'"),
        ("user_id;item_id\nu;i\n", "separated by semicolons; expected commas"),
        ("user_id\titem_id\nu\ti\n", "separated by tabs; expected commas"),
        ("user_id,item_id,user_id\nu,i,u\n", "columns repeat: 'user_id'"),
        ("userId,item_id,user_id\nu,i,u\n", "columns repeat: 'user_id'"),
        (",user_id,item_id\n0,u,i\n", "column 1 has no name"),
        ('user_id,"item_id\nu,i\n', "quotes do not match"),
        ("user_id,item_id\n,\n", "malformed"),
        ("x" * 5000, "missing"),
    ],
)
def test_wrong_table_is_refused_with_a_hint(tmp_path, content, said):
    path = write(tmp_path, content)

    with pytest.raises(DataError, match=said) as refused:
        read_dataset(path)

    assert refused.value.hint
    assert len(refused.value.message) < 1000


def test_table_without_one_usable_line_is_refused_even_when_all_may_be_bad(tmp_path):
    with pytest.raises(DataError, match="none of 2 lines is usable: 2 x empty user id"):
        read_dataset(write(tmp_path, "user_id,item_id\n,a\n,b\n"), max_bad=1.0)


def test_parquet_rows_pass_the_same_checks(tmp_path):
    moment = datetime(2017, 7, 14, 2, 40, tzinfo=UTC).replace(tzinfo=None)
    pl.DataFrame(
        {"user_id": [1, 2, None], "item_id": ["a", "b", "c"], "rating": [1.5, 2.0, 3.0], "timestamp": [moment] * 3}
    ).write_parquet(tmp_path / "interactions.parquet")

    dataset = read_dataset(tmp_path, max_bad=0.5)

    assert dataset.interactions.rows() == [("1", "a", 1.5, 1_500_000_000), ("2", "b", 2.0, 1_500_000_000)]
    assert dataset.rejects[0].examples == ("interactions.parquet:3",)
    assert reasons(dataset) == {"empty user id": 1}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pl.DataFrame({"user_id": [1.0], "item_id": ["a"]}), "column user_id has type Float64"),
        (pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "x": [1]}), "unknown columns 'x'"),
        (pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}).clear(), "no rows"),
    ],
)
def test_parquet_with_a_wrong_column_is_refused(tmp_path, table, said):
    table.write_parquet(tmp_path / "interactions.parquet")

    with pytest.raises(DataError, match=said):
        read_dataset(tmp_path)


def test_damaged_parquet_is_refused(tmp_path):
    path = write(tmp_path, b"PAR1 this is not parquet PAR1", "interactions.parquet")

    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_dataset(path)


def test_paths_that_hold_no_data_set_are_refused(tmp_path):
    write(tmp_path, "x", "notes.txt")

    with pytest.raises(DataError, match=r"it holds notes\.txt"):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read_dataset(tmp_path / "absent")
    with pytest.raises(DataError, match="is not known"):
        read_dataset(tmp_path / "notes.txt")


def test_two_tables_of_one_name_are_refused_rather_than_chosen(tmp_path):
    write(tmp_path, HEADER + GOOD)
    write(tmp_path, "user_id\titem_id\na\tb\n", "interactions.tsv")

    with pytest.raises(DataError, match=r"interactions\.csv and interactions\.tsv could each be"):
        read_dataset(tmp_path)
