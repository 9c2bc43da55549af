"""The study of how long a training takes: definitions on curves of known answer, statistics, and that it runs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from benchmarks.complexity import study
from benchmarks.complexity.__main__ import main
from benchmarks.complexity.curves import Curve, best_axis, held_out_r2, looked_at
from benchmarks.complexity.families import Case, cases, mixture
from benchmarks.complexity.moments import for_good, level_of, moments
from benchmarks.complexity.outcomes import Outcome, figures_of
from benchmarks.complexity.predict import (
    Rule,
    candidates,
    fitted,
    goings,
    judged,
    measured_epochs,
    spearman,
    warned,
)

STEPS = np.arange(10, 1010, 10)


def rising(*, after: int) -> np.ndarray:
    return np.where(after <= STEPS, 1.0, 0.1)


def test_what_rises_once_is_active_from_there():
    assert for_good(STEPS, rising(after=300), 0.8) == 300


def test_what_rises_falls_and_rises_again_counts_from_its_last_rise():
    twice = rising(after=100) - np.where((STEPS > 200) & (STEPS < 400), 0.9, 0.0)
    assert STEPS[np.argmax(twice >= 0.8)] == 100  # the control: where it is first reached
    assert for_good(STEPS, twice, 0.8) == 400


def test_one_flutter_is_no_fall():
    fluttering = rising(after=100)
    fluttering[60] = 0.0
    assert for_good(STEPS, fluttering, 0.8) == 100


def test_level_is_that_of_the_last_quarter_and_no_peak_sets_it():
    values = rising(after=100)
    values[50], values[-1] = 9.0, 9.0
    assert level_of(STEPS, values) == 1.0


def curve_of(carried: np.ndarray, *, kl: np.ndarray | None = None) -> Curve:
    one = carried[:, None]
    kl = np.full((len(STEPS), 4), 1.0) if kl is None else kl
    parts = (tuple(map(tuple, part.tolist())) for part in (one, np.sqrt(np.maximum(one, 0.0)), kl))
    return Curve(tuple(STEPS.tolist()), 10, *parts, tuple(np.linspace(0, 1, len(STEPS)).tolist()))


def test_kl_alone_is_not_active():
    """As when beta is near 0: all latents have a large KL from the first step on, and carry nothing yet."""
    found = moments(curve_of(rising(after=500)))
    assert (found.units, found.tastes) == (10, 500)
    assert found.best == 1000


def test_latents_that_learn_nothing_are_never_active():
    found = moments(curve_of(np.full(len(STEPS), 0.05)))
    assert found.tastes is None and found.axes is None


def test_curve_that_still_rises_at_the_end_is_marked():
    assert moments(curve_of(STEPS / 1000)).rising
    assert not moments(curve_of(rising(after=100))).rising


def test_r2_of_known_codes():
    rng = np.random.default_rng(0)
    tastes = rng.normal(size=(2000, 2))
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    codes = np.column_stack([tastes, rng.normal(size=2000)])
    noisy = tastes + rng.normal(size=tastes.shape)

    assert held_out_r2(codes, tastes) == pytest.approx([1.0, 1.0], abs=0.01)
    assert held_out_r2(codes @ rotation, tastes) == pytest.approx([1.0, 1.0], abs=0.01)
    assert held_out_r2(noisy, tastes) == pytest.approx([0.5, 0.5], abs=0.05)
    assert held_out_r2(rng.normal(size=(2000, 200)), tastes).max() < 0.05
    assert held_out_r2(np.ones((2000, 3)), tastes).max() < 0.05
    assert best_axis(codes, tastes) == pytest.approx([1.0, 1.0])
    assert best_axis(codes @ rotation, tastes).min() < 0.99  # a single axis does change when z is rotated


def test_steps_looked_at_are_dense_early_and_never_far_apart():
    found = looked_at(1000)
    assert found[:3] == [1, 2, 3] and found[-1] == 1000
    assert max(np.diff(found)) <= 40
    assert set(looked_at(400)) <= set(found)


def data_set(rng: np.random.Generator, family: str, *, steps: float, length: float) -> Outcome:
    """Whose trainings take so many steps; the other figures are drawn."""
    figures = {"steps per epoch": length, "n_items": 300.0, "drawn": float(rng.uniform(1, 100))}
    seen = (moments(curve_of(rising(after=500))),)
    return Outcome(family, f"{length:g}", figures, length, (round(steps),), seen)


def made(rng: np.random.Generator, *, constant: bool) -> list[Outcome]:
    """40 data sets of four families: the steps are constant (but for a tenth), or the epochs are drawn from nothing."""
    found = []
    for n in range(40):
        length = float(round(np.exp(rng.uniform(1.5, 4.5))))
        steps = 200.0 * np.exp(0.1 * rng.normal()) if constant else length * np.exp(rng.uniform(0, 3))
        found.append(data_set(rng, f"family {n % 4}", steps=steps, length=length))
    return found


def test_constant_number_of_steps_is_found():
    data = made(np.random.default_rng(1), constant=True)
    best = candidates(data)[0]
    assert judged(Rule((), in_steps=True), data).factor < 1.15
    assert best.factor < 1.15
    assert judged(Rule((), in_steps=False), data).factor > 2.0
    strongest = goings(data, measured_epochs(data), np.random.default_rng(0))[0]
    assert strongest.figure == "steps per epoch" and strongest.high < -0.9


def test_nothing_is_found_where_there_is_nothing():
    data = made(np.random.default_rng(2), constant=False)
    assert judged(Rule((), in_steps=True), data).factor > 2.0
    assert all(one.low <= 0.0 <= one.high for one in goings(data, measured_epochs(data), np.random.default_rng(0)))


def test_rank_correlation_is_that_of_scipy():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (2, 3, 30)).astype(float)
    found = spearman(first, second)
    assert found == pytest.approx([spearmanr(a, b).statistic for a, b in zip(first, second, strict=True)])
    assert spearman(np.ones((1, 30)), second[:1]).tolist() == [0.0]


def test_error_is_of_families_that_were_not_seen():
    """One family takes ten times the steps: fitted with it the line leans its way, judged without it cannot."""
    rng = np.random.default_rng(3)
    data = made(rng, constant=True) + [data_set(rng, "slow", steps=2000, length=float(n)) for n in (5, 20, 80)]
    errors = judged(Rule((), in_steps=True), data).errors
    assert errors[-3:] == pytest.approx([np.log(10)] * 3, abs=0.1)
    line = fitted(Rule((), in_steps=True), data)
    assert (measured_epochs(data) - line.log_epochs(data))[-1] < np.log(10) - 0.1


def test_warnings_are_right_where_the_rule_is():
    found = warned(Rule((), in_steps=True), made(np.random.default_rng(4), constant=True))
    assert found.false < 0.05 and found.missed < 0.3
    blind = warned(Rule((), in_steps=False), made(np.random.default_rng(4), constant=True))
    assert blind.missed > found.missed  # control: a constant number of epochs knows nothing of the data
    assert found.n_short + found.n_enough == 40 * 6


def test_cases_have_names_of_their_own_and_at_least_forty_data_sets():
    found = cases(seeds=2, real=[])
    assert len({case.name for case in found}) == len(found)
    assert len({case.label + case.family for case in found if case.family not in ("settings", "combined")}) >= 40
    assert Case("a", "b", {"n_users": 30}).name != Case("a", "b", {"n_users": 31}).name
    assert mixture(np.random.default_rng(0)) == mixture(np.random.default_rng(0))


def test_figures_are_those_that_describe_prints():
    described = {"n_users": 10, "n_items": 20, "n_interactions": 100, "density": 0.5, "popularity_gini": 0.2}
    described |= {"effective_rank": 5.0, "mean_history": 10.0, "structure": 2.0, "n_training_users": 801}
    found = figures_of(described)
    assert found["steps per epoch"] == 9
    assert found["interactions per item"] == 5.0
    assert found["effective rank / smaller side"] == 0.5


def test_study_runs_goes_on_and_writes_its_page(tmp_path, monkeypatch, capsys):
    asked = ["--quick", "--jobs", "1", "--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "page")]
    assert main(asked) == 0
    document = json.loads((tmp_path / "page.json").read_text("utf-8"))
    assert document["quick"] and document["n_runs"] == 5
    assert "no figure here means anything" in (tmp_path / "page.md").read_text("utf-8")
    assert (tmp_path / "page.svg").read_text("utf-8").startswith("<?xml")
    first = (tmp_path / "page.md").read_text("utf-8")

    monkeypatch.setattr(study, "record_of", lambda case: pytest.fail(f"{case.name} was trained again"))
    assert main(asked) == 0
    assert "5 of them are there already" in capsys.readouterr().err
    assert (tmp_path / "page.md").read_text("utf-8") == first


def test_training_is_a_function_of_its_seed():
    case = replace(cases(seeds=1, real=[], quick=True)[0], steps=20, epochs=1)
    first, again, other = (study.record_of(one) for one in (case, case, replace(case, seed=1)))
    assert first.curve == again.curve
    assert first.curve != other.curve
