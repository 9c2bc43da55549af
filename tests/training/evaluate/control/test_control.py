"""Steering measured on a model where it is known: a latent that lists one value's items and no others."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from bundle.factors import Guide
from tests.training.decode.planted import QUICK, LinearModel, attribute, planted_world, with_attributes
from training.data.split import HeldOut
from training.decode.attribute_table import attribute_table
from training.decode.directions import Users, directions
from training.decode.map import decode, with_guides
from training.encoding import encode
from training.evaluate.control.coldstarts import ColdStarts, Draws, scores_of_nobody
from training.evaluate.control.control import Sources, control
from training.evaluate.control.doses import Steering
from training.evaluate.control.result import DOSES
from training.evaluate.control.sampling import DIVERSITY, STRENGTHS
from training.evaluate.control.spearman import spearman
from training.evaluate.control.ways import Way, ways_of
from training.tastes import Taste, taste_table

RNG = np.random.default_rng


class Toy(LinearModel):
    """z_i adds to exactly the items of the i-th colour; `deaf`: a decoder that does not hear z; large items first."""

    def __init__(self, n_items: int = 240, *, deaf: bool = False, large_first: bool = False) -> None:
        super().__init__(np.eye(4)[np.arange(n_items) % 4])
        base = RNG(3).normal(size=n_items) + 100.0 * large_first * (np.arange(n_items) // 4 % 2)
        self.base, self.hears = self.loadings.new_tensor(base), 0.0 if deaf else 0.5

    def decode(self, z):
        return self.base + self.hears * super().decode(z)


@pytest.fixture(scope="module")
def world():
    """The planted world, where the held-out items are others than those that are shown."""
    return with_targets(planted_world())


def with_targets(world):
    held = world.split.validation
    split = dataclasses.replace(world.split, validation=HeldOut(held.users, held.fold_in, world.split.train[:50]))
    return dataclasses.replace(world, split=split)


@pytest.fixture(scope="module")
def mapped(world):
    quick = QUICK.model_copy(update={"permutations": 99, "steer_users": 10})
    return decode(world.model, world.split, world.catalogue, quick).factors


@pytest.fixture(scope="module")
def toy(world):
    """240 items of four colours by turns, every second group of four large."""
    colour = attribute("colour", ("red", "green", "blue", "white"), np.arange(240) % 4)
    size = attribute("size", ("small", "large"), np.arange(240) // 4 % 2)
    return with_attributes(world, colour, size)


def steering(model, world):
    return Steering(model, world.split.validation, taste_table(world.catalogue), world.catalogue)


def way(value, axis):
    return Way(Taste("colour", value), "axis", np.eye(4)[axis], axis)


def test_response_latent_that_adds_to_one_value_is_perfect(toy):
    found = steering(Toy(), toy).response(way("blue", 2), RNG(0))
    assert found.spearman == 1.0 and found.user_spearman > 0.9
    assert found.shares == tuple(sorted(found.shares)) and found.gain.low > 0.3 and found.ratio > 2
    assert found.ndcg[DOSES.index(0.0)] == 1.0
    assert len(found.shares) == len(found.ndcg) == len(DOSES)


def test_response_latent_that_does_nothing_fails_the_bound(toy):
    for model, axis in ((Toy(deaf=True), 2), (Toy(), 1)):
        found = steering(model, toy).response(way("blue", axis), RNG(0))
        assert found.spearman < 0.95
    still = steering(Toy(deaf=True), toy).response(way("blue", 2), RNG(0))
    assert (still.spearman, still.user_spearman, still.n_moved, still.gain.mean) == (0.0, 0.0, 0, 0.0)
    assert set(still.ndcg) == {1.0}


def test_drift_of_what_the_latent_does_not_touch_is_none(toy):
    table = attribute_table(toy.catalogue, max_values=10)
    drift = steering(Toy(large_first=True), toy).drift(way("blue", 2), "size", [], table)
    assert drift.gain_free > 0.2
    assert drift.free == drift.locked == 0.0
    touched = steering(Toy(), toy).drift(way("blue", 2), "colour", [], table)
    assert touched.free > 0.2, "the control: the latent does move the colours"


@pytest.mark.parametrize("tilt", [0.4, 0.8])
def test_locking_reduces_drift(world, tilt):
    """Genre and year go together in users; moved along the genre's pattern, the years drift, unless they are locked."""
    table = attribute_table(world.catalogue, max_values=10)
    users = Users(encode(world.model, world.split.train).mu, world.split.train)
    years = [d for d in directions(users, users, table) if d.attribute == "year"]
    step = np.array([1.0, tilt, 0.0, 0.0, 0.0])
    moved = Way(Taste("genre", "Horror"), "direction", step)
    found = steering(world.model, world).drift(moved, "year", years, table)
    assert found.locked < 0.5 * found.free
    assert found.gain_locked > 0.5 * found.gain_free > 0.05
    assert not found.refused


def test_ways_guided_axis_is_the_one_that_was_tied(toy):
    mu = RNG(0).normal(size=(250, 4))
    tastes = taste_table(toy.catalogue, ["colour"])
    shares = tastes.of(toy.split.train)
    mu[:, 3] = -shares[:, 0] / shares[:, 0].std()
    free = next(w for w in ways_of(mu, toy.split.train, tastes, ()) if w.by == "axis")
    assert (free.factor, free.sign) == (3, -1.0) and free.step[3] < 0
    tied = next(w for w in ways_of(mu, toy.split.train, tastes, (Guide(attribute="colour", value="red"),)))
    assert (tied.factor, tied.sign) == (0, 1.0)
    along = [w for w in ways_of(mu, toy.split.train, tastes, ()) if w.by == "direction"]
    assert [w.taste.value for w in along] == ["red", "green", "blue", "white"]
    assert along[0].step[3] < -0.5


def test_spearman_is_zero_of_what_does_not_vary():
    x = np.arange(5.0)
    y = np.column_stack([x**3, -x, np.ones(5), [1, 1, 2, 2, 3]])
    assert spearman(x, y) == pytest.approx([1.0, -1.0, 0.0, 0.9486833])


def test_cold_starts_of_a_latent_with_the_value_against_the_others(world, mapped):
    tied = with_guides(mapped.factors, (Guide(attribute="genre", value="Horror"),))
    found = msgspec.structs.replace(mapped, factors=tied)
    table = attribute_table(world.catalogue, max_values=10)
    starts = ColdStarts(scores_of_nobody(world.model), found, world.catalogue, Draws(seeds=3, samples=16))
    by_way = {s.way: s for s in starts.measured(table) if s.value == "Horror"}
    assert by_way["as served"].precision > 0.9 and by_way["half, strength 1"].precision > 0.8
    assert by_way["as served, diversity 0"].strength in STRENGTHS
    assert by_way["as served"].strength == by_way["as served, diversity 0"].strength * (1 + DIVERSITY)
    assert by_way["filter"].precision == 1.0 and by_way["filter"].distinct == 10
    assert by_way["prior sampling"].precision < 0.7 and by_way["popularity"].precision < 0.7
    deaf = ColdStarts(lambda z: 0 * scores_of_nobody(world.model)(z), found, world.catalogue, Draws(seeds=2))
    still = {s.way: s for s in deaf.measured(table) if s.value == "Horror"}
    assert still["as served"].precision < 0.8, "the control: a model that hears nothing"
    assert {s.value for s in starts.measured(table)} <= {v for c in table.columns for v in c.values}


def test_control_holds_every_taste_both_ways_and_nothing_of_single_users(world, mapped):
    @dataclasses.dataclass
    class Info:
        kind: str = "linear"
        guides: tuple = ()
        seeds: dict = dataclasses.field(default_factory=lambda: {"train": 3})

    @dataclasses.dataclass
    class Loaded:
        info: object
        split: object
        catalogue: object
        model: object

    ticks = iter([1.0, 3.5])
    found = control(
        Loaded(Info(), world.split, world.catalogue, world.model),
        mapped,
        Sources("c0de", "feed"),
        part="validation",
        draws=Draws(seeds=1, samples=4),
        clock=lambda: next(ticks),
    )
    assert (found.kind, found.seed, found.guided, found.n_users, found.seconds) == ("linear", 3, False, 50, 2.5)
    assert len(found.responses) == 2 * len(taste_table(world.catalogue))
    assert {(d.attribute, d.lock) for d in found.drifts} == {
        (a, b) for a in ("genre", "year", "rating") for b in ("genre", "year", "rating") if a != b
    }
    strong = {(r.attribute, r.by): r.spearman for r in found.responses if r.value in (None, "Horror")}
    assert min(strong.values()) >= 0.95
    assert all(len(r.shares) == 7 for r in found.responses)
