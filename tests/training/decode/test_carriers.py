"""Which of axis and direction carries a value, on worlds where it is known."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bundle.carriers import Carried, Carrier, Steered
from bundle.errors import ContentError
from tests.training.decode.planted import QUICK, LinearModel, planted_world
from training.decode.carriers import Way, better_of
from training.decode.map import decode
from training.errors import DecodeError
from training.models.base import Posterior

LINKED = QUICK.model_copy(update={"permutations": 20})


class Turned(LinearModel):
    """The same lists from latents whose axes are turned, so that no axis is a value."""

    def __init__(self, model: LinearModel, turn: np.ndarray) -> None:
        super().__init__(model.loadings.numpy(), dead=(4,))
        self.turn = self.loadings.new_tensor(turn)

    def encode(self, rows, condition=None):
        return Posterior(super().encode(rows, condition).mu @ self.turn, None)

    def decode(self, z):
        return super().decode(z @ self.turn.T)


def carriers(model, world):
    found = decode(model, world.split, world.catalogue, LINKED).factors
    found.check(model.n_latent)
    return {(c.attribute, c.value): c for c in found.carriers}, found


@pytest.fixture(scope="module")
def planted():
    world = planted_world()
    return world, *carriers(world.model, world)


def test_carriers_value_on_an_axis_is_carried_by_that_axis(planted):
    _, found, mapped = planted
    for name, half in (("Horror", "positive"), ("Comedy", "negative")):
        carrier = found["genre", name]
        assert (carrier.better, carrier.axis.factor, carrier.axis.half) == ("axis", 0, half)
        assert carrier.axis.r2_low > 0.5 and carrier.axis.steered.gain_low > 0.05
        assert carrier.axis.r2_low <= carrier.axis.r2 <= carrier.axis.r2_high
    assert {(c.attribute, c.value) for c in mapped.carriers} == set(found)
    assert abs(mapped.factors[0].steers.steered.gain) > 0.05
    assert mapped.factors[4].steers is None, "a dead dimension is not moved"


def test_carriers_value_between_axes_is_carried_by_its_direction():
    world = planted_world()
    angle = np.pi / 4
    turn = np.eye(5)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    found, mapped = carriers(Turned(world.model, turn), world)
    carrier = found["genre", "Horror"]
    assert carrier.better == "direction"
    assert carrier.direction.r2 > carrier.axis.r2 + 0.2
    ours = next(d for d in mapped.directions if d.value == "Horror")
    assert ours.steered == carrier.direction.steered and ours.steered.gain_low > carrier.axis.steered.gain_high


def test_carriers_nothing_planted_nothing_carried():
    world = planted_world(planted=False)
    moved = LinearModel(np.zeros_like(world.model.loadings.numpy()))
    moved.encode = lambda rows, condition=None: Posterior(world.model.encode(rows, condition).mu, None)
    found, _ = carriers(moved, world)
    assert {c.better for c in found.values()} == {"neither"}


def _way(r2, gain, spread=0.01):
    steered = Steered(gain=gain, gain_low=gain - spread, gain_high=gain + spread, ndcg_kept=1.0)
    carried = Carried(factor=None, half=None, r2=r2, r2_low=r2 - spread, r2_high=r2 + spread, steered=steered)
    draws = np.linspace(-spread, spread, 101)
    return Way(carried, r2 + draws, gain + 0 * draws)


@pytest.mark.parametrize(
    ("axis", "direction", "better"),
    [
        (_way(0.5, 0.1), _way(0.8, 0.2), "direction"),
        (_way(0.5, 0.2), _way(0.8, 0.1), "axis"),
        (_way(0.78, 0.1), _way(0.8, 0.2), "axis"),
        (_way(0.5, 0.005), _way(0.2, 0.1), "direction"),
        (_way(0.0, 0.1), _way(0.4, 0.001), "neither"),
        (_way(0.5, 0.1), None, "axis"),
        (None, _way(0.5, 0.1), "direction"),
        (None, None, "neither"),
    ],
)
def test_better_of_needs_both_to_be_surely_higher(axis, direction, better):
    assert better_of(axis, direction) == better


def test_carrier_that_contradicts_itself_is_refused(planted):
    good = planted[1]["genre", "Horror"]
    good.check(5)
    lies = [
        Carrier(attribute="a", value="b", better="axis", axis=None, direction=good.direction),
        msgspec.structs.replace(good, axis=msgspec.structs.replace(good.axis, factor=7)),
        msgspec.structs.replace(good, direction=good.axis),
    ]
    for lie in lies:
        with pytest.raises(ContentError):
            lie.check(5)


def test_orthogonal_directions_do_not_move_each_other(planted):
    world, _, plain = planted
    asked = LINKED.model_copy(update={"orthogonal": "year, rating", "orthogonal_to": "genre"})
    found = decode(world.model, world.split, world.catalogue, asked).factors
    assert found.settings["orthogonal"] == "year, rating"

    def moved(mapped, of, by):
        readings = {(d.attribute, d.value): np.asarray(d.vector) / d.sd for d in mapped.directions}
        patterns = {(d.attribute, d.value): np.asarray(d.pattern) for d in mapped.directions}
        return max(abs(readings[a] @ patterns[b]) for a in readings for b in patterns if (a[0], b[0]) == (of, by))

    assert moved(found, "genre", "year") < 1e-3
    assert moved(plain, "genre", "year") > 10 * moved(found, "genre", "year")


def test_orthogonal_to_what_is_not_there_is_refused(planted):
    world = planted[0]
    with pytest.raises(DecodeError, match="colour"):
        decode(world.model, world.split, world.catalogue, LINKED.model_copy(update={"orthogonal": "colour"}))
