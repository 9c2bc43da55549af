from __future__ import annotations

import json

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from training.data.convert import write_dataset
from training.data.converted import DATASET_FILE, INTERACTIONS_FILE, ITEMS_FILE
from training.data.dataset import Dataset
from training.data.read import read_dataset
from training.errors import DataError


@pytest.fixture
def dataset(tmp_path) -> Dataset:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "interactions.csv").write_text(
        "user_id,item_id,rating,timestamp\nu,1,3,1500000000\nu,1,4,\nv,2,,\nv,3,1,5\n"
    )
    (folder / "items.csv").write_text("item_id,title,genres,year,studio\n1,One,A|B,1999,X\n2,,,,\n")
    return read_dataset(folder, max_bad=1.0)


def test_written_dataset_is_read_back_the_same(tmp_path, dataset):
    write_dataset(dataset, tmp_path / "out")

    again = read_dataset(tmp_path / "out")

    assert dataset.rejects  # so that they are part of what must come back
    assert dataset.notes
    assert_frame_equal(again.interactions, dataset.interactions)
    assert_frame_equal(again.items, dataset.items)
    for field in (
        "name",
        "source",
        "columns",
        "threshold",
        "n_read",
        "rejects",
        "n_items_read",
        "item_rejects",
        "notes",
    ):
        assert getattr(again, field) == getattr(dataset, field)


def test_dataset_without_an_item_table_is_read_back(tmp_path):
    (tmp_path / "a.csv").write_text("user_id,item_id\nu,1\n")
    dataset = read_dataset(tmp_path / "a.csv")

    write_dataset(dataset, tmp_path / "out")

    assert_frame_equal(read_dataset(tmp_path / "out").items, dataset.items)


def test_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path, dataset):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine")

    for replace in (False, True):
        with pytest.raises(DataError, match="is not empty"):
            write_dataset(dataset, out, replace=replace)

    assert [p.name for p in out.iterdir()] == ["precious.txt"]


def test_existing_dataset_is_replaced_only_when_asked(tmp_path, dataset):
    write_dataset(dataset, tmp_path / "out")

    with pytest.raises(DataError, match="is not empty"):
        write_dataset(dataset, tmp_path / "out")
    write_dataset(dataset, tmp_path / "out", replace=True)

    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [DATASET_FILE, INTERACTIONS_FILE, ITEMS_FILE]


def test_file_in_place_of_the_folder_is_refused(tmp_path, dataset):
    (tmp_path / "out").write_text("")

    with pytest.raises(DataError, match="cannot be written to"):
        write_dataset(dataset, tmp_path / "out")


def shorten(path):
    pl.read_parquet(path).head(1).write_parquet(path)


def rename_column(path):
    pl.read_parquet(path).rename({"user_id": "person"}).write_parquet(path)


def truncate(path):
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize("damage", [shorten, rename_column, truncate, lambda path: path.unlink()])
def test_damaged_table_is_refused(tmp_path, dataset, damage):
    write_dataset(dataset, tmp_path / "out")
    damage(tmp_path / "out" / INTERACTIONS_FILE)

    with pytest.raises(DataError) as refused:
        read_dataset(tmp_path / "out")

    assert "convert" in refused.value.hint


@pytest.mark.parametrize("header", ["{", "[]", '{"format_version": 1}'])
def test_damaged_header_is_refused(tmp_path, dataset, header):
    write_dataset(dataset, tmp_path / "out")
    (tmp_path / "out" / DATASET_FILE).write_text(header)

    with pytest.raises(DataError, match="cannot be read"):
        read_dataset(tmp_path / "out")


def test_header_of_another_format_is_refused(tmp_path, dataset):
    write_dataset(dataset, tmp_path / "out")
    path = tmp_path / "out" / DATASET_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 2}))

    with pytest.raises(DataError, match="format 2"):
        read_dataset(tmp_path / "out")
