"""`prismrec train -c RUN/run.json`: the same numbers again, from what the run says of itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from prismrec.__main__ import main
from prismrec.choices import TrainFlags, choose
from prismrec.session import Session
from training.run_folder import RunFolder

QUICK = ("--set", "fit.epochs=2", "--set", "hidden=16", "--set", "latent=4", "--threads", "1", "--quiet")


@pytest.fixture(autouse=True)
def run(tmp_path, monkeypatch) -> RunFolder:
    """An additive-vae with a seed and a split that are not the default ones."""
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


def test_train_again_takes_as_many_processes_unless_told(run):
    session = Session(config=run.info)
    run.save_info(msgspec.structs.replace(run.load_info(), devices=2))
    assert choose(session, TrainFlags()).run_options(session).devices == 2
    assert choose(session, TrainFlags(devices=1)).run_options(session).devices == 1


def test_train_again_with_another_seed_gives_other_numbers(run, tmp_path):
    """The control."""
    assert main(["train", "-c", "run/run.json", "-o", "again", "--seed", "8", "--threads", "1", "--quiet"]) == 0
    assert numbers(RunFolder(tmp_path / "again")) != numbers(run)


def test_train_again_on_changed_data_is_refused_with_both_fingerprints(run, capsys):
    then = run.load_info().data.fingerprint
    assert main(["data", "synth", "data", "--users", "121", "--items", "40", "--quiet", "--replace"]) == 0
    assert main(["train", "-c", "run/run.json", "-o", "again"]) == 2
    said = capsys.readouterr().err
    assert "was trained on other data" in said
    assert f"the fingerprint {then[:12]}, data now gives " in said
    assert not Path("again").exists()


def test_train_again_on_data_of_the_same_path_by_name_says_that_they_differ(run, capsys):
    assert main(["data", "synth", "data", "--users", "121", "--items", "40", "--quiet", "--replace"]) == 0
    assert main(["train", "data", "-c", "run/run.json", "-o", "again", "--set", "fit.epochs=1"]) == 0
    assert "on another split" in capsys.readouterr().err


def test_train_again_where_an_item_has_another_genre_is_refused(run, capsys):
    catalogue = json.loads(run.items.read_text())
    genre = next(a for a in catalogue["attributes"] if a["name"] == "genre")
    genre["rows"][0] = [0] if genre["rows"][0] != [0] else [1]
    run.items.write_text(json.dumps(catalogue))
    assert main(["train", "-c", "run/run.json", "-o", "again"]) == 2
    assert "other values of genre" in capsys.readouterr().err


def test_train_again_from_another_folder_finds_the_data(run, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["train", "-c", "../run/run.json", "-o", "again", "--quiet"]) == 0
    assert RunFolder(tmp_path / "elsewhere" / "again").best.read_bytes() == run.best.read_bytes()


def test_train_other_data_with_the_settings_of_a_run(tmp_path):
    assert main(["data", "synth", "other", "--users", "100", "--items", "30", "--quiet"]) == 0
    assert main(["train", "other", "-c", "run/run.json", "-o", "again", "--threads", "1", "--quiet"]) == 0
    info = RunFolder(tmp_path / "again").load_info()
    assert (info.kind, info.config["latent"], info.seeds["train"], info.source) == ("additive-vae", 4, 7, "other")


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


def _lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", "utf-8")


@pytest.fixture
def odd(tmp_path, run):
    """A run in which nothing is as by default: item file, bad lines, threshold, split file, threads, condition."""
    likes = [f"u{u},i{(u * 7 + k * k) % 23},{k % 5 + 1}" for u in range(60) for k in range(12)]
    _lines(tmp_path / "likes.csv", ["user_id,item_id,rating", *dict.fromkeys(likes), *["u1,i1,good"] * 30])
    _lines(
        tmp_path / "things.csv",
        ["item_id,title,mood", *(f"i{i},Thing {i},{'gay' if i % 3 else 'sad'}" for i in range(23))],
    )
    words = ["--items", "things.csv", "--max-bad", "0.5", "--threshold", "2", "--min-items", "4"]
    assert main(["train", "likes.csv", "-o", "maker", "--heldout", "9", *words, "--model", "mult-vae", *QUICK]) == 0
    shutil.copy("maker/split.npz", "by-hand.npz")
    words = ["--items", "things.csv", "--max-bad", "0.5", "--split", "by-hand.npz", "--condition", "mood"]
    quick = (*QUICK[:-3], "--threads", "2", "--quiet")
    assert main(["train", "likes.csv", "-o", "odd", "--seed", "5", *words, *quick]) == 0
    return RunFolder(tmp_path / "odd")


def test_run_json_says_all_that_decides_the_numbers(odd):
    info = odd.load_info()
    assert (info.reading.items, info.reading.split, info.reading.max_bad) == ("things.csv", "by-hand.npz", 0.5)
    assert (info.threads, info.conditions.attribute) == (2, "mood")
    assert (info.protocol.threshold, info.protocol.min_items, info.protocol.n_heldout) == (2.0, 4, 9)
    assert info.code and len(info.code) == 12


@pytest.mark.parametrize("words", [[], ["likes.csv"]], ids=["alone", "with its data named"])
@pytest.mark.parametrize("lost", ["by-hand.npz", "odd/split.npz"])
def test_train_again_reads_items_bad_lines_and_split_as_then(odd, tmp_path, words, lost):
    (tmp_path / lost).unlink()
    assert main(["train", *words, "-c", "odd/run.json", "-o", "again", "--quiet"]) == 0
    again = RunFolder(tmp_path / "again")
    assert numbers(again) == numbers(odd)
    assert again.best.read_bytes() == odd.best.read_bytes()
    before, after = odd.load_info(), again.load_info()
    assert (after.data, after.protocol, after.conditions, after.threads) == (
        before.data,
        before.protocol,
        before.conditions,
        before.threads,
    )


def test_train_again_without_its_split_is_refused(odd, tmp_path, capsys):
    (tmp_path / "by-hand.npz").unlink()
    odd.split.unlink()
    assert main(["train", "-c", "odd/run.json", "-o", "again"]) == 2
    assert "the split of by-hand.npz" in capsys.readouterr().err


def test_train_again_with_words_on_the_split_makes_another(odd, tmp_path):
    assert main(["train", "-c", "odd/run.json", "-o", "again", "--heldout", "7", "--quiet"]) == 0
    assert len(RunFolder(tmp_path / "again").load_split().test.users) == 7


def test_run_from_before_there_were_guided_latents_is_trained_again_and_gone_on_with_without(run, tmp_path):
    unguided = ["train", "data", "--guide", "none", "--seed", "7", *QUICK]
    assert main([*unguided, "-o", "old"]) == 0
    old = RunFolder(tmp_path / "old")
    old.save_info(msgspec.structs.replace(old.load_info(), guide={}))
    assert main(["train", "-c", "old/run.json", "-o", "again", "--threads", "1", "--quiet"]) == 0
    assert RunFolder(tmp_path / "again").load_info().guides == ()
    assert numbers(RunFolder(tmp_path / "again")) == numbers(old) != numbers(run)
    more = ["--resume", "--set", "fit.epochs=3", "--set", "patience=2", "-o", "old"]
    assert main([*unguided, *more]) == 0
    assert len(numbers(old)) == 3
    assert main(["train", "data", "--guide", "genre", "--seed", "7", *QUICK, *more]) == 2
