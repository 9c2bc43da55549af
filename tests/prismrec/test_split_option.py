"""`--split FILE` and `--baselines`: read, checked against the data, and nothing else may say how to split."""

from __future__ import annotations

import json

import numpy as np
import pytest

from prismrec.__main__ import main
from prismrec.commands.evaluate import baselines_of
from prismrec.failures import CommandError
from training.data.split_file import load_split
from training.errors import ConfigError

QUICK = ("--set", "fit.epochs=2", "--set", "hidden=16", "--set", "latent=4", "--threads", "1", "--quiet")
DATA = ("--users", "120", "--items", "40")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(tmp_path):
    """A run on synthetic data with 15 users held out, and its split."""
    assert main(["data", "synth", "data", *DATA]) == 0
    assert main(["train", "data", "--model", "mult-vae", "-o", "run", "--heldout", "15", *QUICK]) == 0
    return tmp_path / "run"


def test_train_and_evaluate_with_a_split_file_use_that_split(run, capsys):
    assert main(["train", "data", "--model", "mult-vae", "-o", "again", "--split", "run/split.npz", *QUICK]) == 0
    assert (run.parent / "again" / "best.pt").read_bytes() == (run / "best.pt").read_bytes()
    assert load_split(run.parent / "again" / "split.npz").fingerprint == load_split(run / "split.npz").fingerprint
    capsys.readouterr()
    words = ("evaluate", "data", "--run", "third", "--split", "run/split.npz", "--baselines", "item-knn,popularity")
    assert main([*words, *QUICK[:-3], "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["baselines"]) == ["item-knn", "popularity"]
    assert document["model"]["ndcg@100"]["n"] == 15


def test_train_without_the_file_splits_otherwise(run):
    """The control: by default a tenth of the users is held out, not 15."""
    assert main(["train", "data", "--model", "mult-vae", "-o", "other", *QUICK]) == 0
    assert len(load_split(run.parent / "other" / "split.npz").test.users) == 12


def test_split_in_the_reference_form_is_read_too(run):
    split, arrays = load_split(run / "split.npz"), dict(np.load(run / "split.npz", allow_pickle=False))
    arrays["item_movie_id"] = arrays.pop("item_id")
    del arrays["protocol"], arrays["fingerprint"], arrays["format"]
    np.savez(run / "reference.npz", **arrays)
    words = ("train", "data", "--model", "mult-vae", "-o", "again", "--split", "run/reference.npz", *QUICK)
    assert main([*words]) == 0
    assert load_split(run.parent / "again" / "split.npz").fingerprint == split.fingerprint


@pytest.mark.parametrize("option", [("--heldout", "5"), ("--threshold", "3"), ("--set", "min_items=2")])
def test_split_file_and_words_on_how_to_split_are_refused(run, option, capsys):
    assert main(["train", "data", "-o", "no", "--split", "run/split.npz", *option]) == 2
    assert "--split reads one" in capsys.readouterr().err


def test_split_of_other_data_is_refused(run, capsys):
    assert main(["data", "synth", "less", "--users", "60", "--items", "40"]) == 0
    assert main(["train", "less", "-o", "no", "--split", "run/split.npz"]) == 2
    assert "the split does not belong to this data" in capsys.readouterr().err


def test_split_with_a_finished_run_is_refused(run, capsys):
    assert main(["evaluate", "run", "--split", "run/split.npz"]) == 2
    assert "--split says how to train" in capsys.readouterr().err


def test_baselines_are_named_once_and_known():
    assert baselines_of(None) == ("popularity", "ease")
    assert baselines_of("als, ease,als") == ("als", "ease")
    assert baselines_of("none") == ()
    with pytest.raises(ConfigError, match="'slim'"):
        baselines_of("ease,slim")
    with pytest.raises(CommandError, match="empty"):
        baselines_of(",")
