"""The benchmark of what explanations cost: its ratios are those of the times it gets, and it runs on the real process.

No timing of ours is asserted: that is what the benchmark itself is for.
"""

from __future__ import annotations

import json
import math
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.explaining.__main__ import _asked, _bundle, _command, _drawn, main
from benchmarks.explaining.page import BOUNDS, bundle_figures, markdown
from benchmarks.explaining.rounds import CONTROL, COUNTERFACTUAL, DEFAULT, LIST, QUESTIONS, Block, interval, run_block
from benchmarks.explaining.server import BenchmarkError, serving
from service.bundles.loader import load_bundle
from tests.builders import make_bundle
from training.run_info import Git

INSIDE = {
    name: {"milliseconds": 1.0, "mean_in_lists": 1.0, "p95_in_lists": 1.0}
    for name in ("recommend", DEFAULT, COUNTERFACTUAL)
}


class PlannedServer:
    """Takes planned times: a list 1 ms, explanations 5 ms, one with a counterfactual 12 ms."""

    def __init__(self, items: int = 10) -> None:
        self.items, self.asked = items, []

    def post(self, path, body):
        self.asked.append((path, body))
        if path == "/recommend":
            return {"items": [{"item_id": f"m{i}"} for i in range(self.items)]}, 1e-3
        told = {"valid": True, "remove": ["m1", "m2"], "runs": 40} if body.get("counterfactual") else None
        return {"counterfactual": told}, 12e-3 if told else 5e-3


def blocks_of(explain: float = 5.0, counterfactual: float = 12.0, n: int = 4) -> list[Block]:
    rng = np.random.default_rng(0)
    seconds = dict.fromkeys(QUESTIONS, explain) | {COUNTERFACTUAL: counterfactual, LIST: 1.0, CONTROL: 1.0}
    return [
        Block({name: 1e-3 * mean * rng.uniform(0.99, 1.01, 20) for name, mean in seconds.items()}, ((1, 33), (0, 60)))
        for _ in range(n)
    ]


def test_run_block_gives_the_planned_times() -> None:
    server, users = PlannedServer(), [["a", "b"], ["c"]]
    block = run_block(server, users, np.random.default_rng(0))
    assert {name: times.round(6).tolist() for name, times in block.seconds.items()} == {
        LIST: [1e-3] * 2, CONTROL: [1e-3] * 2, DEFAULT: [5e-3] * 2, COUNTERFACTUAL: [12e-3] * 2,
        "no fidelity": [5e-3] * 2, "fidelity in 20 steps": [5e-3] * 2, "everything": [12e-3] * 2,
    }  # fmt: skip
    assert block.counterfactuals == ((2, 40), (2, 40))
    explained = [body for path, body in server.asked if path == "/explain"]
    assert len(explained) == 2 * len(QUESTIONS)
    assert [body["history"] for body in explained[:: len(QUESTIONS)]] == users
    between = [path for path, _ in server.asked]
    assert all(a == "/recommend" for a, b in pairwise(between) if b == "/explain")


def test_run_block_of_empty_lists_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="empty"):
        run_block(PlannedServer(items=0), [["a"]], np.random.default_rng(0))


def test_bundle_figures_are_the_ratios_of_the_means() -> None:
    found = bundle_figures(blocks_of(), INSIDE)
    mean = found["questions"][DEFAULT]["mean"]
    assert mean["low"] < 5.0 < mean["high"] and mean["mean"] == pytest.approx(5.0, rel=0.01)
    assert found["questions"][COUNTERFACTUAL]["p95"]["mean"] == pytest.approx(12 * 1.009, rel=0.01)
    assert found["questions"][CONTROL]["mean"]["mean"] == pytest.approx(1.0, rel=0.01)
    assert found["holds"] == {DEFAULT: True, COUNTERFACTUAL: True}
    assert found["counterfactuals"] | {"sizes": 0} == {
        "asked": 8, "found": 0.5, "sizes": 0, "runs_mean": 46.5, "runs_p95": 60.0,
    }  # fmt: skip
    assert found["counterfactuals"]["sizes"] == [4, 4]


@pytest.mark.parametrize(("name", "slow"), [(DEFAULT, {"explain": 9.99}), (COUNTERFACTUAL, {"counterfactual": 29.9})])
def test_a_bound_that_the_interval_crosses_does_not_hold(name: str, slow: dict) -> None:
    """The control: a mean below the bound is not enough."""
    found = bundle_figures(blocks_of(**slow), INSIDE)
    assert found["holds"] == {DEFAULT: name != DEFAULT, COUNTERFACTUAL: name != COUNTERFACTUAL}


def test_interval_of_one_block_has_no_end() -> None:
    ratio = interval(blocks_of(n=1), lambda block: 2.0)
    assert (ratio.mean, ratio.high) == (2.0, math.inf)


def test_drawn_users_come_twice_only_when_there_are_too_few() -> None:
    histories = [[i] for i in range(5)]
    assert sorted(_drawn(histories, 5, np.random.default_rng(0))) == histories
    assert sorted(_drawn(histories, 10, np.random.default_rng(0))) == sorted(histories * 2)
    assert _drawn([[1, 0]], 1, np.random.default_rng(0), ids=("x", "y")) == [["y", "x"]]


def test_bundle_is_the_folder_or_its_last_version(tmp_path: Path) -> None:
    for version in ("2", "10"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "manifest.json").write_text("{}")
    assert _bundle(tmp_path) == tmp_path / "10" == _bundle(tmp_path / "10")
    with pytest.raises(BenchmarkError, match="no bundle"):
        _bundle(tmp_path / "elsewhere")


@pytest.fixture
def run(tmp_path: Path) -> tuple[Path, Path]:
    """A bundle, and a run folder with three validation users."""
    bundle = make_bundle(tmp_path / "models")
    ids = np.array(load_bundle(bundle).catalogue.ids)[::-1]
    offsets, columns = np.array([0, 3, 3, 8, 10]), np.array([1, 4, 7, 0, 2, 9, 11, 20, 3, 30])
    arrays = {f"val_{part}_{name}": values for part in ("tr", "te") for name, values in
              (("indptr", offsets), ("indices", columns))}  # fmt: skip
    (tmp_path / "run").mkdir()
    np.savez(tmp_path / "run" / "split.npz", item_id=ids, **arrays)
    return bundle, tmp_path / "run"


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process")
def test_the_command_writes_the_page_and_its_twin(run, tmp_path, monkeypatch) -> None:
    stem = tmp_path / "out" / "cost"
    monkeypatch.setattr("benchmarks.explaining.__main__.git_state", lambda: Git(commit="0" * 40, dirty=True))
    assert main(["--of", *map(str, run), "--quick", "--results", str(stem)]) == 0
    document = json.loads(stem.with_suffix(".json").read_text())
    assert set(document["bounds"]) == set(BOUNDS) == set(document["bundles"][0]["holds"])
    assert document["command"] == "python -m benchmarks.explaining --of .../1 .../run --quick"
    page = stem.with_suffix(".md").read_text()
    assert page == markdown(document) and "means anything" in page and str(tmp_path) not in page
    found = document["bundles"][0]
    assert found["items"] == 50 and found["counterfactuals"]["asked"] == 10
    assert all(question["milliseconds"] > 0 for question in found["questions"].values())


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process")
def test_the_servers_time_is_its_own_and_not_the_clients(run) -> None:
    """The controls: a client that works or waits adds nothing, and a longer list of reasons costs more than a list."""
    history = list(load_bundle(run[0]).catalogue.ids[:8])
    with serving(run[0]) as server:
        started = time.perf_counter()
        plain = [server.post("/recommend", {"history": history})[1] for _ in range(20)]
        elapsed = time.perf_counter() - started
        time.sleep(0.2)
        sum(i * i for i in range(300_000))
        after = server.post("/recommend", {"history": history})[1]
        told = [server.post("/recommend", {"history": history, "explain": True})[1] for _ in range(20)]
        with pytest.raises(BenchmarkError, match="answered 422"):
            server.post("/recommend", {"n": "ten"})
    assert 0 < sum(plain) < elapsed
    assert after < 0.1
    assert np.median(told) > np.median(plain)


def test_the_pages_command_names_the_folders_as_they_were_given() -> None:
    asked = _asked(["--of", "models/a", "runs/a b", "--of", "models/c/2", "/home/me/runs/c", "--blocks", "3"])
    of = "--of models/a 'runs/a b' --of models/c/2 .../c"
    assert _command(asked) == f"python -m benchmarks.explaining {of} --blocks 3 --users 100 --seed 0"


def test_without_a_bundle_the_command_says_what_to_do(tmp_path, capsys) -> None:
    assert main(["--of", str(tmp_path / "nowhere"), str(tmp_path)]) == 2
    assert "make demo" in capsys.readouterr().err
