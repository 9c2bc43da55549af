"""`prismrec bench` on tiny data: the table, and what is left out or refused."""

from __future__ import annotations

import json

import pytest

from prismrec.__main__ import main

TINY = "[model]\nhidden = 16\nlatent = 4\n[fit]\nepochs = 1\n"


@pytest.fixture(autouse=True)
def _data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "synth", "data", "--users", "120", "--items", "40", "--quiet"]) == 0
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mult-vae.toml").write_text(TINY)


@pytest.mark.slow
def test_bench_tabulates_models_and_baselines_and_goes_on_from_what_is_there(tmp_path, capsys):
    words = ["bench", "data", "--results", "out/x", "--configs", "configs", "--threads", "1", "--flagship", "mult-vae"]
    words += ["--models", "mult-vae", "--baselines", "popularity,item-knn", "--json"]
    assert main(words) == 0
    document = json.loads(capsys.readouterr().out)
    rows = json.loads((tmp_path / "out" / "x.json").read_text())
    assert document["rows"] == rows
    assert {(row["model"], row["flagship"]) for row in rows} == {
        ("popularity", False),
        ("item-knn", False),
        ("mult-vae", True),
    }
    assert all(row["peak_memory_mb"][0] > 50 for row in rows)
    assert next(row for row in rows if row["flagship"])["settings"]["config"]["latent"] == 4
    assert main(words) == 0
    captured = capsys.readouterr()
    assert captured.err.count("reused: ") == 3
    assert json.loads(captured.out)["rows"] == rows


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--models", "oracle"], "oracle"),
        (["--baselines", "oracle"], "oracle"),
        (["--models", "none", "--baselines", "none"], "neither a model nor a baseline"),
        (["--configs", "nowhere"], "no folder nowhere"),
        (["--seed", "3"], "--seeds"),
    ],
)
def test_bench_of_what_is_not_there_is_refused(words, said, capsys):
    assert main(["bench", "data", "--results", "out/x", *words]) == 2
    assert said in capsys.readouterr().err
