"""A named value goes to what gives it on the live model, whatever the map says; each planted lie has a control."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bundle.factors import Direction, FactorMap, Half, Reading
from bundle.manifest import encode
from bundle.writer import write_bundle
from service.bundles.loader import load_bundle
from service.coldstarts.candidates import (
    ENOUGH,
    POINTS,
    STRENGTHS,
    Asked,
    Candidate,
    best_of,
    candidates_of,
    points_of,
    try_all,
)
from service.coldstarts.picks import Pick
from service.engine import LoadedBundle
from service.limits import LIMITS
from tests.builders import BuilderModel, builder_model, make_payload
from tests.service.core.cold import started

COMEDY = Pick(attribute="genre", value="Comedy")
ASKED = Asked("genre", "Comedy", 1.0)
Edit = Callable[[FactorMap], FactorMap]


def _reading(value: str | None, *, effect: float = 0.9, ambiguous: bool = False) -> Reading:
    status = "undecoded" if value is None else "ambiguous" if ambiguous else "decoded"
    attribute = None if value is None else "genre"
    return Reading(
        status=status, attribute=attribute, value=value, effect=effect, effect_low=0.8, effect_high=1.0, q_value=0.001
    )


def _with_half(mapped: FactorMap, factor: int, half: Half, reading: Reading) -> FactorMap:
    factors = list(mapped.factors)
    changed = msgspec.structs.replace(factors[factor], **{half: reading})
    told = changed.reading(changed.half)
    repeated = {name: getattr(told, name) for name in ("status", "attribute", "value", "stability")}
    factors[factor] = msgspec.structs.replace(changed, **repeated)
    return msgspec.structs.replace(mapped, factors=tuple(factors))


def _with_direction(mapped: FactorMap, vector: tuple[float, ...], *, sd: float = 1.0) -> FactorMap:
    """Comedy's direction replaced."""
    others = [d for d in mapped.directions if d.value != "Comedy"]
    ours = Direction(attribute="genre", value="Comedy", vector=vector, mean=0.0, sd=sd, r2=0.7)
    return msgspec.structs.replace(mapped, directions=(ours, *others))


def _misleading_axis(mapped: FactorMap) -> FactorMap:
    """The half of Drama is said to be Comedy, with a great effect, the true half is not; the direction is true."""
    return _with_half(_with_half(mapped, 0, "positive", _reading(None)), 2, "positive", _reading("Comedy"))


def _misleading_direction(mapped: FactorMap) -> FactorMap:
    """The other way round: the true half has a small effect and the direction leads to Drama."""
    weak = _reading("Comedy", effect=0.01, ambiguous=True)
    return _with_direction(_with_half(mapped, 0, "positive", weak), (0.0, 0.0, 1.0, 0.0))


def _nothing_carries(mapped: FactorMap) -> FactorMap:
    """Only the half and the direction of Drama claim to be Comedy."""
    return _with_direction(_misleading_axis(mapped), (0.0, 0.0, 1.0, 0.0))


def _filter(mapped: FactorMap) -> FactorMap:
    """The probe reads Comedy mostly from the latent in which users hardly differ: moving along it moves nothing."""
    silent = _with_half(mapped, 0, "positive", _reading(None))
    return _with_direction(silent, (0.1, 0.0, 0.0, math.sqrt(0.99)), sd=0.1)


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[Edit], LoadedBundle]:
    """A bundle whose map is edited; the model stays the builder's."""

    def make(edit: Edit, *, n_conditions: int = 3) -> LoadedBundle:
        payload, manifest_of = make_payload(builder_model(n_conditions=n_conditions))
        mapped = edit(msgspec.json.decode(payload["factors.json"], type=FactorMap))
        folder = write_bundle(tmp_path / "demo", "1", {**payload, "factors.json": encode(mapped)}, manifest_of)
        return load_bundle(folder)

    return make


def _share(loaded: LoadedBundle, pick: Pick) -> float:
    """Of Comedy in the ten listed."""
    found = started(loaded, [pick], n=10, seed=1)
    has = loaded.catalogue.attributes[0].members[:, 0]
    return float(has[[item.item_ix for item in found.items]].mean())


def test_coldstart_misleading_axis_loses_to_the_direction(planted) -> None:
    loaded = planted(_misleading_axis)
    (pick,) = started(loaded, [COMEDY]).picks
    assert (pick.via, pick.factor, pick.status, pick.note) == ("direction", None, "decoded", None)
    misled, right, _ = (one.share for one in try_all(loaded, [ASKED])[0])
    assert pick.share == right > 0.6 > 0.4 > misled
    assert _share(loaded, COMEDY) > 0.8
    # the control: the half that the map names, for its effect of 0.9, does not give the value
    assert _share(loaded, Pick(factor=2, half="positive")) < 0.4


def test_coldstart_misleading_direction_loses_to_the_axis(planted) -> None:
    loaded = planted(_misleading_direction)
    (pick,) = started(loaded, [COMEDY]).picks
    assert (pick.via, pick.factor, pick.half, pick.status) == ("factor", 0, "positive", "ambiguous")
    assert _share(loaded, COMEDY) > 0.8


def test_coldstart_value_that_nothing_carries_is_undecoded_and_names_the_surer_way(planted) -> None:
    loaded = planted(_nothing_carries)
    (pick,) = started(loaded, [COMEDY]).picks
    assert pick.status == "undecoded"
    assert "latents carry this value weakly: only" in (pick.note or "")
    assert "% of the list has it" in (pick.note or "")
    assert "soft `condition`" in (pick.note or "")
    # the surer way is one: the same pick with it, and then it is not advised again
    asked = started(loaded, [COMEDY], condition=loaded.condition(["Comedy"]))
    assert (asked.condition_satisfied or 0) >= 0.7 > 0.5 > _share(loaded, COMEDY)
    assert "soft `condition`" not in (asked.picks[0].note or "")


def test_coldstart_model_without_conditions_is_not_said_to_have_one(planted) -> None:
    (pick,) = started(planted(_nothing_carries, n_conditions=0), [COMEDY]).picks
    assert "latents carry this value weakly" in (pick.note or "")
    assert "condition" not in (pick.note or "")


def test_coldstart_probe_that_is_a_filter_is_sampled_by_its_pattern(planted) -> None:
    loaded = planted(_filter)
    (pick,) = started(loaded, [COMEDY]).picks
    assert pick.via == "pattern"
    assert _share(loaded, COMEDY) > 0.8
    along, pattern = (one.share for one in try_all(loaded, [ASKED])[0])
    assert along < 0.6 < pattern  # the control: the probe's own vector does not lead there


def test_try_all_equals_the_twin(loaded: LoadedBundle, twin: BuilderModel) -> None:
    (tried,) = try_all(loaded, [ASKED])
    has = loaded.catalogue.attributes[0].members[:, 0]
    draws = (np.arange(POINTS) + 0.5) / POINTS
    z = points_of(loaded, tried[0].candidate, strength=1.0, draws=draws)
    weights = np.exp(twin.logits(z))  # the catalogue is smaller than the list read: all of it counts
    assert tried[0].share == pytest.approx(float((weights[:, has].sum(1) / weights.sum(1)).mean()), rel=1e-4)


def test_try_all_is_the_same_every_time_and_for_each_value_alone(loaded: LoadedBundle) -> None:
    horror = Asked("genre", "Horror", 2.0)
    both = try_all(loaded, [ASKED, horror])
    assert both == try_all(loaded, [ASKED, horror])
    assert [t.candidate for t in both[1]] == [t.candidate for t in try_all(loaded, [horror])[0]]
    assert try_all(loaded, []) == ()


def test_candidates_of_bound_drops_the_weakest_halves_first(planted) -> None:
    loaded = planted(lambda mapped: _with_half(mapped, 2, "negative", _reading("Comedy", effect=0.01)))
    every = candidates_of(loaded, ASKED, at_most=LIMITS.trials)
    assert [(c.via, c.factor) for c in every] == [("factor", 0), ("factor", 2), ("direction", None), ("pattern", None)]
    fewer = candidates_of(loaded, ASKED, at_most=3)
    assert [(c.via, c.factor) for c in fewer] == [("factor", 0), ("direction", None), ("pattern", None)]
    assert LIMITS.trials // LIMITS.picks > 3  # so that with the most picks a half is still tried


def test_try_all_value_that_needs_strength_gets_the_first_that_is_enough(planted) -> None:
    """The half is there and leads to Comedy, but users hardly fill it; asked for by number it is sampled as it is."""

    def narrow(mapped: FactorMap) -> FactorMap:
        factors = list(mapped.factors)
        thin = tuple(0.1 * q for q in factors[0].quantiles)
        factors[0] = msgspec.structs.replace(factors[0], quantiles=thin, sd=0.1)
        others = tuple(d for d in mapped.directions if d.value != "Comedy")
        return msgspec.structs.replace(mapped, factors=tuple(factors), directions=others)

    loaded = planted(narrow)
    ((tried,),) = try_all(loaded, [Asked("genre", "Comedy", None)])
    by_strength = {s: try_all(loaded, [Asked("genre", "Comedy", s)])[0][0] for s in STRENGTHS}
    assert by_strength[1.0].listed < ENOUGH
    enough = [s for s in STRENGTHS if by_strength[s].listed >= ENOUGH]
    assert tried == by_strength[enough[0] if enough else max(STRENGTHS, key=lambda s: by_strength[s].listed)]
    (pick,) = started(loaded, [COMEDY]).picks
    assert pick.strength == tried.strength > 1.0
    assert _share(loaded, COMEDY) > _share(loaded, Pick(attribute="genre", value="Comedy", strength=1.0))
    (half,) = started(loaded, [Pick(factor=0, half="positive")]).picks
    assert half.strength == 1.0


def test_try_all_value_that_is_listed_at_once_is_not_pushed(loaded: LoadedBundle) -> None:
    (tried,) = try_all(loaded, [Asked("genre", "Comedy", None)])
    assert best_of(tried).listed >= ENOUGH
    assert {one.strength for one in tried} == {1.0}
    assert {one.strength for one in try_all(loaded, [Asked("genre", "Comedy", 2.5)])[0]} == {2.5}


def test_best_of_a_hair_does_not_displace_the_first(loaded: LoadedBundle) -> None:
    first, second, _ = try_all(loaded, [ASKED])[0]

    def told(share: float) -> str:
        return best_of([type(first)(first.candidate, 0.50), type(second)(second.candidate, share)]).candidate.via

    assert told(0.51) == "factor"
    assert told(0.53) == "direction"


def test_best_of_one_that_fills_the_list_goes_before_one_that_does_not(loaded: LoadedBundle) -> None:
    first, second, _ = try_all(loaded, [ASKED])[0]
    fuller = best_of([type(first)(first.candidate, 0.9, listed=0.5), type(second)(second.candidate, 0.6, listed=0.9)])
    assert fuller.candidate == second.candidate
    both = best_of([type(first)(first.candidate, 0.9, listed=0.9), type(second)(second.candidate, 0.6, listed=1.0)])
    assert both.candidate == first.candidate, "enough is enough"


def test_candidates_of_a_direction_with_a_pattern_are_three(planted) -> None:
    def known(mapped: FactorMap) -> FactorMap:
        made = tuple(msgspec.structs.replace(d, pattern=d.vector) for d in mapped.directions)
        return msgspec.structs.replace(mapped, directions=made)

    forms = [c.via for c in candidates_of(planted(known), ASKED, at_most=LIMITS.trials)]
    assert forms == ["factor", "direction", "pattern", "variances"]


def test_points_of_pattern_strength_is_the_distance_in_standard_deviations(loaded: LoadedBundle) -> None:
    direction = Direction(attribute="genre", value="Comedy", vector=(0.6, 0.8, 0.0, 0.0), mean=0.3, sd=1.0, r2=0.7)
    draws = np.array([0.5, 1.0])
    z = points_of(loaded, Candidate("pattern", direction=direction), strength=2.0, draws=draws)
    sd = np.array([factor.sd for factor in loaded.factors.factors])
    assert np.allclose(np.linalg.norm(z / sd, axis=1), 2.0 * draws)
    known = msgspec.structs.replace(direction, pattern=(1.0, 0.0, 0.5, 0.0))
    z = points_of(loaded, Candidate("pattern", direction=known), strength=2.0, draws=draws)
    assert np.allclose(z, 2.0 * draws[:, None] * [1.0, 0.0, 0.5, 0.0])
    alone = points_of(loaded, Candidate("variances", direction=known), strength=2.0, draws=draws)
    assert np.allclose(alone, points_of(loaded, Candidate("pattern", direction=direction), strength=2.0, draws=draws))
    dead = Direction(attribute="genre", value="Comedy", vector=(0.0,) * 4, mean=0.0, sd=0.0, r2=0.0)
    assert not points_of(loaded, Candidate("pattern", direction=dead), strength=1.0, draws=draws).any()
