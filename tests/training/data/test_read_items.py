"""The item table of the general form: kinds of attributes, missing values, rejected rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from training.data.dataset import Dataset, ItemColumn
from training.data.read import read_dataset
from training.errors import DataError


def dataset_with(folder: Path, items: str | bytes, *, max_bad: float = 0.0) -> Dataset:
    (folder / "interactions.csv").write_text("user_id,item_id\nu,1\nu,2\nu,3\n")
    (folder / "items.csv").write_bytes(items if isinstance(items, bytes) else items.encode())
    return read_dataset(folder, max_bad=max_bad)


def test_attribute_kinds_follow_from_the_cells(tmp_path):
    dataset = dataset_with(
        tmp_path,
        "item_id,title,genres,year,length,studio\n"
        '1,"Heat, again",Crime| Drama|Crime,1995,170.5,A\n'
        "2,,(no genres listed),,90,\n"
        "3,Up,Family,2009?,96,B\n",
    )

    assert dataset.columns == (
        ItemColumn("genre", "genres", "multilabel"),
        ItemColumn("year", "year", "numeric"),
        ItemColumn("length", "length", "numeric"),
        ItemColumn("studio", "studio", "categorical"),
    )
    assert dataset.items.rows() == [
        ("1", "Heat, again", ["Crime", "Drama"], 1995.0, 170.5, "A"),
        ("2", None, None, None, 90.0, None),
        ("3", "Up", ["Family"], None, 96.0, "B"),
    ]
    assert "items.csv: 1 cells of year are not usable and count as missing" in dataset.notes


def test_items_without_a_row_are_kept_and_noted(tmp_path):
    dataset = dataset_with(tmp_path, "item_id,title\n1,One\n9,Nine\n")

    assert len(dataset.interactions) == 3
    assert "2 items occur in interactions but have no item row (2, 3); kept" in dataset.notes


def test_rejected_item_rows_are_counted_and_the_last_of_an_item_is_kept(tmp_path):
    dataset = dataset_with(tmp_path, "item_id,title\n1,One\n,No id\n1,Uno\n2\n", max_bad=1.0)

    assert dataset.items.rows() == [("1", "Uno")]
    assert {r.reason: (r.count, r.examples) for r in dataset.item_rejects} == {
        "empty item id": (1, ("items.csv:3",)),
        "same item again (the last line is kept)": (1, ("items.csv:2",)),
        "wrong number of fields (expected 2)": (1, ("items.csv:5",)),
    }
    assert dataset.n_items_read == len(dataset.items) + sum(r.count for r in dataset.item_rejects)


def test_too_many_malformed_item_rows_are_refused(tmp_path):
    with pytest.raises(DataError, match="items: 1 of 2 lines"):
        dataset_with(tmp_path, "item_id,title\n1,One\n,Two\n", max_bad=0.01)


def test_latin1_items_are_read_and_noted(tmp_path):
    dataset = dataset_with(tmp_path, "item_id,title\n1,Amélie\n".encode("latin-1"))

    assert dataset.items["title"].to_list() == ["Amélie"]
    assert "items.csv is not UTF-8 and was read as latin-1" in dataset.notes


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("title,year", "column item_id is missing"),
        ("item_id,genre,genres", "both genre and genres"),
        ("item_id,_line", "'_line' are reserved"),
        ("item_id,x,x", "columns repeat"),
    ],
)
def test_wrong_item_header_is_refused(tmp_path, header, said):
    with pytest.raises(DataError, match=said):
        dataset_with(tmp_path, f"{header}\n1,2,3\n")


def test_column_names_that_the_reader_uses_inside_are_ordinary_attributes(tmp_path):
    dataset = dataset_with(tmp_path, "item_id,line,reason,raw,unit\n1,a,b,c,d\n")

    assert dataset.items.rows() == [("1", None, "a", "b", "c", "d")]


def test_parquet_items_keep_lists_numbers_and_truth_values(tmp_path):
    interactions = tmp_path / "mine.tsv"
    interactions.write_text("user_id\titem_id\nu\t1\n")
    pl.DataFrame(
        {"item_id": [1, 2], "genres": [["A"], []], "year": [1999, None], "new": [True, None]},
    ).write_parquet(tmp_path / "things.parquet")

    dataset = read_dataset(interactions, items=tmp_path / "things.parquet")

    assert dataset.name == "mine"
    assert dataset.items.rows() == [("1", None, ["A"], 1999.0, "true"), ("2", None, None, None, None)]
    assert [c.kind for c in dataset.columns] == ["multilabel", "numeric", "categorical"]


def test_parquet_list_value_with_a_bar_is_refused(tmp_path):
    (tmp_path / "interactions.csv").write_text("user_id,item_id\nu,1\n")
    pl.DataFrame({"item_id": ["1"], "tags": [["a|b"]]}).write_parquet(tmp_path / "items.parquet")

    with pytest.raises(DataError, match=r"holds a '\|'"):
        read_dataset(tmp_path)
