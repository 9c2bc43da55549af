"""Without a genre the only other attribute is the condition, in every verb that trains."""

from __future__ import annotations

import json

import pytest

from prismrec.__main__ import main

QUICK = ("--set", "epochs=1", "--set", "latent=2", "--set", "hidden=8", "--heldout", "20", "--quiet")


def write(folder, columns: str, *cells: str) -> None:
    folder.mkdir()
    rows = "".join(f"u{u},i{(u * 7 + k) % 12}\n" for u in range(80) for k in range(8))
    (folder / "interactions.csv").write_text("user_id,item_id\n" + rows)
    items = "".join(f"i{i},t{i},{','.join(cell + str(i % 2) for cell in cells)}\n" for i in range(12))
    (folder / "items.csv").write_text(f"item_id,title,{columns}\n{items}")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("model", "shares"), [("additive-vae", {"shares": True}), ("c-vae", {})])
def test_only_attribute_is_the_condition_and_it_is_said(model, shares, tmp_path, capsys):
    write(tmp_path / "data", "colour", "c")
    words = ["--model", model, *[word for word in QUICK if word != "--quiet"]]
    assert main(["train", "data", "-o", "run", *words]) == 0
    assert "the condition is their only other attribute, colour" in capsys.readouterr().err
    conditions = json.loads((tmp_path / "run" / "run.json").read_text())["conditions"]
    assert conditions == {"attribute": "colour", "values": ["c0", "c1"], **shares}


@pytest.mark.parametrize(
    ("columns", "cells", "words"),
    [
        ("colour,size", ("c", "s"), ("--model", "c-vae")),
        ("colour", ("c",), ("--condition", "genre", "--model", "c-vae")),
        ("colour", ("c",), ("--condition", "genre")),
        ("colour", ("c",), ("--set", "condition=genre")),
    ],
)
def test_several_attributes_or_a_named_one_that_is_missing_are_refused(columns, cells, words, tmp_path, capsys):
    write(tmp_path / "data", columns, *cells)
    assert main(["train", "data", "-o", "run", *QUICK, *words]) == 2
    assert "colour" in capsys.readouterr().err.splitlines()[-1]


def test_several_attributes_leave_a_model_that_needs_none_without_a_condition_and_it_is_said(tmp_path, capsys):
    write(tmp_path / "data", "colour,size", "c", "s")
    assert main(["train", "data", "-o", "run", *[word for word in QUICK if word != "--quiet"]]) == 0
    assert "which of colour, size it is can be said with --condition" in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["conditions"]["attribute"] is None


def test_genre_goes_before_other_attributes(tmp_path):
    write(tmp_path / "data", "colour,genre", "c", "g")
    assert main(["train", "data", "-o", "run", *QUICK]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["conditions"]["attribute"] == "genre"
