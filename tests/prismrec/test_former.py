"""`prismrec train -c RUN/run.json`: the same numbers again, from what the run says of itself."""

from __future__ import annotations

import json

import pytest

from prismrec.__main__ import main
from training.run_folder import RunFolder

QUICK = ("--set", "fit.epochs=2", "--set", "hidden=16", "--set", "latent=4", "--threads", "1", "--quiet")


@pytest.fixture(autouse=True)
def run(tmp_path, monkeypatch) -> RunFolder:
    """A c-vae with a seed and a split that are not the default ones."""
    monkeypatch.chdir(tmp_path)
    assert main(["data", "synth", "data", "--users", "120", "--items", "40", "--quiet"]) == 0
    assert main(["train", "data", "-o", "run", "--seed", "7", "--heldout", "15", *QUICK]) == 0
    return RunFolder(tmp_path / "run")


def numbers(run: RunFolder) -> list[dict[str, object]]:
    """The epochs' figures, without the seconds they took."""
    lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.mark.parametrize("with_split", [True, False])
def test_train_again_gives_the_same_numbers(run, tmp_path, with_split):
    if not with_split:
        run.split.unlink()
    assert main(["train", "-c", "run/run.json", "-o", "again", "--threads", "1", "--quiet"]) == 0
    again = RunFolder(tmp_path / "again")
    assert numbers(again) == numbers(run)
    assert again.best.read_bytes() == run.best.read_bytes()
    before, after = run.load_info(), again.load_info()
    assert (after.config, after.fit, after.seeds, after.data) == (before.config, before.fit, before.seeds, before.data)
    assert after.protocol == before.protocol


def test_train_again_with_another_seed_gives_other_numbers(run, tmp_path):
    """The control."""
    assert main(["train", "-c", "run/run.json", "-o", "again", "--seed", "8", "--threads", "1", "--quiet"]) == 0
    assert numbers(RunFolder(tmp_path / "again")) != numbers(run)


def test_train_again_on_changed_data_is_refused(run, capsys):
    run.split.unlink()
    assert main(["data", "synth", "data", "--users", "121", "--items", "40", "--quiet", "--replace"]) == 0
    assert main(["train", "-c", "run/run.json", "-o", "again"]) == 2
    assert "was trained on other data" in capsys.readouterr().err


def test_train_other_data_with_the_settings_of_a_run(tmp_path):
    assert main(["data", "synth", "other", "--users", "100", "--items", "30", "--quiet"]) == 0
    assert main(["train", "other", "-c", "run/run.json", "-o", "again", "--threads", "1", "--quiet"]) == 0
    info = RunFolder(tmp_path / "again").load_info()
    assert (info.kind, info.config["latent"], info.seeds["train"], info.source) == ("c-vae", 4, 7, "other")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train"], "there is no DATA"),
        (["train", "-c", "run/items.json"], "neither TOML nor a run's run.json"),
        (["train", "-c", "nowhere/run.json"], "no run folder"),
    ],
)
def test_train_without_data_or_a_run_is_refused(words, said, capsys):
    assert main([*words, "-o", "again"]) == 2
    assert said in capsys.readouterr().err
