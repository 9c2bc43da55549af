"""One task in a process of its own, kept, and used again only when the same is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.training.bench.in_this_process import InThisProcess
from tests.training.boards import blocks, catalogue_of, options
from training import start
from training.bench import runner, worker
from training.bench.kept import NOTHING, earlier_page, kept_outcome
from training.bench.memory import peak_bytes
from training.bench.rows import rows_of
from training.bench.task import Failure, Outcome, Task
from training.bench.worker import run_task
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
    (content,) = outcomes
    (voting,) = content.also
    assert (content.model, voting.model) == ("contrastive", "contrastive (neighbours)")
    assert voting.chosen.keys() == {"k", "vote"} and not voting.baseline
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


@pytest.fixture
def here(monkeypatch) -> None:
    """Tasks run in this process: quicker."""
    monkeypatch.setattr(runner, "ProcessPoolExecutor", InThisProcess)


def test_task_that_cannot_be_done_says_why_after_the_others_are_done(inputs, tmp_path, here):
    tasks = [Task(name, 0, inputs, tmp_path / name, None) for name in ("slim", "popularity", "fism")]
    found = run_task(tasks[0])
    assert isinstance(found, Failure)
    assert "no baseline 'slim'" in found.message
    notes: list[str] = []
    with pytest.raises(FitError, match=r"slim, seed 0: there is no baseline .* \(and 1 more failed\)") as caught:
        runner.run_tasks(tasks, SPLIT.fingerprint, notes.append)
    assert "what was done is kept" in caught.value.hint
    assert kept_outcome(tasks[1], SPLIT.fingerprint) is not None


def test_validation_and_test_are_measured_on_one_training(inputs, tmp_path):
    task = Task("mult-vae", 3, inputs, tmp_path / "run", options())
    on_test = run_task(task)
    weights = (task.folder / "best.pt").stat().st_mtime_ns
    on_validation = run_task(replace(task, part="validation"))
    assert isinstance(on_test, Outcome) and isinstance(on_validation, Outcome)
    assert (task.folder / "best.pt").stat().st_mtime_ns == weights
    assert on_validation.metrics["ndcg@100"].mean == pytest.approx(on_validation.chosen["validation"], abs=1e-6)
    assert (on_validation.seconds, on_validation.peak_bytes) == (on_test.seconds, on_test.peak_bytes)
    assert kept_outcome(task, SPLIT.fingerprint) == on_test
    assert kept_outcome(replace(task, part="validation"), SPLIT.fingerprint) == on_validation


def test_outcome_of_other_sources_is_reused_aloud_and_made_anew_when_asked(inputs, tmp_path, here, monkeypatch):
    tasks = [Task("mult-vae", 3, inputs, tmp_path / "run", options())]
    notes: list[str] = []
    (first,) = runner.run_tasks(tasks, SPLIT.fingerprint, notes.append)
    assert runner.run_tasks(tasks, SPLIT.fingerprint, notes.append, fresh=True) == [first]
    assert notes[-1] == f"reused: {tasks[0].folder}"
    for module in (runner, worker, start):
        monkeypatch.setattr(module, "code_digest", lambda: "changed")
    assert runner.run_tasks(tasks, SPLIT.fingerprint, notes.append) == [first]
    assert "made by other sources" in notes[-1] and "--fresh" in notes[-1]
    (anew,) = runner.run_tasks(tasks, SPLIT.fingerprint, notes.append, fresh=True)
    assert (anew.code, anew.metrics) == ("changed", first.metrics)


def test_unfinished_training_of_other_sources_is_begun_anew(inputs, tmp_path, monkeypatch):
    task = Task("mult-vae", 3, inputs, tmp_path / "run", options())
    whole = run_task(task)
    run = RunFolder(task.folder)
    run.save_info(msgspec.structs.replace(run.load_info(), complete=False, summary=None))
    (task.folder / "best.pt").write_bytes(b"of other sources")
    assert isinstance(run_task(task), Outcome | Failure)  # the same sources: gone on with, whatever is there
    for module in (worker, start):
        monkeypatch.setattr(module, "code_digest", lambda: "changed")
    run.save_info(msgspec.structs.replace(run.load_info(), complete=False, summary=None))
    found = run_task(task)
    assert isinstance(found, Outcome) and isinstance(whole, Outcome)
    assert (found.code, found.per_user) == ("changed", whole.per_user)


def test_page_gives_back_what_it_was_made_of(inputs, tmp_path):
    tasks = [Task(name, 0, inputs, tmp_path / "root" / name, None) for name in ("popularity", "ease")]
    outcomes = [run_task(task) for task in tasks]
    source = {"outcomes": ["popularity", "ease"], "flagship": "x", "commands": ["a"], "part": "test"}
    source["split"] = {"fingerprint": SPLIT.fingerprint}
    (tmp_path / "t.provenance.json").write_text(json.dumps(source))
    asked = {"part": "test", "fingerprint": SPLIT.fingerprint}
    found = earlier_page(tmp_path / "t", tmp_path / "root", **asked, without={"ease"})
    assert (found.outcomes, found.flagship, found.commands) == ((("popularity", outcomes[0]),), "x", ("a",))
    assert NOTHING.outcomes == ()
    with pytest.raises(FitError, match="another split or part"):
        earlier_page(tmp_path / "t", tmp_path / "root", part="validation", fingerprint=SPLIT.fingerprint, without=())
    with pytest.raises(FitError, match="does not say what"):
        earlier_page(tmp_path / "other", tmp_path / "root", **asked, without=())
    (tmp_path / "root" / "ease" / "outcome.json").unlink()
    with pytest.raises(FitError, match="not there any more"):
        earlier_page(tmp_path / "t", tmp_path / "root", **asked, without=())


def test_conditioned_task_of_another_attribute_is_another():
    task = Task("c-vae", 0, Path("in"), Path("out"), options("c-vae"))
    assert task.asked["condition"] == {"attribute": "genre"}
    assert "condition" not in replace(task, options=options()).asked
    assert [replace(task, options=None, model=name).drawn for name in ("als", "ease")] == [True, False]


def test_peak_memory_is_the_high_water_mark_of_the_status_file(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmRSS:\t  100 kB\nVmHWM:\t  250 kB\n")
    assert peak_bytes(status) == 250 * 1024
    assert peak_bytes(tmp_path / "none") > 10e6
