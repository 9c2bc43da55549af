"""`prismrec bench-disentanglement` on tiny data: both parts of the page, and what is refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from prismrec.__main__ import main
from prismrec.commands import bench_disentanglement
from training.bench import measuring

TINY = ("hidden=16", "latent=4", "epochs=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set where the synthetic part looks for its own, and runs of two seeds on it."""
    folder = tmp_path_factory.mktemp("work")
    data = folder / "out" / "synthetic" / "data"
    assert main(["data", "synth", str(data), "--users", "400", "--items", "60", "--quiet"]) == 0
    tiny = [word for setting in TINY for word in ("--set", setting)]
    for seed in ("0", "1"):
        words = ["train", str(data), "--model", "mult-vae", "--seed", seed, "--heldout", "80", "--threads", "1", *tiny]
        assert main([*words, "--out", str(folder / "runs" / f"mult-vae-{seed}"), "--quiet"]) == 0
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(measuring, "ProcessPoolExecutor", lambda **_: ThreadPoolExecutor(1))
    monkeypatch.setattr(bench_disentanglement, "SYNTHETIC", ("mult-vae",))
    monkeypatch.setattr(bench_disentanglement, "GUIDED", ("mult-vae",))
    monkeypatch.setattr(bench_disentanglement, "SETTINGS", TINY)


def words(folder, *more):
    out = folder / "out"
    return ["bench-disentanglement", "--results", str(folder / "page"), "--run", str(out), "--quiet", *more]


def test_both_parts_come_from_one_command_and_again_from_what_is_kept(folder, capsys):
    asked = words(folder, str(folder / "runs"), "--seeds", "1", "--part", "validation", "--attributes", "year,rating")
    assert main([*asked, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    twin = json.loads((folder / "page.json").read_text())
    assert document["parts"] == twin["parts"]
    finished, synthetic = twin["parts"]
    assert finished["factors"] == ["year", "rating"]
    assert synthetic["factors"] == ["genre", "year", "rating"]
    names = {part["title"]: {one["model"] for one in part["models"]} for part in twin["parts"]}
    assert {"mult-vae"} <= names[finished["title"]]
    assert {"mult-vae", "mult-vae, guided"} <= names[synthetic["title"]]
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").rglob("*") if path.is_file()}
    kept = [path for path in before if "inputs-" not in str(path)]
    assert main(asked) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == {path: before[path] for path in kept}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--no-synthetic"], "nothing to measure"),
        (["RUNS", "--no-synthetic", "--models", "rec-vae"], "no run of rec-vae"),
        (["RUNS", "--no-synthetic", "--attributes", "colour"], "colour"),
        (["--seed", "3"], "neither -c nor --seed"),
    ],
)
def test_what_is_not_there_is_refused(folder, more, said, capsys):
    given = [str(folder / "runs") if word == "RUNS" else word for word in more]
    assert main(words(folder, *given)) == 2
    assert said in capsys.readouterr().err


def test_runs_of_two_splits_are_refused(folder, tmp_path, capsys):
    run = next((folder / "runs").glob("*/run.json"))
    info = json.loads(run.read_text())
    info["data"]["fingerprint"] = "f" * 64
    other = tmp_path / "other"
    other.mkdir()
    (other / "run.json").write_text(json.dumps(info))
    assert main(words(folder, str(run.parent), str(other), "--no-synthetic")) == 2
    assert "not of one split" in capsys.readouterr().err
