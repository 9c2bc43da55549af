"""What is chosen when nothing was said: a latent space and a patience that fit the number of users."""

from __future__ import annotations

from pathlib import Path

import pytest

from prismrec.choices import SMALL_MODEL, SMALL_USERS, SMALL_WEIGHT, TrainFlags, _patient, _sized, choose
from prismrec.inputs import DataChoice, prepare
from prismrec.session import Session

QUIET = Session(quiet=True)


@pytest.mark.parametrize(
    ("said", "n_users", "found"),
    [
        ({}, SMALL_USERS - 1, SMALL_MODEL),
        ({}, SMALL_USERS, {}),
        ({"latent": 64}, 10, {"latent": 64}),
        ({"hidden": 64, "dropout": 0.1}, 10, {"hidden": 64, "dropout": 0.1}),
        ({"dropout": 0.1}, 10, {"dropout": 0.1, **SMALL_MODEL}),
    ],
)
def test_size_of_the_model_follows_the_users_unless_it_was_said(said, n_users, found):
    assert _sized(QUIET, "c-vae", said, n_users) == found


def test_small_latent_space_is_shared_evenly_by_concepts():
    assert _sized(QUIET, "macrid-vae", {}, 10) == {**SMALL_MODEL, "latent": 14}
    assert _sized(QUIET, "macrid-vae", {"concepts": 4}, 10)["latent"] == 16
    assert _sized(QUIET, "macrid-vae", {"concepts": 20}, 10)["latent"] == 20


def test_small_model_is_said(capsys):
    _sized(Session(), "mult-vae", {}, 10)
    assert "a small model (hidden 200, latent 16)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "said", "n_users", "patience"),
    [
        ("additive-vae", {}, SMALL_USERS - 1, 100),
        ("additive-vae", {"epochs": 7}, 10, 7),
        ("additive-vae", {"patience": 3}, 10, 3),
        ("additive-vae", {"patience": None}, 10, None),
        ("additive-vae", {}, SMALL_USERS, None),
        ("c-vae", {}, 10, None),
    ],
)
def test_patience_beside_a_linear_term_on_few_users_is_all_epochs_unless_it_was_said(kind, said, n_users, patience):
    assert _patient(kind, said, n_users).get("patience") == patience


def test_guide_counts_more_on_small_data_unless_its_weight_is_said(tmp_path: Path) -> None:
    from training.data.synth import SynthConfig, synthesise, write_synth

    write_synth(synthesise(SynthConfig(n_users=60, n_items=40)), tmp_path / "few")
    weights = {}
    for said in ((), ("guide.weight=2",)):
        chosen = choose(QUIET, TrainFlags(settings=said))
        prepared = prepare(QUIET, DataChoice(tmp_path / "few", heldout=10), chosen.config)
        options = chosen.fit_options(QUIET, prepared)
        weights[said] = options.guide.weight
    assert weights == {(): SMALL_WEIGHT, ("guide.weight=2",): 2.0}
    assert options.model.model_dump()["latent"] == 16  # twice the six genres, the year and the rating
