"""Spaces of tiny runs measured against planted factors and against tastes, kept, and put together as a page."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.training.boards import options
from training.bench import measuring
from training.bench.space_figures import NOISE, PERFECT, Axes
from training.bench.space_page import Part, Provenance, write_spaces
from training.bench.space_runner import Row, measure_all
from training.bench.spaces import (
    SpaceTask,
    at_most,
    kept_measured,
    known_factors,
    label_of,
    measure_controls,
    measure_run,
)
from training.bench.task import Task
from training.data.catalogue import build_catalogue
from training.data.split import Protocol, split_dataset
from training.data.synth import SynthConfig, synthesise, write_synth
from training.errors import ConfigError, DataError, FitError
from training.fit import fit
from training.guided.settings import GuideConfig
from training.measures.dci import Rows
from training.run_folder import RunFolder

SYNTH = synthesise(SynthConfig(n_users=320, n_items=60, mean_history=15.0))
SPLIT = split_dataset(SYNTH.dataset, Protocol(threshold=None, n_heldout=80))
CATALOGUE = build_catalogue(SYNTH.dataset, SPLIT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The planted factors, two seeds of a mult-vae, one with more latents and a guided one."""
    folder = tmp_path_factory.mktemp("spaces")
    write_synth(SYNTH, folder / "data")
    for name, made in {
        "mult-vae-0": options(seed=0),
        "mult-vae-1": options(seed=1),
        "longer": options(seed=0, model={"latent": 6}),
        "guided": replace(options(seed=0), guide=GuideConfig(attributes="year,rating")),
    }.items():
        fit(RunFolder(folder / name), SPLIT, CATALOGUE, made)
    return folder


@pytest.fixture
def threads(monkeypatch):
    """The pool without processes of its own, and without the seconds of their imports."""
    monkeypatch.setattr(measuring, "ProcessPoolExecutor", lambda **_: ThreadPoolExecutor(1))


def task(folder: Path, name: str = "mult-vae-0", **more) -> SpaceTask:
    planted = folder / "data" / "user_factors.parquet"
    given = {"model": "mult-vae", "kept": folder / "kept", "planted": planted, "n_axes": 4} | more
    return SpaceTask(run=folder / name, **given)


def test_run_is_measured_against_planted_factors_and_kept(folder):
    asked = task(folder)
    found = measure_run(asked)
    assert found.factors == ("genre", "year", "rating")
    assert (found.users, found.fitting, found.n_latent, found.n_axes, found.seed) == (80, 160, 4, 4, 0)
    assert len(found.r2) == len(found.gap) == 3
    assert np.mean(found.r2) == pytest.approx(found.figures["r2"])
    assert all(np.isfinite(value) for value in (*found.figures.values(), *found.turned.values()))
    assert kept_measured(asked) == found
    assert kept_measured(replace(asked, part="validation")) is None


def test_tastes_of_attributes_are_the_factors_where_nothing_is_planted(folder):
    known = known_factors(
        task(folder, planted=None, attributes=("year", "rating")), SPLIT, RunFolder(folder / "guided")
    )
    assert known.names == ("year", "rating")
    assert known.held_out.shape == (80, 2)
    every = known_factors(task(folder, planted=None), SPLIT, RunFolder(folder / "guided"))
    assert {"genre:Horror", "year", "rating"} <= set(every.names)


def test_factors_of_a_planted_table_go_by_user_and_not_by_row(folder, tmp_path):
    table = pl.read_parquet(folder / "data" / "user_factors.parquet")
    table.reverse().write_parquet(tmp_path / "reversed.parquet")
    asked = [known_factors(task(folder, **more), SPLIT, RunFolder(folder / "guided"))
             for more in ({}, {"planted": tmp_path / "reversed.parquet"})]  # fmt: skip
    assert np.array_equal(asked[0].held_out, asked[1].held_out)
    row = table.filter(pl.col("user_id") == SPLIT.test.users[5]).drop("user_id").row(0)
    assert asked[0].held_out[5].tolist() == list(row)


def test_user_without_planted_factors_and_unknown_attributes_are_refused(folder, tmp_path):
    few = tmp_path / "few.parquet"
    pl.read_parquet(folder / "data" / "user_factors.parquet").head(5).write_parquet(few)
    with pytest.raises(DataError, match="says nothing of user"):
        measure_run(task(folder, planted=few))
    with pytest.raises(ConfigError, match="no attribute 'colour'"):
        measure_run(task(folder, planted=None, attributes=("colour",)))
    with pytest.raises(ConfigError, match="1 factors differ"):
        measure_run(task(folder, planted=None, attributes=("year",)))


def test_controls_say_everything_and_nothing(folder):
    perfect, noise = measure_controls(task(folder, n_axes=12))
    assert (perfect.model, noise.model) == (PERFECT, NOISE)
    names = ("r2", "gap", "disentanglement", "completeness", "informativeness")
    assert min(perfect.figures[name] for name in names) > 0.8
    assert max(noise.figures[name] for name in (*names, "mig")) < 0.15
    assert perfect.turned["disentanglement"] < 0.5 < perfect.figures["disentanglement"]
    assert perfect.turned["gap"] < 0.5 * perfect.figures["gap"]


def test_longer_code_is_cut_to_the_dimensions_that_vary_most(folder):
    tasks = at_most([task(folder), task(folder, "longer")])
    assert [one.n_axes for one in tasks] == [4, 4]
    codes = np.random.default_rng(0).normal(size=(50, 6)) * np.array([1.0, 5.0, 3.0, 0.1, 2.0, 4.0])
    rows = Rows(codes, codes[:, :2])
    assert Axes(rows, rows, 4).kept.tolist() == [1, 2, 4, 5]
    assert measure_run(tasks[1]).n_latent == 6


def test_guided_run_is_a_row_of_its_own(folder):
    assert label_of(RunFolder(folder / "guided").load_info()) == "mult-vae, guided"
    assert label_of(RunFolder(folder / "mult-vae-0").load_info()) == "mult-vae"


def test_seeds_are_one_row_and_runs_that_are_missing_are_trained(folder, threads, tmp_path):
    RunFolder(tmp_path / "inputs").path.mkdir()
    RunFolder(tmp_path / "inputs").save_inputs(SPLIT, CATALOGUE)
    train = Task("mult-dae", 2, tmp_path / "inputs", tmp_path / "mult-dae-2", options("mult-dae", seed=2))
    tasks = [task(folder), task(folder, "mult-vae-1"), task(tmp_path, "mult-dae-2", kept=folder / "kept", train=train,
             model="mult-dae", planted=folder / "data" / "user_factors.parquet")]  # fmt: skip
    reached: list[int] = []
    rows = measure_all(tasks, jobs=1, note=lambda _: None, reach=reached.append)
    assert reached == [1, 2, 3]
    by_model = {row.model: row for row in rows}
    assert list(by_model)[2:] == [PERFECT, NOISE]
    assert [one.seed for one in by_model["mult-vae"].seeds] == [0, 1]
    assert len(by_model["mult-vae"].udr) == len(by_model["mult-vae"].by_seed("udr_spearman")) == 2
    assert by_model["mult-dae"].udr == ()
    assert by_model["mult-dae"].by_seed("ndcg") != []
    assert by_model["mult-vae"].by_seed("ndcg") == []


def test_run_that_is_not_there_and_a_seed_that_is_there_twice_are_refused(folder, threads, tmp_path):
    with pytest.raises(FitError, match="nowhere"):
        measure_all([task(folder), task(folder, "nowhere")], jobs=1, note=lambda _: None)
    with pytest.raises(FitError, match="not one for each seed"):
        measure_all([task(folder), task(folder, "longer")], jobs=1, note=lambda _: None)


def test_page_and_twin_tell_every_row(folder, tmp_path):
    seeds = tuple(measure_run(task(folder, f"mult-vae-{seed}")) for seed in (0, 1))
    rows = [Row("mult-vae", seeds, (0.3, 0.4), (0.2, 0.2))]
    rows += [Row(one.model, (one,)) for one in measure_controls(task(folder))]
    rows.append(Row("longer", (measure_run(task(folder, "longer")),)))
    ran_on = {"processor": "p", "cores": 2, "python": "3", "torch": "2"}
    part = Part("synth: planted", "synth", "f" * 64, "Planted.", rows)
    pages = write_spaces(tmp_path / "d", [part], Provenance("prismrec x", "test", ran_on, {}, None, "c0de", "Windy."))
    page, twin = pages[0].read_text(), json.loads(pages[1].read_text())
    assert "| mult-vae" in page
    assert "Windy." in page
    assert "of longer's 6 they see the 4 that vary most" in page
    (document,) = twin["parts"]
    assert [one["model"] for one in document["models"]] == ["mult-vae", PERFECT, NOISE, "longer"]
    found = document["models"][0]["figures"]
    assert found["udr"]["mean"] == pytest.approx(0.35)
    assert found["r2"]["by_seed"] == pytest.approx([one.figures["r2"] for one in seeds], abs=1e-6)
    assert f"{found['r2']['mean']:.3f}" in page
    assert not any(user in pages[1].read_text() for user in SPLIT.test.users)
