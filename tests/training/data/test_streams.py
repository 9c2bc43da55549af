"""Large files are read some rows at a time, with the same result; what stays takes 20 bytes an interaction."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.data import lines, parquet, repeats, split
from training.data.check_split import check_split
from training.data.convert import write_dataset
from training.data.dataset import Dataset
from training.data.ids import codes, numbers
from training.data.read import read_dataset
from training.data.split import Protocol, split_dataset

N_ROWS = 3000


def log(*, long_ids: bool = False) -> pl.DataFrame:
    """3000 rows of 90 users; rows 1000 and 2500 (from 0) have no item, row 2999 repeats row 7 with another rating."""
    row = np.arange(N_ROWS)
    pad = "a-long-identifier-as-services-make-them-" if long_ids else ""
    items = [f"{pad}i{i}" for i in (row // 90 * 7 + row % 90) % 331]
    items[1000] = items[2500] = ""
    users = [f"{pad}u{u}" for u in row % 90]
    users[2999], items[2999] = users[7], items[7]
    ratings = np.where(row == 2999, 1.0, 4.0)
    return pl.DataFrame({"user_id": users, "item_id": items, "rating": ratings, "timestamp": 1_500_000_000 + row})


@pytest.fixture
def in_small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and bytes at a time so few that every file here takes many portions."""
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 70)
    monkeypatch.setattr(repeats, "ROWS_AT_ONCE", 70)
    monkeypatch.setattr(split, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(lines.read_blocks, "__kwdefaults__", {"block_bytes": 1500})


def read(folder: Path, form: str) -> Dataset:
    path = folder / f"log.{form}"
    if form == "parquet":
        log().write_parquet(path, row_group_size=100)
    else:
        log().write_csv(path)
    return read_dataset(path)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_portions_give_what_the_whole_gives(form: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    whole = read(tmp_path, form)
    request.getfixturevalue("in_small_portions")
    portions = read(tmp_path, form)
    assert portions.interactions.equals(whole.interactions)
    assert portions.rejects == whole.rejects
    assert portions.n_read == whole.n_read == N_ROWS
    split_of = [split_dataset(d, Protocol(threshold=None)).fingerprint for d in (whole, portions)]
    assert split_of[0] == split_of[1]


@pytest.mark.parametrize(("form", "first"), [("csv", 2), ("parquet", 1)])
@pytest.mark.usefixtures("in_small_portions")
def test_rejects_name_their_line_in_whatever_portion_it_is(form: str, first: int, tmp_path: Path) -> None:
    rejects = {r.reason: r.examples for r in read(tmp_path, form).rejects}
    assert rejects["empty item id"] == (f"log.{form}:{1000 + first}", f"log.{form}:{2500 + first}")
    assert rejects["same user and item again with another rating (the latest is kept)"] == (f"log.{form}:{7 + first}",)


@pytest.mark.usefixtures("in_small_portions")
def test_converted_data_come_back_as_they_were(tmp_path: Path) -> None:
    dataset = read(tmp_path, "csv")
    write_dataset(dataset, tmp_path / "converted")
    back = read_dataset(tmp_path / "converted")
    assert back.interactions.equals(dataset.interactions)
    assert pl.read_parquet_schema(tmp_path / "converted" / "interactions.parquet")["user_id"] == pl.String


def test_interactions_take_20_bytes_a_row_however_long_their_ids(tmp_path: Path) -> None:
    log(long_ids=True).write_parquet(tmp_path / "log.parquet")
    table = read_dataset(tmp_path / "log.parquet").interactions
    assert table.estimated_size() / len(table) <= 21
    as_text = table.cast({"user_id": pl.String, "item_id": pl.String})
    assert as_text.estimated_size() / len(table) > 60  # the control


def test_codes_are_places_in_the_order_and_unknown_ids_have_none() -> None:
    order = pl.Series(["2", "10", "a"])
    for ids in (pl.Series(["a", "2", "x", "2"]), pl.Series(["a", "2", "x", "2"], dtype=pl.Categorical)):
        assert codes(ids, order).tolist() == [2, 0, -1, 0]
    assert codes(pl.Series([], dtype=pl.String), order).tolist() == []
    assert codes(pl.Series(["a"]), pl.Series([], dtype=pl.String)).tolist() == [-1]


def test_numbers_of_text_are_refused_because_they_would_not_last() -> None:
    order, ids = pl.Series(["m0", "m1", "m2"]), pl.Series(["m2", "m1"])
    assert codes(ids, order).tolist() == [2, 1]  # whichever of the two is numbered first, and nothing else is alive
    with pytest.raises(AssertionError, match="would be gone"):
        numbers(ids)


def test_text_columns_give_the_same_split(tmp_path: Path) -> None:
    dataset = read(tmp_path, "csv")
    text = dataclasses.replace(
        dataset, interactions=dataset.interactions.cast({"user_id": pl.String, "item_id": pl.String})
    )
    found = [split_dataset(d, Protocol(threshold=None)) for d in (dataset, text)]
    assert found[0].fingerprint == found[1].fingerprint
    check_split(found[0], text)
