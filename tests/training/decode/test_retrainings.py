"""Retrainings of a run: made, kept, used again or made anew; what becomes of processes that fail or are interrupted."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.training.boards import blocks, catalogue_of, options
from tests.training.decode.planted import QUICK
from training.data.catalogue import build_catalogue
from training.data.split import Protocol, split_dataset
from training.data.synth import SynthConfig, synthesise
from training.decode import retrainings
from training.decode.crew import carry_out
from training.decode.map import decode_run
from training.decode.retraining import Order, Said, options_of
from training.decode.retraining import carry_out as in_this_process
from training.decode.retrainings import Heard, retrained, seeds_after
from training.decode.stability import match
from training.encoding import encode
from training.errors import DecodeError, FitError
from training.fit import fit
from training.guided.settings import GuideConfig
from training.run_folder import RunFolder

TWO = QUICK.model_copy(update={"seeds": 2, "permutations": 50, "bootstraps": 20})
SPEAKS = """
import json, os, signal, sys
order = json.loads(sys.stdin.readline())
say = lambda **said: print(json.dumps(said), flush=True)
say(what="epoch", epochs=1)
"""
"""A process that says one epoch; what it does then is the test's."""


def _train(folder: Path, **settings: object) -> RunFolder:
    split = blocks()
    asked = replace(
        options("mult-vae", model={"latent": 8}, epochs=2, **settings), guide=GuideConfig(attributes="genre")
    )
    fit(RunFolder(folder), split, catalogue_of(split), asked)
    return RunFolder(folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _train(tmp_path_factory.mktemp("runs") / "board").path


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> RunFolder:
    """A copy of the trained run: guided, seed 3."""
    shutil.copytree(trained, tmp_path / "board")
    return RunFolder(tmp_path / "board")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Retrainings are made in this process; the seeds that were, in their order."""
    seeds: list[int] = []

    def carry_out_here(orders: list[Order], _jobs: int, hear: Callable[[int, Said], None]) -> list:
        for order in orders:
            seeds.append(order.seed)
            in_this_process(order, lambda said, seed=order.seed: hear(seed, said))
        return []

    monkeypatch.setattr(retrainings, "carry_out", carry_out_here)
    return seeds


def test_seeds_follow_from_the_runs_own_and_never_equal_it():
    assert seeds_after(3, 5) == (4, 5, 6, 7, 8)
    assert seeds_after(3, 2) == seeds_after(3, 5)[:2]


def test_options_of_a_run_are_those_it_was_trained_with_but_for_the_seed(run):
    info = run.load_info()
    again = options_of(info, seed=9)
    assert (again.kind, again.model.model_dump(), again.fit.model_dump()) == (info.kind, info.config, info.fit)
    assert again.guide.model_dump() == info.guide
    assert again.run.seed == 9
    unguided = msgspec.structs.replace(info, guide={})
    assert options_of(unguided, seed=9).guide.attributes == "none"


def test_retrained_runs_have_the_settings_and_other_weights_and_are_used_again(run, made):
    folders = retrained(run, TWO)
    assert [folder.path.name for folder in folders] == ["4", "5"] == [str(seed) for seed in made]
    info, again = run.load_info(), folders[0].load_info()
    assert (again.config, again.fit, again.guide, again.data) == (info.config, info.fit, info.guide, info.data)
    assert again.seeds["train"] == 4
    assert folders[0].best.read_bytes() != run.best.read_bytes()
    assert not folders[0].last.exists()
    made.clear()
    heard: list[Heard] = []
    assert retrained(run, TWO, told=heard.append) == folders
    assert made == []
    assert heard == [Heard("2 of 2 retrainings were made before", 2)]
    retrained(run, TWO.model_copy(update={"seeds": 3}))
    assert made == [6]


def test_retrained_other_decode_options_are_read_again_but_not_trained_again(run, made):
    (first, _) = retrained(run, TWO)
    weights = first.best.stat().st_mtime_ns
    retrained(run, TWO.model_copy(update={"samples": 8}))
    assert made == [4, 5, 4, 5]
    assert first.best.stat().st_mtime_ns == weights


def test_retrained_of_a_run_that_was_trained_anew_are_made_anew(run, made, tmp_path):
    retrained(run, TWO)
    other = _train(tmp_path / "other", learning_rate=0.02)
    for file in ("run.json", "best.pt"):
        shutil.copy(other.path / file, run.path / file)
    made.clear()
    (first, _) = retrained(run, TWO)
    assert made == [4, 5]
    assert first.load_info().fit["learning_rate"] == 0.02


def test_retrained_other_settings_with_the_same_weights_are_made_anew(run, made):
    retrained(run, TWO)
    info = run.load_info()
    run.save_info(msgspec.structs.replace(info, fit={**info.fit, "epochs": 3}))
    made.clear()
    (first, _) = retrained(run, TWO)
    assert made == [4, 5]
    assert first.load_info().fit["epochs"] == 3


@pytest.mark.parametrize("damage", ["factors.json", "run.json"])
def test_retrained_damaged_file_is_made_again(run, made, damage):
    (first, _) = retrained(run, TWO)
    (first.path / damage).write_bytes(b"{")
    made.clear()
    retrained(run, TWO)
    assert made == [4]


def test_retrained_unfinished_training_of_the_run_itself_is_refused(run, made):
    run.save_info(msgspec.structs.replace(run.load_info(), complete=False))
    with pytest.raises(DecodeError, match="was not finished") as caught:
        retrained(run, TWO)
    assert "--resume" in caught.value.hint
    assert made == []


def test_guided_dimensions_match_themselves_without_being_told(tmp_path, made):
    dataset = synthesise(SynthConfig(n_users=300, n_items=100, mean_history=20)).dataset
    split = split_dataset(dataset, Protocol(threshold=None))
    asked = options("mult-vae", model={"latent": 16, "hidden": 32}, epochs=8, batch_size=50)
    guide = GuideConfig(attributes="genre,year,rating")
    run = RunFolder(tmp_path / "guided")
    fit(run, split, build_catalogue(dataset, split), replace(asked, guide=guide))
    guided, users, everything = len(run.load_info().guides), split.train, np.ones(16, dtype=bool)
    one, *others = (encode(f.load().model, users).mu for f in (run, *retrained(run, TWO)))
    assert guided == 8
    for other in others:
        found = match(one, other, active=(everything, everything))
        assert found.partner[:guided].tolist() == list(range(guided))
        assert found.correlation[:guided].min() > 0.7


def test_decode_run_with_seeds_writes_stability_and_says_which_seeds(run, made):
    found = decode_run(run, TWO)
    assert found.settings["stability_seeds"] == "4 5"
    assert found.settings["seeds"] == 2
    assert all(f.match is not None for f in found.factors if f.active)
    named = [r for f in found.factors for r in (f.negative, f.positive) if r.attribute is not None]
    assert all(r.stability in (0.0, 0.5, 1.0) for r in named)
    found.check(len(found.factors))


def _orders(*seeds: int) -> list[Order]:
    return [Order(run="board", seed=seed, threads=1, options={}) for seed in seeds]


def _python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", SPEAKS + code)


def test_crew_process_that_is_killed_is_named_with_the_signal_and_the_others_are_done():
    dies = 'if order["seed"] == 2: os.kill(os.getpid(), signal.SIGKILL)\nsay(what="read")'
    heard: list[tuple[int, str]] = []
    failed = carry_out(_orders(1, 2, 3), 2, lambda seed, said: heard.append((seed, said.what)), command=_python(dies))
    assert [(seed, said.message) for seed, said in failed] == [(2, "its process was ended by signal 9")]
    assert "--jobs" in failed[0][1].hint
    assert sorted(heard) == [(1, "epoch"), (1, "read"), (2, "epoch"), (2, "failed"), (3, "epoch"), (3, "read")]


def test_retrained_failure_names_the_seed_and_the_cause(run, monkeypatch):
    says = Said(what="failed", message="the loss is not finite", hint="lower it")
    monkeypatch.setattr(retrainings, "carry_out", lambda *_: [(5, says), (4, says)])
    with pytest.raises(FitError, match=r"seed 5: the loss is not finite \(and 1 more failed\)") as caught:
        retrained(run, TWO)
    assert caught.value.hint == "lower it"


def test_crew_interrupted_lets_those_at_work_finish_and_starts_no_other(tmp_path):
    waits = f'sys.stdin.read()\nopen({str(tmp_path)!r} + f"/{{order[\'seed\']}}", "w").close()'

    def interrupt(_seed: int, _said: Said) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(_orders(1, 2, 3), 1, interrupt, command=_python(waits))
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
