"""Bad use and bad input: exit code 2, one `error:` line, one `hint:` line, no traceback, nothing on stdout."""

from __future__ import annotations

from pathlib import Path

import pytest

from prismrec.__main__ import main
from tests.builders import damage, make_bundle

HEADER = "user_id,item_id,rating\n"
GOOD = HEADER + "".join(f"u{u},i{i},5\n" for u in range(12) for i in range(6))

DATA = {
    "empty": "",
    "header only": HEADER,
    "no such columns": "who,what\n1,2\n",
    "binary": "\x00\x01\x02" * 50,
    "one column": "user_id\n1\n2\n",
    "NaN ratings": HEADER + "".join(f"u{u},i{i},nan\n" for u in range(9) for i in range(6)),
    "words for ratings": HEADER + "u1,i1,good\nu2,i2,bad\n",
    "one user": HEADER + "".join(f"u,i{i},5\n" for i in range(30)),
    "one item": HEADER + "".join(f"u{u},i,5\n" for u in range(30)),
    "nobody liked anything": HEADER + "".join(f"u{u},i{i},1\n" for u in range(12) for i in range(6)),
    "nobody is left": HEADER + "".join(f"u{u},i{u},5\n" for u in range(30)),
}


def refused(words: list[str], capsys) -> str:
    code = main(words)
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    hints = [line for line in captured.err.splitlines() if line.startswith("hint: ")]
    assert code == 2, captured.err
    assert len(errors) == 1
    assert len(hints) == 1
    assert captured.err.splitlines()[-1] == hints[0]
    assert len(hints[0]) > len("hint: ")
    assert "prismrec broke" not in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    return captured.err


def write(folder: Path, content: str) -> Path:
    folder.mkdir()
    (folder / "interactions.csv").write_text(content, "utf-8")
    return folder


@pytest.mark.parametrize("kind", DATA)
def test_train_on_bad_data_is_refused_and_leaves_nothing(kind, tmp_path, capsys):
    data = write(tmp_path / "data", DATA[kind])
    refused(["train", str(data), "--model", "mult-vae", "--threshold", "4", "-o", str(tmp_path / "run")], capsys)
    assert not (tmp_path / "run" / "best.pt").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--devices", "5000"], "--devices 5000: torch "),
        (["--nodes", "2"], "set MASTER_ADDR and NODE_RANK"),
        (["--devices", "5000", "--device", "cuda"], "torch sees "),
    ],
)
def test_t11_train_on_devices_that_are_not_there_is_refused_before_the_data_are_read(words, said, tmp_path, capsys):
    assert said in refused(["train", str(tmp_path / "no data"), *words], capsys)


def test_describe_of_good_data_is_not_refused(tmp_path, capsys):
    """The control: the same form of data, with enough in it."""
    data = write(tmp_path / "data", GOOD)
    assert main(["data", "describe", str(data), "--heldout", "2", "--json"]) == 0
    assert '"n_items": 6' in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["nonsense"],
        ["train", "DATA", "--nonsense"],
        ["train", "DATA", "--seed", "x"],
        ["train", "DATA", "--model", "oracle"],
        ["train", "DATA", "--set", "latnt=3"],
        ["train", "DATA", "--set", "latent=-3"],
        ["train", "DATA", "--set", "latent=many"],
        ["train", "DATA", "--condition", "colour"],
        ["train", "DATA", "--threshold", "high"],
        ["train", "DATA", "--heldout", "1000"],
        ["train", "nowhere"],
        ["train", "DATA", "-c", "nowhere.toml"],
        ["evaluate", "nowhere"],
        ["decode", "nowhere"],
        ["export", "nowhere"],
        ["verify", "nowhere"],
        ["recommend", "nowhere", "u1"],
        ["load", "nowhere"],
        ["load", "DATA", "--store", "mysql://host/x"],
        ["standalone", "DATA"],
        ["standalone", "DATA", "--out", "models/..bad"],
        ["data", "describe", "nowhere"],
        ["data"],
    ],
    ids=" ".join,
)
def test_bad_use_is_refused(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "DATA", GOOD)
    refused(words, capsys)


def test_synth_over_something_else_is_refused(tmp_path, capsys):
    (tmp_path / "precious.txt").write_text("mine")
    refused(["data", "synth", str(tmp_path), "--replace"], capsys)
    assert (tmp_path / "precious.txt").read_text() == "mine"


@pytest.mark.parametrize("section", ["[modle]\nlatent = 3\n", "[model]\nlatnt = 3\n", "[fit]\nepoch = 1\n", "[model\n"])
def test_config_file_with_an_unknown_key_is_refused(section, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "DATA", GOOD)
    (tmp_path / "c.toml").write_text(section)
    refused(["train", "DATA", "--model", "mult-vae", "-c", "c.toml"], capsys)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("latent=0", "latent is 0"),
        ("hidden=1000000000", "hidden is 1000000000"),
        ("batch_size=0", "batch_size is 0"),
        ("batch_size=1000000000", "batch_size is 1000000000"),
        ("fit.epochs=-1", "epochs is -1"),
        ("learning_rate=nan", "learning_rate is nan"),
        ("dropout=1.5", "dropout is 1.5"),
    ],
)
def test_impossible_size_is_refused_before_the_data_are_read(setting, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert said in refused(["train", "no-such-data", "--model", "mult-vae", "--set", setting], capsys)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[model]\nlatnt = 3\n", "did you mean 'latent'? known: condition, dropout, hidden, kind, latent"),
        ("[fit]\nepoch = 1\n", "did you mean 'epochs'? known: "),
        ("[decode]\npermutation = 1\n", "did you mean 'permutations'? known: "),
        ("[protocol]\nmin_item = 1\n", "did you mean 'min_items'? known: "),
        ("[modle]\nlatent = 3\n", "did you mean 'model'? known: decode, fit, guide, model, protocol"),
        ("[model]\nkind = 'mult-vea'\n", "mult-vae"),
        ("[model]\nlatent = 0\n", "latent"),
    ],
)
def test_unknown_key_of_a_file_is_refused_before_the_data_are_read(content, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(content)
    words = ["train", "no-such-data", "-c", "c.toml"]
    assert said in refused(words if "kind" in content else [*words, "--model", "mult-vae"], capsys)


def test_good_settings_come_as_far_as_the_data(tmp_path, monkeypatch, capsys):
    """The control of the two above."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text("[model]\nlatent = 3\n[fit]\nepochs = 1\n")
    words = ["train", "no-such-data", "-c", "c.toml", "--model", "mult-vae", "--set", "hidden=10"]
    assert "no-such-data does not exist" in refused(words, capsys)


def test_model_too_large_for_the_machine_is_refused_before_training(tmp_path, monkeypatch, capsys):
    from training import sizes

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sizes, "memory_bytes", lambda: 500_000_000)
    write(tmp_path / "DATA", GOOD)
    words = ["train", "DATA", "--model", "mult-vae", "--heldout", "2", "--set", "hidden=16384", "--set", "latent=4096"]
    said = refused([*words, "-o", "run"], capsys)
    assert "hidden 16384, latent 4096 needs at least" in said and "has 0.5 GB" in said
    assert not (tmp_path / "run").exists()


@pytest.fixture
def bundle(tmp_path) -> Path:
    return make_bundle(tmp_path / "models")


@pytest.mark.parametrize(
    "words",
    [
        ["recommend"],
        ["recommend", "nobody"],
        ["recommend", "--history", "{item}", "--genres", "No such genre"],
        ["recommend", "--history", "{item}", "-n", "0"],
        ["recommend", "--history", "{item}", "-n", "100000"],
        ["explain", "--history", "{item}", "--item", "no-such-item"],
        ["coldstart"],
        ["coldstart", "7"],
        ["coldstart", "99:positive"],
        ["coldstart", "0:upwards"],
        ["coldstart", "genre:No such genre"],
        ["coldstart", "0:positive", "--strength", "nan"],
    ],
    ids=" ".join,
)
def test_asking_for_what_is_not_there_is_refused(words, bundle, tmp_path, monkeypatch, capsys):
    from bundle.reader import read_bundle

    monkeypatch.chdir(tmp_path)
    item = read_bundle(bundle).catalogue.ids[0]
    verb, *rest = [word.format(item=item) for word in words]
    refused([verb, str(bundle), *rest], capsys)


@pytest.mark.parametrize("kind", ["flipped-bit", "missing-file"])
def test_asking_a_damaged_bundle_is_refused(kind, bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    damage(bundle, kind)
    refused(["recommend", str(bundle), "--history", "1"], capsys)


def test_posterior_collapse_is_said_by_train_and_by_evaluate(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data", "synth", "data", "--users", "120", "--items", "40", "--quiet"]) == 0
    crushed = ("beta_cap=100", "anneal_steps=1", "fit.epochs=9", "learning_rate=0.05", "hidden=16", "latent=12")
    words = [word for setting in (*crushed, "batch_size=8") for word in ("--set", setting)]
    assert main(["train", "data", "--model", "mult-vae", "-o", "run", "--threads", "1", *words]) == 0
    said = capsys.readouterr()
    assert "posterior collapse: only" in said.err and "of 12 latents are active" in said.err
    assert main(["evaluate", "run", "--baselines", "popularity"]) == 0
    assert "of 12 latents active: posterior collapse" in capsys.readouterr().out


def test_nan_loss_by_the_command_names_the_step_and_leaves_the_best_epoch(tmp_path, monkeypatch, capsys):
    from tests.training.test_fit import nan_at

    monkeypatch.chdir(tmp_path)
    assert main(["data", "synth", "data", "--users", "120", "--items", "40", "--quiet"]) == 0
    nan_at(5, monkeypatch)
    words = ["--set", "fit.epochs=9", "--set", "batch_size=50", "--set", "hidden=16", "--set", "latent=4"]
    assert main(["train", "data", "--model", "mult-vae", "-o", "run", "--threads", "1", *words]) == 2
    said = capsys.readouterr().err
    assert "error: the loss is nan at step 5 (epoch 2)" in said and "hint: train with a lower learning_rate" in said
    assert main(["evaluate", "run", "--baselines", "popularity"]) == 0


def test_t14_export_below_popularity_is_refused_and_forced_with_a_reason_in_the_manifest(tmp_path, monkeypatch, capsys):
    """A model that learned nothing, where everybody likes the same few things; by the commands."""
    from bundle.reader import read_bundle

    monkeypatch.chdir(tmp_path)
    likes = [f"u{u},i{i}" for u in range(80) for i in (*range(8), 8 + u % 50, 8 + (7 * u) % 50)]
    write(tmp_path / "data", "\n".join(["user_id,item_id", *dict.fromkeys(likes)]) + "\n")
    (tmp_path / "data" / "items.csv").write_text("item_id,genres\n" + "".join(f"i{i},g{i % 4}\n" for i in range(58)))
    words = ["--set", "fit.epochs=1", "--set", "learning_rate=1e-9", "--set", "hidden=16", "--set", "latent=2"]
    assert main(["train", "data", "--model", "mult-vae", "-o", "run", "--threads", "1", "--quiet", *words]) == 0
    assert main(["evaluate", "run", "--baselines", "popularity", "--quiet"]) == 0
    few = ["--set", "permutations=20", "--set", "bootstraps=20", "--set", "users=30", "--set", "samples=8"]
    assert main(["decode", "run", "--quiet", *few]) == 0
    capsys.readouterr()
    assert main(["export", "run", "--out", "models/poor"]) == 1
    said = capsys.readouterr().err
    assert "recommending the most popular items" in said and '--force "reason"' in said
    assert not list(tmp_path.glob("models/poor/*/manifest.json"))
    assert main(["export", "run", "--out", "models/poor", "--force", " "]) == 1
    assert main(["export", "run", "--out", "models/poor", "--force", "to see what nothing looks like"]) == 0
    assert read_bundle(tmp_path / "models" / "poor" / "1").manifest.forced == "to see what nothing looks like"
