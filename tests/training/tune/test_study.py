"""The search on boards that a tiny model solves: it finds, prunes, goes on, and never sees the test users."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from dataclasses import replace

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from tests.training.boards import blocks, catalogue_of, options
from training.errors import ConfigError, FitError
from training.fit import FitResult, fit
from training.models.registry import MODELS, config_for
from training.options import fit_config
from training.tune import study as study_file
from training.tune.config_file import write_config
from training.tune.space import options_of, space_for
from training.tune.study import Found, Search, Tried, search, without_test

SPLIT = blocks()
SPACE = {"fit.learning_rate": CategoricalDistribution((1e-6, 0.05)), "model.dropout": FloatDistribution(0.1, 0.5)}


def searched(folder, *, trials: int, told=lambda *_: None, **changed) -> Found:
    wanted = replace(Search(folder, options(epochs=3), SPACE), **changed)
    return search(wanted, SPLIT, catalogue_of(SPLIT), trials=trials, told=told)


def test_search_finds_the_setting_that_learns_and_leaves_no_trial_folders(tmp_path):
    found = searched(tmp_path / "study", trials=4)
    assert [trial.number for trial in found.trials] == [0, 1, 2, 3]
    assert {trial.settings["fit.learning_rate"] for trial in found.trials} == {1e-6, 0.05}
    assert found.best.settings["fit.learning_rate"] == 0.05
    assert found.best.ndcg == max(trial.ndcg for trial in found.trials)
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["study.sqlite3"]


def test_search_goes_on_with_its_study_and_adds_only_what_is_missing(tmp_path):
    first = searched(tmp_path, trials=2)
    told: list[Tried] = []
    second = searched(tmp_path, trials=3, told=lambda tried, _: told.append(tried))
    assert second.trials[:2] == first.trials
    assert [trial.number for trial in told] == [2]
    assert searched(tmp_path, trials=3) == second


def test_search_of_something_else_in_the_same_folder_is_refused(tmp_path):
    searched(tmp_path, trials=1)
    with pytest.raises(FitError, match=r"what differs: \[fit\]"):
        searched(tmp_path, trials=2, base=options(epochs=2))
    with pytest.raises(FitError, match="what differs: space"):
        searched(tmp_path, trials=2, space=SPACE | {"model.dropout": FloatDistribution(0.2, 0.5)})


def test_trial_that_falls_behind_is_pruned_and_counted(tmp_path):
    quick = {"pruner_startup": 1, "pruner_warmup": 0}
    space = {"fit.learning_rate": CategoricalDistribution((1e-7, 0.05))}
    found = searched(tmp_path, trials=6, space=space, base=options(epochs=6, learning_rate=0.05), **quick)
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert len(found.trials) == 6
    assert pruned
    assert all(trial.settings["fit.learning_rate"] == 1e-7 and trial.epochs < 6 for trial in pruned)
    assert found.best.state == "complete"


def test_trial_stopped_by_ctrl_c_is_not_counted_and_made_up_for(tmp_path, monkeypatch):
    def stopped(*arguments, **named) -> FitResult:
        raise KeyboardInterrupt

    monkeypatch.setattr(study_file, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, trials=2)
    monkeypatch.setattr(study_file, "fit", fit)
    found = searched(tmp_path, trials=2)
    assert [trial.number for trial in found.trials] == [1, 2]
    assert found.trials[0].settings["model.dropout"] == 0.5  # those of the one that was stopped: the code's own


def test_trial_whose_process_was_killed_is_tried_again(tmp_path):
    """As a kill leaves it: asked for, never told."""
    first = searched(tmp_path, trials=1)
    study = optuna.load_study(study_name="mult-vae", storage=f"sqlite:///{tmp_path / 'study.sqlite3'}")
    left = study.ask(dict(SPACE))
    found = searched(tmp_path, trials=3)
    assert found.trials[0] == first.trials[0]
    assert [trial.number for trial in found.trials] == [0, 2, 3]
    assert found.trials[1].settings == left.params


def test_search_in_a_process_that_is_killed_goes_on_in_another(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from tests.training.tune import test_study as here;"
        "here.searched(Path(sys.argv[1]), trials=9,"
        " told=lambda tried, _: os.kill(os.getpid(), signal.SIGKILL) if tried.number == 1 else None)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    told: list[Tried] = []
    found = searched(tmp_path, trials=3, told=lambda tried, _: told.append(tried))
    assert len(found.trials) == 3 and [trial.number for trial in told] == [2]


@pytest.mark.parametrize("kind", [FitError, ConfigError])
def test_trial_that_breaks_is_counted_and_the_search_ends(tmp_path, monkeypatch, kind):
    def broken(*arguments, **named) -> FitResult:
        raise kind("the loss is not finite in step 3", hint="lower the rate")

    monkeypatch.setattr(study_file, "fit", broken)
    told: list[Tried] = []
    with pytest.raises(FitError, match="none of the 2 trials"):
        searched(tmp_path, trials=2, told=lambda tried, _: told.append(tried))
    assert [(trial.state, trial.ndcg) for trial in told] == [("fail", None), ("fail", None)]
    assert told[0].error == "the loss is not finite in step 3"


def test_search_never_has_the_test_users(tmp_path, monkeypatch):
    seen = []

    def watched(run, split, *arguments, **named) -> FitResult:
        seen.append(split)
        return fit(run, split, *arguments, **named)

    monkeypatch.setattr(study_file, "fit", watched)
    searched(tmp_path, trials=1)
    assert [(split.test.users, split.test.target.nnz, split.test.fold_in.nnz) for split in seen] == [((), 0, 0)]
    assert without_test(SPLIT).validation is SPLIT.validation
    assert SPLIT.test.target.nnz > 0  # the control: there was something to take out


def test_best_settings_are_written_as_a_file_that_gives_them_back(tmp_path):
    base = options(epochs=3)
    best = Tried(1, "complete", 0.5, 3, {"fit.learning_rate": 0.05, "model.dropout": 0.25})
    write_config(tmp_path / "there" / "best.toml", base, Found((best,), best))
    content = tomllib.loads((tmp_path / "there" / "best.toml").read_text())
    asked = options_of(base, best.settings)
    model = {key: value for key, value in content["model"].items() if key not in ("kind", "condition")}
    assert (content["model"]["kind"], config_for("mult-vae", model)) == ("mult-vae", asked.model)
    assert fit_config(content["fit"]) == asked.fit
    assert asked.fit.learning_rate == 0.05 and asked.model.dropout == 0.25


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_every_model_has_a_space_whose_ends_its_config_takes(kind):
    space = space_for(kind)
    assert any(name.startswith("model.") for name in space)
    for end in ("low", "high"):
        settings = {
            name: found.choices[0 if end == "low" else -1]
            if isinstance(found, CategoricalDistribution)
            else getattr(found, end)
            for name, found in space.items()
        }
        assert options_of(replace(options(), kind=kind, model=config_for(kind)), settings)


def test_space_leaves_out_what_is_fixed():
    space = space_for("mult-vae")
    assert "model.latent" in space
    assert "model.latent" not in space_for("mult-vae", fixed={"model.latent"})
    with pytest.raises(ConfigError, match="set already"):
        space_for("mult-vae", fixed=set(space))
