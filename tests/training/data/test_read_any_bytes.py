"""Whatever the bytes: a data set in which every line is accounted for, or a DataError. Never anything else."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from training.data.read import read_dataset
from training.data.rejects import Tally
from training.errors import DataError

pieces = st.sampled_from(
    [
        ",",
        ",",
        ",",
        "u1",
        "u2",
        "i1",
        "i2",
        "3",
        "4.5",
        "nan",
        "-1e400",
        "1500000000",
        '"',
        '""',
        " ",
        "\r",
        "\t",
        "\x00",
        "\x1f",
        "\ufeff",
        "\u2028",
        "é",
        "|",
        ";",
        "::",
        "x" * 70,
        "2017-07-14",
        "9" * 25,
    ]
)
lines = st.lists(st.lists(pieces, max_size=9).map("".join), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(lines=lines, columns=st.integers(2, 4), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example(lines=[""], columns=2, encoding="utf-8")
@example(lines=["u1,i1", "u1,i1", '"u1,i1'], columns=2, encoding="utf-8")
def test_any_interaction_lines_are_kept_or_counted(lines, columns, encoding):
    header = ",".join(("user_id", "item_id", "rating", "timestamp")[:columns])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "interactions.csv"
        path.write_bytes(("\n".join([header, *lines]) + "\n").encode(encoding))
        try:
            dataset = read_dataset(path, max_bad=1.0)
        except DataError as refused:
            assert refused.hint
            return

    assert dataset.n_read == len(lines)
    assert dataset.n_read == len(dataset.interactions) + sum(r.count for r in dataset.rejects)
    assert not dataset.interactions.select("user_id", "item_id").is_duplicated().any()
    assert dataset.interactions["rating"].drop_nulls().is_finite().all()
    assert dataset.interactions["user_id"].cast(pl.String).str.len_bytes().is_between(1, 64).all()


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200), name=st.sampled_from(["a.csv", "a.tsv", "a.parquet", "a.csv.gz"]))
def test_any_bytes_are_read_or_refused(content, name):
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            read_dataset(path, max_bad=1.0)
        except DataError as refused:
            assert refused.hint


@settings(max_examples=100, deadline=None)
@given(lines=lines)
def test_any_item_lines_are_kept_or_counted(lines):
    with TemporaryDirectory() as folder:
        (Path(folder) / "interactions.csv").write_text("user_id,item_id\nu,i1\n")
        (Path(folder) / "items.csv").write_text("item_id,title,genres\n" + "\n".join(lines) + "\n", newline="")
        dataset = read_dataset(Path(folder), max_bad=1.0)

    assert dataset.n_items_read == len(lines)
    assert dataset.n_items_read == len(dataset.items) + sum(r.count for r in dataset.item_rejects)


def test_accounting_notices_lines_that_are_dropped_in_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(Tally, "add", lambda self, rejected: None)
    (tmp_path / "a.csv").write_text("user_id,item_id\nu,i\nv\n")

    dataset = read_dataset(tmp_path / "a.csv")

    assert dataset.n_read != len(dataset.interactions) + sum(r.count for r in dataset.rejects)
