"""How long a training should be: the numbers are the study's, and the warning comes when it should and only then."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bundle.factors import Guide
from bundle.manifest import Conditions, Data
from training import too_short as module
from training.data.split import Protocol
from training.epochs import EpochFigures, append_epoch
from training.models.registry import config_for
from training.options import FitConfig, fit_config
from training.run_folder import RunFolder
from training.run_info import FitSummary, RunInfo
from training.too_short import Plan, expected_epochs, expected_steps, notes_on_length, plan_of, too_short, worth

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "docs" / "results" / "complexity.json"
PLAN = Plan(FitConfig(), n_users=2400, n_items=600, hidden=200)


def run_info(
    *, epochs: int, best_epoch: int, kind: str = "mult-vae", stopped: str = "epochs", **fit: object
) -> RunInfo:
    """A run of 400 training users."""
    return RunInfo(
        name="x",
        kind=kind,
        config=config_for(kind, {"hidden": 200}).model_dump(),
        fit=fit_config({"epochs": 100, **fit}).model_dump(),
        seeds={"train": 0, "split": 0},
        device="cpu",
        data=Data("x", "0" * 64, n_users=400, n_items=600, n_interactions=9000, threshold=None, min_items=5),
        source="x",
        protocol=Protocol(),
        conditions=Conditions(attribute=None, values=()),
        libraries={},
        git=None,
        complete=True,
        summary=FitSummary(
            stopped=stopped, epochs=epochs, best_epoch=best_epoch, best_ndcg=0.1, active_units=3, seconds=1.0
        ),
    )


def test_numbers_are_those_of_the_study():
    study = json.loads(STUDY.read_text("utf-8"))
    prediction = study["prediction"]

    assert prediction["figures"] == ["n_items"]
    assert pytest.approx(prediction["constant"], rel=0.01) == module.CONSTANT
    assert [pytest.approx(slope, abs=0.005) for slope in prediction["slopes"]] == [module.ITEMS]
    assert (pytest.approx(prediction["low"], abs=0.01), pytest.approx(prediction["high"], abs=0.01)) == (
        module.LOW,
        module.HIGH,
    )
    assert {name: pytest.approx(power, abs=0.01) for name, power in study["scaling"].items()} == {
        **module.POWERS,
        "guided": module.GUIDED,
    }


def test_twice_the_users_take_half_the_epochs_and_the_same_steps():
    double = replace(PLAN, n_users=4800)
    assert expected_steps(double) == expected_steps(PLAN)
    assert expected_epochs(double).epochs == pytest.approx(expected_epochs(PLAN).epochs / 2)
    assert expected_epochs(PLAN, steps_per_epoch=48) == expected_epochs(double)


@pytest.mark.parametrize(
    "quicker", [{"learning_rate": 3e-3}, {"batch_size": 400}], ids=["a higher learning rate", "larger batches"]
)
def test_steps_follow_the_settings(quicker):
    assert expected_steps(replace(PLAN, fit=fit_config(quicker))) < expected_steps(PLAN)


def test_wide_or_guided_models_are_quicker():
    assert expected_steps(replace(PLAN, hidden=600)) < expected_steps(PLAN)
    assert expected_steps(replace(PLAN, guided=True)) < expected_steps(PLAN)


def test_batches_larger_than_the_data_count_as_the_data():
    few = replace(PLAN, n_users=50)
    assert expected_steps(replace(few, fit=fit_config({"batch_size": 5000}))) == expected_steps(
        replace(few, fit=fit_config({"batch_size": 50}))
    )


def test_one_cycle_steps_are_worth_less_than_those_of_a_constant_rate():
    constant, cycle = (fit_config({"schedule": name, "epochs": 10}) for name in ("constant", "one-cycle"))
    assert worth(constant, 5).tolist() == [1, 2, 3, 4, 5]
    found = worth(cycle, 1000)
    assert (np.diff(found) > 0).sum() >= 998
    assert 400 < found[-1] < 700
    longer = expected_epochs(replace(PLAN, fit=cycle)).epochs / expected_epochs(PLAN).epochs
    assert longer == pytest.approx(240 / worth(cycle, 240)[-1])


def test_short_run_is_warned_of_and_a_long_one_is_not():
    short = too_short(run_info(epochs=3, best_epoch=2), steps_per_epoch=4)
    assert short is not None
    assert "after 3 epochs of 4 steps" in short and module.PAGE in short and short.endswith("train for more epochs")
    assert too_short(run_info(epochs=100, best_epoch=99), steps_per_epoch=4) is None


def test_warning_begins_at_the_low_end_of_the_interval():
    low = expected_epochs(replace(PLAN, n_users=400)).low
    before, after = int(low), int(low) + 1
    assert too_short(run_info(epochs=before, best_epoch=before - 1), steps_per_epoch=4) is not None
    assert too_short(run_info(epochs=after, best_epoch=after - 1), steps_per_epoch=4) is None


def test_weights_of_an_early_epoch_of_a_long_run_are_warned_of():
    sentence = too_short(run_info(epochs=100, best_epoch=1), steps_per_epoch=4)
    assert sentence is not None
    assert "after 2 epochs" in sentence and sentence.endswith("worse on the validation users")


@pytest.mark.parametrize("other", [{"kind": "autoencoder"}, {"stopped": "interrupted"}])
def test_nothing_is_said_of_runs_that_were_not_measured_or_go_on(other):
    assert too_short(run_info(epochs=1, best_epoch=0), steps_per_epoch=4) is not None
    assert too_short(run_info(epochs=1, best_epoch=0, **other), steps_per_epoch=4) is None


def test_guided_run_is_one_whose_guide_weighs_something():
    info, guides = run_info(epochs=1, best_epoch=0), (Guide(attribute="year", value=None),)
    tied = msgspec.structs.replace(info, guides=guides, guide={"attributes": "year", "weight": 1.0, "separation": 0.0})
    turned = msgspec.structs.replace(tied, guide={"attributes": "year", "weight": 0.0, "separation": 0.0})
    assert [plan_of(one).guided for one in (info, tied, turned)] == [False, True, False]


def test_steps_of_an_epoch_are_read_from_the_run(tmp_path):
    run, info = RunFolder(tmp_path), run_info(epochs=3, best_epoch=2)
    assert notes_on_length(run, info) == ()
    figures = EpochFigures(
        epoch=0,
        step=5,
        loss=1.0,
        reconstruction=1.0,
        kl=0.0,
        beta=0.0,
        ndcg=0.1,
        best=True,
        active_units=0,
        seconds=1.0,
        kl_per_latent=(0.0,),
    )
    append_epoch(run.metrics, figures)
    (sentence,) = notes_on_length(run, info)
    assert "3 epochs of 5 steps" in sentence


@pytest.mark.parametrize("path", [*sorted((ROOT / "configs" / "ml-1m").glob("*.toml")), ROOT / "demo.toml"], ids=str)
def test_shipped_settings_are_not_warned_of(path):
    """With the sizes of the data they are for, unguided, and one row for each user: the least that they could do."""
    said = tomllib.loads(path.read_text("utf-8"))
    n_users, n_items = (2400, 600) if path.name == "demo.toml" else (4834, 3497)
    fit = fit_config(said["fit"])
    plan = Plan(fit, n_users, n_items, hidden=said["model"]["hidden"])
    assert fit.epochs > expected_epochs(plan).high
    assert fit_config(said["fit"] | {"epochs": 1}).epochs < expected_epochs(plan).high  # control
