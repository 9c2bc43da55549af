"""Matching of dimensions over retrainings, and what stability makes of a map."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from bundle.factors import Factor, Reading
from tests.training.decode.planted import QUICK, planted_world
from training.decode.attribute_table import attribute_table
from training.decode.map import decode, read_axes
from training.decode.notes import stability_notes
from training.decode.stability import Ordered, Retrained, Stability, match, measure_stability
from training.encoding import encode

ORDERED = Ordered({"year": ("1970s", "1980s", "1990s")})


def _reading(value: str | None, *, attribute: str = "genre", effect: float = 0.1, status: str = "decoded") -> Reading:
    named = value is not None
    return Reading(
        status=status if named else "undecoded",
        attribute=attribute if named else None,
        value=value,
        effect=effect,
        effect_low=effect / 2,
        effect_high=effect * 2,
        q_value=0.01 if named else 0.9,
    )


def _factor(number: int, negative: Reading, positive: Reading, *, active: bool = True) -> Factor:
    return Factor(
        factor=number,
        active=active,
        kl=1.0 if active else 0.0,
        mean=0.0,
        sd=1.0,
        quantiles=tuple(np.linspace(-2.0, 2.0, 101).tolist()),
        status=positive.status,
        half="positive",
        attribute=positive.attribute,
        value=positive.value,
        negative=negative,
        positive=positive,
        examples_negative=(),
        examples_positive=(),
        evidence=(),
    )


def _all(n: int) -> np.ndarray:
    return np.ones(n, dtype=bool)


def test_match_permuted_and_flipped_copy_is_undone():
    rng = np.random.default_rng(0)
    mu = rng.normal(size=(400, 12)).astype(np.float32)
    order, signs = rng.permutation(12), rng.choice([-1.0, 1.0], size=12)
    other = (mu[:, order] * signs + 0.3 * rng.normal(size=mu.shape)).astype(np.float32)
    found = match(mu, other, active=(_all(12), _all(12)))
    assert order[found.partner].tolist() == list(range(12))
    assert np.sign(found.correlation).tolist() == signs[found.partner].tolist()
    assert np.abs(found.correlation).min() > 0.9


def test_match_unrelated_codes_are_hardly_correlated():
    """The control: the same measure is low where there is nothing to match."""
    rng = np.random.default_rng(1)
    found = match(rng.normal(size=(400, 12)), rng.normal(size=(400, 12)), active=(_all(12), _all(12)))
    assert sorted(found.partner.tolist()) == list(range(12))
    assert np.abs(found.correlation).mean() < 0.2


def test_match_takes_the_best_whole_not_the_best_first():
    """z_0 goes with both of the other's, z_1 only with the first: who takes the best pair first loses the second."""
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 2000))
    found = match(np.stack([a + 0.3 * b, a], axis=1), np.stack([a, a + b], axis=1), active=(_all(2), _all(2)))
    assert found.partner.tolist() == [1, 0]


def test_match_inactive_dimensions_have_no_partner_and_are_none():
    mu = np.random.default_rng(3).normal(size=(200, 3))
    found = match(mu, mu, active=(np.array([True, False, True]), np.array([True, True, False])))
    assert found.partner.tolist() == [0, -1, 1]
    assert found.correlation[1] == 0.0


def test_match_constant_dimension_correlates_with_nothing():
    mu = np.random.default_rng(4).normal(size=(50, 2))
    found = match(mu, np.column_stack([np.ones(50), mu[:, 0]]), active=(_all(2), _all(2)))
    assert found.partner.tolist() == [1, 0]
    assert found.correlation[1] == 0.0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (_reading("Horror"), _reading("Horror"), True),
        (_reading("Horror"), _reading("Horror", status="ambiguous"), True),
        (_reading("Horror"), _reading("Comedy"), False),
        (_reading("Horror"), _reading(None), False),
        (_reading(None), _reading(None), False),
        (_reading("1980s", attribute="year"), _reading("1990s", attribute="year"), True),
        (_reading("1970s", attribute="year"), _reading("1990s", attribute="year"), False),
        (_reading("1980s", attribute="year"), _reading("1980s", attribute="made"), False),
    ],
)
def test_same_reading_is_the_same_value_or_a_neighbouring_bin(one, other, same):
    assert ORDERED.same(one, other) is same
    assert ORDERED.same(other, one) is same


def _retrained(mu: np.ndarray, *partners: Factor, seed: int = 1) -> Retrained:
    return Retrained(seed, partners, mu.astype(np.float32))


def _measured(factors: tuple[Factor, ...], *others: Retrained, mu: np.ndarray) -> Stability:
    return measure_stability(factors, mu, others, ORDERED, at_least=0.5)


def test_stability_is_the_share_of_retrainings_that_read_the_aligned_half_the_same():
    mu = np.random.default_rng(5).normal(size=(100, 1))
    low, high = _reading("Comedy", effect=0.05), _reading("Horror")
    flipped = _retrained(-mu, _factor(0, high, low))
    not_aligned = _retrained(mu, _factor(0, high, low), seed=2)
    found = _measured((_factor(0, low, high),), flipped, not_aligned, mu=mu)
    (factor,) = found.factors
    assert (factor.negative.stability, factor.positive.stability, factor.stability) == (0.5, 0.5, 0.5)
    assert factor.match == pytest.approx(1.0)
    assert factor.status == "decoded"
    assert found.settings["stability_seeds"] == "1 2"
    assert found.settings["stability_by_chance"] == 0.5


def test_stability_a_retraining_without_a_match_counts_nothing():
    mu = np.random.default_rng(6).normal(size=(100, 1))
    same = _factor(0, _reading(None), _reading("Horror"))
    gone = _retrained(mu, _factor(0, _reading(None), _reading(None), active=False))
    (factor,) = _measured((same,), _retrained(mu, same), gone, mu=mu).factors
    assert (factor.stability, factor.negative.stability) == (0.5, None)
    assert factor.match == pytest.approx(0.5)


def test_stability_below_the_threshold_makes_a_decoded_half_ambiguous_and_the_surer_half_speaks():
    mu = np.random.default_rng(7).normal(size=(100, 1))
    run = _factor(0, _reading("Comedy", effect=0.05), _reading("Horror", effect=0.5))
    others = [_retrained(mu, _factor(0, _reading("Comedy"), _reading("Drama")), seed=s) for s in (1, 2, 3)]
    found = _measured((run,), *others, mu=mu)
    (factor,) = found.factors
    assert (factor.positive.status, factor.positive.unstable, factor.positive.stability) == ("ambiguous", True, 0.0)
    assert (factor.half, factor.status, factor.value, factor.stability) == ("negative", "decoded", "Comedy", 1.0)
    notes = stability_notes(found, QUICK.model_copy(update={"seeds": 3}))
    assert "in 50% of the cases" in notes[0]
    assert "0 (positive)" in notes[1]


def test_stability_of_an_inactive_factor_is_not_measured():
    mu = np.random.default_rng(8).normal(size=(100, 2))
    dead = _factor(0, _reading(None), _reading(None), active=False)
    alive = _factor(1, _reading(None), _reading(None))
    found = _measured((dead, alive), _retrained(mu, dead, alive), mu=mu)
    assert [f.match for f in found.factors] == [None, pytest.approx(1.0)]
    assert [f.stability for f in found.factors] == [None, None]
    assert stability_notes(found, QUICK) == ()


def _other_world(seed: int, *, planted: bool = True) -> tuple[Retrained, Retrained]:
    """As retrainings: the planted model itself with its dimensions turned round and flipped, and another world's."""
    world = planted_world(0)
    own = read_axes(world.model, world.split, world.catalogue, QUICK)
    mu = encode(world.model, world.split.train).mu
    turned = [replace(f, negative=f.positive, positive=f.negative) for f in reversed(own.factors)]
    foreign = planted_world(seed, planted=planted)
    theirs = read_axes(foreign.model, world.split, world.catalogue, QUICK)
    return Retrained(1, turned, -mu[:, ::-1]), Retrained(2, theirs.factors, encode(foreign.model, world.split.train).mu)


def test_decode_planted_world_agrees_with_itself_turned_round_and_not_with_another():
    world = planted_world(0)
    itself, another = _other_world(9, planted=False)
    stable = decode(world.model, world.split, world.catalogue, QUICK, others=[itself, itself]).factors
    assert {f.stability for f in stable.factors[:3]} == {1.0}
    assert stable.settings["stability_mean"] == 1.0
    shaken = decode(world.model, world.split, world.catalogue, QUICK, others=[another, another]).factors
    assert shaken.settings["stability_mean"] < 0.5
    assert any(f.negative.unstable or f.positive.unstable for f in shaken.factors)
    assert any("retrainings read the same there" in note for note in shaken.notes)
    silent = decode(world.model, world.split, world.catalogue, QUICK).factors
    assert any(note.startswith("Stability was not measured") for note in silent.notes)
    assert attribute_table(world.catalogue, max_values=10).columns[1].ordered
