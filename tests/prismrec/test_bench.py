"""`prismrec bench` on tiny data: the table, and what is left out or refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from prismrec.__main__ import main
from tests.training.bench.in_this_process import InThisProcess
from training.bench import runner

TINY = "[model]\nhidden = 16\nlatent = 4\n[fit]\nepochs = 1\n"


@pytest.fixture(autouse=True)
def _data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "ProcessPoolExecutor", InThisProcess)
    assert main(["data", "synth", "data", "--users", "120", "--items", "40", "--quiet"]) == 0
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mult-vae.toml").write_text(TINY)


def bench(capsys, *more: str) -> tuple[list[dict], str]:
    """The rows, and what was said of the work."""
    words = ["bench", "data", "--results", "out/x", "--configs", "configs", "--threads", "1", *more]
    assert main([*words, "--json"]) == 0
    captured = capsys.readouterr()
    return json.loads(captured.out)["rows"], captured.err


def test_bench_tabulates_models_and_baselines_and_goes_on_from_what_is_there(tmp_path, capsys):
    words = ("--flagship", "mult-vae", "--models", "mult-vae", "--baselines", "popularity,item-knn", "--seeds", "2")
    rows, said = bench(capsys, *words)
    assert json.loads((tmp_path / "out" / "x.json").read_text()) == rows
    assert {(row["model"], row["flagship"], row["random"], row["ndcg@100"]["seeds"]) for row in rows} == {
        ("popularity", False, False, 1),
        ("item-knn", False, False, 1),
        ("mult-vae", True, True, 2),
    }
    assert said.count("mult-vae, seed 1") == 2 and "popularity, seed 1" not in said
    assert all(row["peak_memory_mb"][0] > 50 for row in rows)
    flagship = next(row for row in rows if row["flagship"])
    assert flagship["settings"]["config"]["latent"] == 4
    assert flagship["against"]["low"] <= flagship["against"]["mean"] <= flagship["against"]["high"]
    again, said = bench(capsys, *words)
    assert said.count("reused: ") == 4 and again == rows
    assert_rows_can_be_added_with_seeds_of_their_own(rows, capsys, tmp_path)


def assert_rows_can_be_added_with_seeds_of_their_own(rows, capsys, tmp_path):
    (tmp_path / "configs" / "mult-dae.toml").write_text(TINY)
    joined, said = bench(capsys, "--add", "--models", "mult-dae", "--baselines", "none")
    assert said.count("reused: ") == 0 and said.count("seed 0 ...") == 1
    assert {row["model"]: row["ndcg@100"]["seeds"] for row in joined} == {
        "popularity": 1,
        "item-knn": 1,
        "mult-vae": 2,
        "mult-dae": 1,
    }
    there = {row["model"]: row["ndcg@100"] for row in joined}
    assert all(row["ndcg@100"] == there[row["model"]] for row in rows)
    assert next(row for row in joined if row["flagship"])["model"] == "mult-vae"
    source = json.loads((tmp_path / "out" / "x.provenance.json").read_text())
    assert len(source["commands"]) == 2 and len(source["outcomes"]) == 5
    assert source["seeds"]["mult-vae"] == [0, 1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--models", "oracle"], "oracle"),
        (["--baselines", "oracle"], "oracle"),
        (["--models", "none", "--baselines", "none"], "neither a model nor a baseline"),
        (["--configs", "nowhere"], "no folder nowhere"),
        (["--seed", "3"], "--seeds"),
        (["--flagship", "rec-vae", "--models", "mult-vae"], "flagship rec-vae is none of the models"),
        (["--add"], "does not say what the page was made of"),
    ],
)
def test_bench_of_what_is_not_there_is_refused(words, said, capsys):
    assert main(["bench", "data", "--results", "out/x", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("mutl-vae", TINY, "is no model's name"),
        ("rec-vae", "[model]\nkind = 'mult-dae'\n", "says kind = 'mult-dae'"),
        ("rec-vae", "[model]\nlatnt = 3\n", "did you mean 'latent'?"),
        ("rec-vae", "[fit]\nepochs = 0\n", "epochs is 0"),
    ],
)
def test_bench_with_settings_of_no_model_is_refused_before_anything_runs(name, content, said, tmp_path, capsys):
    (tmp_path / "configs" / f"{name}.toml").write_text(content)
    assert main(["bench", "no-such-data", "--results", "out/x", "--configs", "configs"]) == 2
    assert said in capsys.readouterr().err


def test_bench_of_converted_data_without_attributes_gives_a_table(tmp_path, capsys):
    lines = [f"u{u},i{(u * 7 + k * k) % 23},{100 + k}" for u in range(60) for k in range(12)]
    (tmp_path / "likes.csv").write_text("\n".join(["user_id,item_id,timestamp", *dict.fromkeys(lines)]) + "\n")
    assert main(["data", "convert", "likes.csv", "plain", "--quiet"]) == 0
    words = ["bench", "plain", "--results", "out/plain", "--models", "mult-vae,c-vae", "--baselines", "popularity"]
    capsys.readouterr()
    assert main([*words, "--configs", "configs", "--part", "validation", "--json"]) == 0
    captured = capsys.readouterr()
    assert "left out: c-vae, the items have no genre" in captured.err
    assert {row["model"] for row in json.loads(captured.out)["rows"]} == {"mult-vae", "popularity"}
    assert "validation users" in (tmp_path / "out" / "plain.md").read_text()


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_make_bench_accuracy_says_the_command():
    root = Path(__file__).resolve().parents[2]
    words = ["make", "-n", "-C", str(root), "bench-accuracy", "SET=ml-latest-small", "MODELS=mult-vae", "SEEDS=5"]
    words += ["BASELINES=ease", "FLAGSHIP=mult-vae", "RESULTS=out/x", "OPTIONS=--add"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.replace("\\\n", " ")
    command = " ".join(next(line for line in said.splitlines() if "prismrec bench" in line).split())
    assert "prismrec bench ../shared/data/ml-latest-small --results out/x --seeds 5 --models mult-vae" in command
    assert "--baselines ease" in command and "--flagship mult-vae" in command and command.endswith("--add")
    assert "--heldout" not in command
