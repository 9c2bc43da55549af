from __future__ import annotations

import numpy as np
import pytest

from tests.training.decode.planted import QUICK, planted_world
from training.decode.attribute_table import attribute_table
from training.decode.directions import Users, directions
from training.decode.map import decode
from training.decode.posterior import encode


def _found(world):
    found = decode(world.model, world.split, world.catalogue, QUICK).factors.directions
    return {(d.attribute, d.value): d for d in found}


@pytest.mark.parametrize(
    ("named", "axis", "sign"), [(("genre", "Horror"), 0, 1), (("genre", "Comedy"), 0, -1), (("rating", "high"), 2, 1)]
)
def test_directions_planted_value_lies_along_its_axis(named, axis, sign):
    direction = _found(planted_world())[named]
    assert sign * direction.vector[axis] > 0.95
    assert direction.r2 > 0.8


def test_directions_are_unit_vectors_and_carry_the_users_spread():
    world = planted_world()
    mu = encode(world.model, world.split.train).mu.astype(float)
    for d in _found(world).values():
        assert np.linalg.norm(d.vector) == pytest.approx(1.0)
        assert (d.mean, d.sd) == pytest.approx(((mu @ d.vector).mean(), (mu @ d.vector).std()), rel=1e-6)


def test_directions_dead_dimension_gets_no_weight():
    assert max(abs(d.vector[4]) for d in _found(planted_world()).values()) < 1e-6


def test_directions_mu_unrelated_to_histories_has_no_held_out_r2():
    world = planted_world()
    table = attribute_table(world.catalogue, max_values=10)
    rng = np.random.default_rng(0)
    train, held = world.split.train, world.split.validation.fold_in
    noise = [Users(rng.normal(size=(m.shape[0], 5)).astype(np.float32), m) for m in (train, held)]
    assert max(d.r2 for d in directions(*noise, table)) < 0.1


def test_directions_too_few_held_out_users_show_nothing():
    world = planted_world()
    table = attribute_table(world.catalogue, max_values=10)
    train = Users(encode(world.model, world.split.train).mu, world.split.train)
    few = Users(train.mu[:5], train.histories[:5])
    assert {d.r2 for d in directions(train, few, table)} == {0.0}
