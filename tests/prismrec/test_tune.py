"""`prismrec tune` by the command: a study, a file, and a training with it."""

from __future__ import annotations

import json

import pytest

from prismrec.__main__ import main

QUICK = ("--set", "fit.epochs=1", "--set", "hidden=16", "--set", "latent=4", "--threads", "1")


@pytest.mark.slow
def test_tune_writes_the_best_settings_and_train_takes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "synth", "data", "--users", "120", "--items", "40", "--quiet"]) == 0
    capsys.readouterr()
    words = ["tune", "data", "--model", "mult-vae", "--best", "configs/mult-vae.toml", "--json", *QUICK]
    assert main([*words, "--trials", "2"]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert sum(document["trials"].values()) == 2
    assert "trial 2 of 2" in captured.err
    assert not {"model.hidden", "model.latent"} & document["best"]["settings"].keys()
    assert main([*words, "--trials", "2"]) == 0
    assert json.loads(capsys.readouterr().out)["best"] == document["best"]
    assert (
        main(["train", "data", "-c", "configs/mult-vae.toml", "-o", "run", "--quiet", "--json", "--threads", "1"]) == 0
    )
    trained = json.loads(capsys.readouterr().out)
    assert trained["validation_ndcg@100"] == document["validation_ndcg@100"]


@pytest.mark.slow
def test_tune_searches_what_is_said_and_leaves_a_record(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "synth", "data", "--users", "120", "--items", "40", "--quiet"]) == 0
    capsys.readouterr()
    words = ["tune", "data", "--model", "mult-vae", "--record", "search/mult-vae", "--json", *QUICK]
    words += ["--search", "dropout=0.1:0.6", "--search", "batch_size=20,40"]
    for trials in ("1", "2"):  # the second call goes on with the first
        assert main([*words, "--trials", trials]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    record = json.loads((tmp_path / "search" / "mult-vae.json").read_text())
    assert document["record"] == ["search/mult-vae.md", "search/mult-vae.json"]
    assert record["space"].keys() == {"model.dropout", "fit.batch_size"}
    assert len(record["trials"]) == 2 and record["fixed"]["model.latent"] == 4
    assert max(t["ndcg@100"] for t in record["trials"]) == document["validation_ndcg@100"]


@pytest.mark.parametrize(
    ("said", "message"),
    [("latnt=3,4", "did you mean 'latent'?"), ("latent=0:4", "latent is 0"), ("latent=a:b", "no range")],
)
def test_tune_of_an_impossible_search_is_refused(said, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "synth", "data", "--users", "60", "--items", "40", "--quiet"]) == 0
    assert main(["tune", "data", "--model", "mult-vae", "--search", said]) == 2
    assert message in capsys.readouterr().err


def test_tune_with_everything_set_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    keys = ("hidden=16", "latent=4", "dropout=0.5", "learning_rate=0.1", "batch_size=9", "beta_cap=1", "weight_decay=0")
    words = [word for key in keys for word in ("--set", key)]
    assert main(["tune", "data", "--model", "mult-vae", *words]) == 2
    assert "set already" in capsys.readouterr().err
