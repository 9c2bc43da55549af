"""The whole way on a decoder whose factors are planted, and on controls where there is nothing to find."""

from __future__ import annotations

import numpy as np
import pytest

from bundle.factors import FactorMap
from bundle.manifest import encode
from tests.training.decode.planted import N_ITEMS, QUICK, World, attribute, planted_world, with_attributes
from training.decode.map import Decoded, decode
from training.errors import DecodeError

PLANTED = {
    (0, "negative"): ("genre", "Comedy"),
    (0, "positive"): ("genre", "Horror"),
    (1, "negative"): ("year", "1970s"),
    (1, "positive"): ("year", "2000s"),
    (2, "negative"): ("rating", "low"),
    (2, "positive"): ("rating", "high"),
}


def _decode(world: World, **options) -> Decoded:
    conditions = ("Comedy", "Horror")[: world.model.n_conditions]
    settings = QUICK.model_copy(update=options)
    return decode(world.model, world.split, world.catalogue, settings, conditions=conditions)


@pytest.fixture(scope="module")
def planted() -> FactorMap:
    return _decode(planted_world()).factors


@pytest.mark.parametrize(("cell", "expected"), PLANTED.items(), ids=lambda v: "-".join(map(str, v)))
def test_decode_planted_half_is_decoded_as_planted(planted, cell, expected):
    factor, half = cell
    reading = planted.factors[factor].reading(half)
    assert (reading.status, reading.attribute, reading.value) == ("decoded", *expected)
    assert reading.q_value <= 0.05
    assert 0 < reading.effect_low <= reading.effect <= reading.effect_high


def test_decode_planted_over_seeds_three_of_three_with_the_right_halves():
    hits = []
    for seed in range(1, 6):
        factors = _decode(planted_world(seed)).factors.factors
        readings = {cell: factors[cell[0]].reading(cell[1]) for cell in PLANTED}
        hits += [(r.attribute, r.value) == PLANTED[cell] for cell, r in readings.items()]
    assert np.mean(hits) >= 0.9


def test_decode_mirrored_factor_swaps_the_halves():
    world = planted_world()
    world.model.loadings[:, 0] *= -1.0
    factor = _decode(world).factors.factors[0]
    assert (factor.negative.value, factor.positive.value) == ("Horror", "Comedy")


def test_decode_random_weights_over_seeds_are_undecoded():
    maps = [_decode(planted_world(seed, planted=False)).factors for seed in range(10)]
    false = [f.status != "undecoded" for m in maps for f in m.factors]
    assert np.mean(false) <= 0.05


def test_decode_shuffled_attributes_of_planted_world_are_undecoded():
    rng, false = np.random.default_rng(0), []
    world = planted_world()
    for _ in range(10):
        order = rng.permutation(N_ITEMS)
        shuffled = [
            attribute(a.name, a.values, np.array([a.rows[j][0] for j in order]), numeric=a.kind == "numeric")
            for a in world.catalogue.attributes
        ]
        false += [f.status != "undecoded" for f in _decode(with_attributes(world, *shuffled)).factors.factors]
    assert np.mean(false) <= 0.05


def test_decode_dead_dimension_is_inactive_and_never_read(planted):
    dead = planted.factors[4]
    assert not dead.active
    assert dead.kl <= 0.01
    assert (dead.status, dead.evidence, dead.examples_positive) == ("undecoded", (), ())
    assert any("inactive" in note and "4" in note for note in planted.notes)


def test_decode_model_without_posterior_finds_dead_dimension_by_variance():
    factors = _decode(planted_world(posterior=False)).factors.factors
    assert [f.active for f in factors] == [True, True, True, True, False]
    assert {f.kl for f in factors} == {0.0}
    assert factors[0].attribute == "genre"


def test_decode_kl_matches_the_closed_form(planted):
    world = planted_world()
    mu = np.array([world.model.loadings.numpy()[row.indices].mean(axis=0) for row in world.split.train])
    kl = 0.5 * (mu[:, 0] ** 2 + np.exp(-4.0) + 4.0 - 1.0)
    assert planted.factors[0].kl == pytest.approx(kl.mean(), rel=1e-4)


def test_decode_every_cell_of_active_factors_has_evidence(planted):
    for factor in planted.factors[:4]:
        cells = [(e.half, e.attribute) for e in factor.evidence]
        assert cells == [(h, a) for h in ("negative", "positive") for a in ("genre", "year", "rating")]
    for e in (e for f in planted.factors for e in f.evidence):
        assert e.mc_low <= e.mc <= e.mc_high
        assert e.js_low <= e.js <= e.js_high
        assert e.ig_low <= e.ig <= e.ig_high
        assert e.p_value <= e.q_value


def test_decode_examples_are_items_of_the_decoded_value(planted):
    world = planted_world()
    genre = world.catalogue.attribute("genre")
    shown = [genre.shown(world.catalogue.idmap.index(i)) for i in planted.factors[0].examples_positive]
    assert len(shown) == QUICK.examples
    assert set(shown) == {"Horror"}


def test_decode_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    world = planted_world()
    first, again, other = (encode(_decode(world, seed=s, permutations=50).factors) for s in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("kind", ["none", "one value", "all missing"])
def test_decode_without_usable_attributes_is_an_empty_map_that_says_so(kind):
    odd = {
        "none": (),
        "one value": (attribute("genre", ("Comedy",), np.zeros(N_ITEMS, int)),),
        "all missing": (attribute("genre", ("Comedy", "Horror"), np.full(N_ITEMS, -1)),),
    }[kind]
    found = _decode(with_attributes(planted_world(), *odd)).factors
    assert found.attributes == ()
    assert found.directions == ()
    assert {f.status for f in found.factors} == {"undecoded"}
    assert "no attribute that can be decoded" in found.notes[0]
    assert len(found.notes) == (3 if odd else 2)
    assert found.factors[0].examples_positive


def test_decode_half_of_the_attribute_missing_still_decodes():
    world = planted_world()
    rng = np.random.default_rng(0)
    genre = np.array([row[0] if rng.random() < 0.5 else -1 for row in world.catalogue.attributes[0].rows])
    found = _decode(with_attributes(world, attribute("genre", ("Comedy", "Drama", "Horror"), genre))).factors
    assert found.factors[0].positive.value == "Horror"


def test_decode_two_attributes_that_say_the_same_are_ambiguous():
    world = planted_world()
    genre = np.array([row[0] for row in world.catalogue.attributes[0].rows])
    twin = attribute("mood", ("light", "grave", "dark"), genre)
    factor = _decode(with_attributes(world, world.catalogue.attributes[0], twin)).factors.factors[0]
    assert factor.positive.status == "ambiguous"
    assert {factor.positive.attribute, *factor.positive.rivals} == {"genre", "mood"}


def test_decode_parts_of_another_run_are_refused():
    world, options = planted_world(), QUICK
    with pytest.raises(DecodeError, match="condition inputs"):
        decode(world.model, world.split, world.catalogue, options, conditions=("Comedy",))
    world.model.n_items = 7
    with pytest.raises(DecodeError, match="7 items"):
        decode(world.model, world.split, world.catalogue, options)


def test_decode_encoder_with_nan_is_refused():
    world = planted_world()
    world.model.loadings[0, 0] = float("nan")
    with pytest.raises(DecodeError, match="not finite"):
        _decode(world)
