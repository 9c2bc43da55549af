"""One task in a process of its own, kept, and used again only when the same is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.boards import blocks, catalogue_of, options
from training.bench import runner
from training.bench.memory import peak_bytes
from training.bench.rows import rows_of
from training.bench.task import Failure, Outcome, Task
from training.bench.worker import kept_outcome, run_task
from training.errors import FitError
from training.run_folder import RunFolder

SPLIT = blocks()


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    RunFolder(folder).save_inputs(SPLIT, catalogue_of(SPLIT))
    return folder


@pytest.mark.slow
def test_task_in_its_own_process_gives_the_same_as_here(inputs, tmp_path):
    task = Task("ease", 0, inputs, tmp_path / "ease", None)
    notes: list[str] = []
    (there,) = runner.run_tasks([task], SPLIT.fingerprint, notes.append)
    here = run_task(replace(task, folder=tmp_path / "here"))
    assert isinstance(here, Outcome)
    assert (there.metrics, there.per_user, there.chosen) == (here.metrics, here.per_user, here.chosen)
    assert 50e6 < there.peak_bytes < 4e9
    assert runner.run_tasks([task], SPLIT.fingerprint, notes.append) == [there]
    assert notes[-1] == f"reused: {task.folder}"


def test_model_is_trained_and_its_outcome_kept(inputs, tmp_path):
    task = Task("mult-vae", 3, inputs, tmp_path / "run", options())
    outcome = run_task(task)
    assert isinstance(outcome, Outcome)
    assert (outcome.model, outcome.baseline, outcome.chosen["epochs"]) == ("mult-vae", False, 2.0)
    assert outcome.per_user and outcome.seconds > 0.0
    assert kept_outcome(task, SPLIT.fingerprint) == outcome


def test_model_with_two_ways_to_recommend_brings_a_row_for_each(inputs, tmp_path, monkeypatch):
    task = Task("contrastive", 1, inputs, tmp_path / "run", options("contrastive"))
    monkeypatch.setattr(runner, "ProcessPoolExecutor", InThisProcess)
    outcomes = runner.run_tasks([task], SPLIT.fingerprint, lambda _: None)
    assert [row.model for row in rows_of(outcomes, flagship=None)].count("contrastive (neighbours)") == 1
    content, voting = outcomes
    assert (content.model, voting.model) == ("contrastive", "contrastive (neighbours)")
    assert voting.chosen.keys() == {"neighbours", "vote"} and not voting.baseline
    assert voting.metrics.keys() == content.metrics.keys() and voting.per_user != content.per_user
    assert voting.seconds > content.seconds
    assert runner.run_tasks([task], SPLIT.fingerprint, lambda _: None) == outcomes
    mult_vae = run_task(Task("mult-vae", 1, inputs, tmp_path / "other", options()))
    assert isinstance(mult_vae, Outcome) and mult_vae.also == ()


def test_outcome_of_other_options_seed_or_split_is_not_used_again(inputs, tmp_path):
    task = Task("popularity", 0, inputs, tmp_path / "run", None)
    run_task(task)
    assert kept_outcome(task, SPLIT.fingerprint) is not None
    assert kept_outcome(task, "another") is None
    assert kept_outcome(replace(task, seed=1), SPLIT.fingerprint) is None
    assert kept_outcome(replace(task, options=options()), SPLIT.fingerprint) is None
    (task.folder / "outcome.json").write_text("{")
    assert kept_outcome(task, SPLIT.fingerprint) is None


def test_task_that_cannot_be_done_says_why(inputs, tmp_path, monkeypatch):
    task = Task("slim", 0, inputs, tmp_path / "run", None)
    found = run_task(task)
    assert isinstance(found, Failure)
    assert "no baseline 'slim'" in found.message
    monkeypatch.setattr(runner, "ProcessPoolExecutor", InThisProcess)
    with pytest.raises(FitError, match="slim: there is no baseline"):
        runner.run_tasks([task], SPLIT.fingerprint, lambda _: None)


class InThisProcess:
    """Stands in for the pool."""

    def __init__(self, **_: object) -> None: ...

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, function, *arguments):
        self.found = function(*arguments)
        return self

    def result(self):
        return self.found


def test_peak_memory_is_the_high_water_mark_of_the_status_file(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmRSS:\t  100 kB\nVmHWM:\t  250 kB\n")
    assert peak_bytes(status) == 250 * 1024
    assert peak_bytes(tmp_path / "none") > 10e6
