"""`prismrec bench-control` on tiny data: the page, that it goes on where it stopped, and what is refused."""

from __future__ import annotations

import json
import re

import pytest

from prismrec.__main__ import main
from training.bench import control_runner
from training.bench.control_figures import SPEARMAN, Spread, Verdict


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set, a guided and an unguided model on it."""
    folder = tmp_path_factory.mktemp("work")
    assert main(["data", "synth", str(folder / "data"), "--users", "150", "--items", "240", "--quiet"]) == 0
    tiny = ["--set", "hidden=16", "--set", "latent=16", "--set", "epochs=3", "--threads", "1", "--quiet"]
    for name, guide in (("plain", "none"), ("guided", "genre")):
        words = ["train", str(folder / "data"), "--model", "mult-vae", "--out", str(folder / "runs" / name)]
        assert main([*words, "--guide", guide, *tiny]) == 0
    return folder


def words(folder, *more):
    where = ["--results", str(folder / "out" / "control"), "--run", str(folder / "kept")]
    return ["bench-control", str(folder / "runs"), *where, "--part", "validation", "--jobs", "1", *more]


def test_page_is_written_from_runs_and_goes_on_where_it_stopped(folder, capsys):
    asked = words(folder, "--draws", "2", "--samples", "4", "--note", "Windy.", "--json", "--quiet")
    assert main(asked) == 0
    capsys.readouterr()
    page, twin = folder / "out" / "control.md", json.loads((folder / "out" / "control.json").read_text())
    text = re.sub(" +", " ", page.read_text())
    assert [(m["model"], m["guided"], len(m["runs"])) for m in twin["models"]] == [
        ("mult-vae, guided", True, 1),
        ("mult-vae", False, 1),
    ]
    assert (twin["part"], twin["note"], twin["required"]["spearman"]) == ("validation", "Windy.", SPEARMAN)
    assert "Windy." in text and "optimistic" in text and "value by value" in text
    for model in twin["models"]:
        for found in model["steering"]:
            assert f"{found['least']:.3f} | {found['n_enough']} of {found['n']}" in text
        assert {r["by"] for r in model["runs"][0]["responses"]} == {"axis", "direction"}
        assert any(cold["way"] == "filter" and cold["precision"]["mean"] == 1.0 for cold in model["cold"])
    users = twin["n_users"]
    assert all(len(one) < users for one in _lists(twin)), "a list as long as the users would be of single users"
    kept = {path.name: path.stat().st_mtime_ns for path in (folder / "kept" / "measured").iterdir()}
    assert sum(name.endswith(".factors.json") for name in kept) == 2
    assert not list((folder / "runs").glob("*/factors.json")), "a measurement changes no run"
    assert main(asked) == 0
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "kept" / "measured").iterdir()} == kept


def test_kept_file_of_other_weights_or_draws_has_another_name(folder):
    run = folder / "runs" / "plain"
    task = control_runner.ControlTask("mult-vae", run, folder / "elsewhere")
    other = control_runner.ControlTask("mult-vae", run, folder / "elsewhere", "validation")
    before = control_runner.kept_file(task)
    assert before != control_runner.kept_file(other)
    weights = run / "best.pt"
    weights.touch()
    assert control_runner.kept_file(task) != before


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--models", "rec-vae"], "no run of rec-vae"), (["--seed", "3"], "neither -c nor --seed")],
)
def test_what_is_not_there_is_refused(folder, more, said, capsys):
    assert main(words(folder, *more)) == 2
    assert said in capsys.readouterr().err


def test_verdict_needs_both():
    assert Verdict("m", 0.96, {"genre": 0.85}).met("genre")
    assert not Verdict("m", 0.94, {"genre": 0.85}).met("genre")
    assert not Verdict("m", 0.96, {"genre": 0.79}).met("genre")
    assert not Verdict("m", 0.96, {}).met("genre")


def test_spread_is_over_seeds():
    assert Spread.of([1.0]) == Spread(1.0, 0.0)
    assert (Spread.of([1.0, 2.0, 3.0]).mean, Spread.of([1.0, 2.0, 3.0]).sd) == (2.0, 1.0)


def _lists(document):
    if isinstance(document, dict):
        return [found for value in document.values() for found in _lists(value)]
    if isinstance(document, list):
        inner = [found for value in document for found in _lists(value)]
        return [document, *inner] if all(isinstance(v, int | float) for v in document) else inner
    return []
