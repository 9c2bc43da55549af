"""The recovery study: what counts as found is found, what does not is not, the null is empty, and it goes on.

No share is asserted: that is what the study itself is for. Maps are made by hand, so that each verdict is known.
"""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.recovery.__main__ import main
from benchmarks.recovery.runner import run_units
from benchmarks.recovery.study import SCENARIOS, SEEDS, TUNING_SEEDS, Unit, full_study, quick_study
from benchmarks.recovery.tally import Judged, grouped_share, share
from benchmarks.recovery.unit import Found, Null, file_of, kept, null_of, run_unit, shuffled, together
from benchmarks.recovery.verdict import METHODS, Method, Planted, judged, recovered
from bundle.factors import Evidence, Factor, FactorMap, Half, Reading
from tests.training.decode.planted import QUICK, planted_world
from training.data.synth import FACTORS, GENRES, SynthConfig
from training.decode.map import decode
from training.errors import FitError

SCALES = {"genre": GENRES, "year": ("1950s", "1980s", "2010s"), "rating": ("1 to 2", "2 to 3", "3 to 4", "4 to 5")}
TOP = {name: scale[-1] for name, scale in SCALES.items()}
BOTTOM = {name: scale[0] for name, scale in SCALES.items()}


def dimension(
    i: int,
    attribute: str,
    *,
    value: str | None = None,
    half: Half = "positive",
    effect: float = 0.2,
    q_value: float = 0.001,
    **changes: object,
) -> Factor:
    """Says `attribute` in one half by both methods, and nothing in the other."""
    nothing = Reading(
        status="undecoded", attribute=None, value=None, effect=0.0, effect_low=0.0, effect_high=0.0, q_value=1.0
    )
    factor = Factor(
        factor=i, active=True, kl=0.5, mean=0.0, sd=1.0, quantiles=(), status="undecoded", half="positive",
        attribute=None, value=None, negative=nothing, positive=nothing, examples_negative=(), examples_positive=(),
        evidence=(evidence(attribute, half, TOP[attribute] if value is None else value, effect, q_value),),
    )  # fmt: skip
    return msgspec.structs.replace(factor, **changes)


def evidence(attribute: str, half: Half, value: str, effect: float, q_value: float) -> Evidence:
    return Evidence(
        attribute=attribute, half=half, mc=effect, mc_low=effect, mc_high=effect, mc_relative=1.0, js=effect,
        js_low=effect, js_high=effect, p_value=q_value, q_value=q_value, shifted_value=value, ig=effect, ig_low=effect,
        ig_high=effect, ig_p_value=q_value, ig_q_value=q_value, value=value, lift=2.0,
    )  # fmt: skip


def a_map(*factors: Factor) -> FactorMap:
    return FactorMap(settings={}, attributes=FACTORS, factors=factors)


def planted(*rows: tuple[float, float, float]) -> Planted:
    return Planted(correlation=rows, scales=SCALES)


TRUE_MAP = a_map(dimension(0, "genre"), dimension(1, "year"), dimension(2, "rating"))
AXES = planted((0.9, 0.1, 0.0), (0.1, 0.9, 0.0), (0.0, 0.2, 0.8))


def outcomes(found: FactorMap, truth: Planted, method: Method) -> list[str]:
    return [verdict.outcome for verdict in judged(found, truth, method).values()]


@pytest.mark.parametrize("method", METHODS)
def test_judged_axes_that_are_the_factors_are_all_mapped(method: Method) -> None:
    assert outcomes(TRUE_MAP, AXES, method) == ["mapped"] * 3
    assert recovered(judged(TRUE_MAP, AXES, method), method)


@pytest.mark.parametrize("method", METHODS)
def test_judged_turned_round_axes_have_the_right_half_when_the_value_is_of_the_other_end(method: Method) -> None:
    turned = planted(*(tuple(-r for r in row) for row in AXES.correlation))
    assert outcomes(TRUE_MAP, turned, method) == ["wrong half"] * 3
    other_end = a_map(*(dimension(i, name, value=BOTTOM[name]) for i, name in enumerate(FACTORS)))
    assert outcomes(other_end, turned, method) == ["mapped"] * 3
    other_half = a_map(*(dimension(i, name, half="negative") for i, name in enumerate(FACTORS)))
    assert outcomes(other_half, turned, method) == ["mapped"] * 3


def test_recovered_wrong_half_spoils_the_absolute_method_only() -> None:
    found = a_map(dimension(0, "genre"), dimension(1, "year", value="1950s"), dimension(2, "rating"))
    assert recovered(judged(found, AXES, "relative"), "relative")
    assert not recovered(judged(found, AXES, "absolute"), "absolute")


@pytest.mark.parametrize("method", METHODS)
def test_judged_middle_bin_is_no_end(method: Method) -> None:
    found = a_map(dimension(0, "genre"), dimension(1, "year", value="1980s"), dimension(2, "rating"))
    assert outcomes(found, AXES, method) == ["mapped", "wrong half", "mapped"]


@pytest.mark.parametrize("method", METHODS)
def test_judged_name_of_another_taste_is_not_true(method: Method) -> None:
    found = a_map(dimension(0, "genre"), dimension(1, "rating"), dimension(2, "year"))
    assert outcomes(found, AXES, method) == ["mapped", "not true", "not true"]


@pytest.mark.parametrize("method", METHODS)
def test_judged_dead_dimension_names_nothing(method: Method) -> None:
    found = a_map(dimension(0, "genre", active=False), *TRUE_MAP.factors[1:])
    assert outcomes(found, AXES, method) == ["not named", "mapped", "mapped"]


@pytest.mark.parametrize("method", METHODS)
def test_judged_insignificant_cell_names_nothing(method: Method) -> None:
    found = a_map(dimension(0, "genre", q_value=0.06), *TRUE_MAP.factors[1:])
    assert outcomes(found, AXES, method) == ["not named", "mapped", "mapped"]


@pytest.mark.parametrize("method", METHODS)
def test_judged_dimension_speaks_for_its_strongest_attribute_only(method: Method) -> None:
    both = (evidence("genre", "positive", "Romance", 0.2, 0.001), evidence("year", "negative", "1950s", 0.3, 0.001))
    found = a_map(dimension(0, "genre", evidence=both), TRUE_MAP.factors[2])
    truth = planted((0.8, 0.9, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.9))
    assert outcomes(found, truth, method) == ["not named", "mapped", "mapped"]


@pytest.mark.parametrize("method", METHODS)
def test_judged_the_loudest_of_several_dimensions_counts(method: Method) -> None:
    truth = planted(*AXES.correlation, (0.1, 0.7, 0.3))
    louder = a_map(*TRUE_MAP.factors, dimension(3, "genre", effect=0.5))
    assert outcomes(louder, truth, method) == ["not true", "mapped", "mapped"]
    quieter = a_map(*TRUE_MAP.factors, dimension(3, "genre", effect=0.1))
    assert outcomes(quieter, truth, method) == ["mapped"] * 3


def found_with(found: FactorMap, truth: Planted, *, space: float = 0.9) -> Judged:
    return Judged.of(
        Found(
            scenario="default", model="m", seed=0, asked={}, map=found, planted=truth, space=(space,) * 3,
            ceiling=(0.9,) * 3, null=Null(cells=6, relative=0, absolute=0, small_p=0, readings=0), ndcg=0.3,
            best_epoch=1, seconds=1.0, code=("", ""), commit=None,
        )
    )  # fmt: skip


def test_why_missed_tells_lost_spread_mixed_and_faint_apart() -> None:
    assert found_with(TRUE_MAP, AXES).why_missed(0) == "faint"
    assert found_with(TRUE_MAP, AXES, space=0.5).why_missed(0) == "lost"
    halves = planted((0.64, 0.0, 0.0), (0.63, 0.0, 0.0), (0.0, 0.0, 0.8))
    assert found_with(TRUE_MAP, halves).why_missed(0) == "spread"
    other = planted((0.75, 0.8, 0.0), (0.1, 0.3, 0.0), (0.0, 0.0, 0.8))
    assert found_with(TRUE_MAP, other, space=0.8).why_missed(0) == "mixed"


def test_pure_refuses_a_dimension_that_holds_two_tastes() -> None:
    assert found_with(TRUE_MAP, AXES).pure("relative")
    mixed = planted((0.9, 0.7, 0.0), *AXES.correlation[1:])
    assert found_with(TRUE_MAP, mixed).recovered("relative")
    assert not found_with(TRUE_MAP, mixed).pure("relative")


def test_share_has_the_interval_of_wilson() -> None:
    found = share(19, 20)
    assert (found["share"], found["low"], found["high"]) == pytest.approx((0.95, 0.7639, 0.9911), abs=1e-4)
    assert share(0, 0)["share"] is None


def test_grouped_share_has_a_wider_interval_when_they_come_in_maps() -> None:
    apart, clumped = grouped_share([1] * 4 + [0] * 36, [1] * 40), grouped_share([10] * 4 + [0] * 36, [10] * 40)
    single = grouped_share([1] * 40 + [0] * 360, [1] * 400)
    assert apart["share"] == clumped["share"] == single["share"] == 0.1
    assert clumped["low"] == pytest.approx(apart["low"])
    assert clumped["high"] - clumped["low"] > 2 * (single["high"] - single["low"])


def test_together_is_one_for_what_is_a_sum_and_small_for_noise() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(500, 4)), rng.normal(size=500)
    sums = np.column_stack([x @ [1.0, -2.0, 0.0, 0.5], noise])
    whole, nothing = together(x, sums)
    assert whole == pytest.approx(1.0)
    assert nothing < 0.2


def test_shuffled_attributes_are_not_significant_and_the_true_ones_are() -> None:
    world = planted_world()
    true = null_of(decode(world.model, world.split, world.catalogue, QUICK).factors, level=0.05)
    mixed = shuffled(world.catalogue, np.random.default_rng(0))
    null = null_of(decode(world.model, world.split, mixed, QUICK).factors, level=0.05)
    for before, after in zip(world.catalogue.attributes, mixed.attributes, strict=True):
        assert sorted(before.rows) == sorted(after.rows)
        assert before.rows != after.rows
    assert (null.relative, null.absolute, null.readings) == (0, 0, 0)
    assert min(true.relative, true.absolute, true.readings) >= 4
    assert null.cells == true.cells > 0


def test_full_study_has_the_default_seeds_and_does_not_choose_on_them() -> None:
    units = full_study().units()
    default = {(u.contender.name, u.seed) for u in units if u.scenario.name == "default"}
    assert len(default) == SEEDS * 4
    assert {u.seed for u in units if u.scenario.name == "tuning"} == set(TUNING_SEEDS)
    assert not {seed for _, seed in default} & set(TUNING_SEEDS)
    assert len({u.name for u in units}) == len(units)
    assert SCENARIOS[0].config(3) == SynthConfig(seed=3)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Unit, Found, Path]:
    """One unit of the quick study, really done."""
    folder = tmp_path_factory.mktemp("recovery")
    unit = quick_study().units()[1]
    found = run_unit(unit, folder)
    assert isinstance(found, Found), found
    return unit, found, folder


def test_unit_is_kept_and_used_again_only_with_the_same_settings(done: tuple[Unit, Found, Path]) -> None:
    unit, found, folder = done
    assert kept(unit, folder) == found
    assert kept(replace(unit, decode=unit.decode.model_copy(update={"permutations": 70})), folder) is None
    assert [path.name for path in folder.iterdir()] == [file_of(unit, folder).name]
    assert len(found.planted.correlation) == len(found.map.factors)
    assert set(found.planted.scales) == set(FACTORS)


def test_unit_that_fails_is_named_and_the_others_are_kept(done: tuple[Unit, Found, Path], tmp_path: Path) -> None:
    unit, found, _ = done
    file_of(unit, tmp_path).write_bytes(msgspec.json.encode(found))
    too_wide = replace(unit.contender, kind="autoencoder", model={"latent": 5000})
    bad, good = replace(unit, seed=unit.seed + 1, contender=too_wide), replace(unit, seed=unit.seed + 2)
    assert pickle.loads(pickle.dumps(bad)) == bad  # as the processes get it
    with pytest.raises(FitError, match=bad.name):
        run_units([unit, bad, good], tmp_path, lambda words: None, jobs=1, workers=ThreadPoolExecutor)
    assert kept(unit, tmp_path) == found
    assert kept(good, tmp_path) is not None


def test_main_quick_goes_on_from_what_is_there_and_writes_both_pages(
    done: tuple[Unit, Found, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found, _ = done
    units = quick_study().units()
    for unit in units:  # the same outcome under every name: what is asked here is only that the page is made
        other = msgspec.structs.replace(
            found, scenario=unit.scenario.name, model=unit.contender.name, seed=unit.seed, asked=unit.asked()
        )
        file_of(unit, tmp_path).write_bytes(msgspec.json.encode(other))
    assert main(["--quick", "--runs", str(tmp_path), "--results", str(tmp_path / "page")]) == 0
    assert f"{len(units)} of {len(units)} units are there, 0 to do" in capsys.readouterr().err
    page, figures = (tmp_path / "page.md").read_text(), json.loads((tmp_path / "page.json").read_text())
    assert "no figure here means anything" in page
    assert {row["model"] for row in figures["recovery"]} == {c.name for c in quick_study().contenders}
    assert figures["null"]["all"]["maps"] == len(units)
