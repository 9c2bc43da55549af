"""What is measured is what the service does: the same bundle, the same draws, the same lists."""

from __future__ import annotations

import dataclasses
import itertools
import sys

import msgspec
import numpy as np
import pytest

from service.bundles.loader import load_bundle
from service.coldstarts import candidates, merging, samples, together
from service.coldstarts.picks import Pick
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from service.query import DIVERSITY
from service.steering.steer import NOTHING_LEFT, _projected_out, shift_of
from tests.builders import make_bundle
from tests.service.core.cold import started
from training.evaluate.control import sampling, ways
from training.evaluate.control import together as measured
from training.evaluate.control.merging import merged_list
from training.evaluate.control.sampling import Chosen, Sampler, Source
from training.evaluate.control.together import Pairs, Value


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> LoadedBundle:
    return load_bundle(make_bundle(tmp_path_factory.mktemp("bundle")))


def with_directions(loaded: LoadedBundle, change) -> LoadedBundle:
    factors = msgspec.structs.replace(loaded.factors, directions=tuple(change(d) for d in loaded.factors.directions))
    return LoadedBundle(dataclasses.replace(loaded.bundle, factors=factors), loaded._graphs)


def patterned(direction):
    """A pattern that leads where the vector does, and a little elsewhere."""
    return msgspec.structs.replace(direction, pattern=tuple(0.7 * x + 0.1 for x in direction.vector))


def thin(direction):
    """Users hardly differ along it: strength is needed."""
    return msgspec.structs.replace(direction, sd=0.3, pattern=tuple(0.2 * x for x in direction.vector))


def sampler_of(loaded: LoadedBundle) -> Sampler:
    origin = np.zeros((1, loaded.n_latent), np.float32)
    return Sampler(lambda z: np.concatenate(list(loaded.scores_many(origin, [()], shift=z))), loaded.factors)


def without_halves(loaded: LoadedBundle) -> LoadedBundle:
    """No half is named for anything, so that values go by their directions; users hardly differ in any factor."""
    quiet = [
        msgspec.structs.replace(
            f, sd=0.2 * f.sd, negative=u, positive=u, status="undecoded", attribute=None, value=None
        )
        for f in loaded.factors.factors
        for u in [msgspec.structs.replace(f.negative, status="undecoded", attribute=None, value=None, rivals=())]
    ]
    factors = msgspec.structs.replace(loaded.factors, factors=tuple(quiet))
    return LoadedBundle(dataclasses.replace(loaded.bundle, factors=factors), loaded._graphs)


@pytest.mark.parametrize("change", [lambda d: d, patterned, thin])
@pytest.mark.parametrize("halves", [True, False])
@pytest.mark.parametrize("diversity", [0.0, sampling.DIVERSITY, 1.0])
def test_cold_start_by_name_is_the_services(plain, change, halves, diversity):
    loaded = with_directions(plain if halves else without_halves(plain), change)
    sampler, strengths = sampler_of(loaded), set()
    for value in ("Comedy", "Horror", "Drama"):
        has = loaded.catalogue.members_of("genre", value)
        chosen = sampler.pushed(sampler.choose("genre", value, has), diversity)
        for seed in (0, 7):
            pick = Pick(attribute="genre", value=value)
            found = started(loaded, [pick], n=10, samples=32, seed=seed, diversity=diversity)
            (pick,) = found.picks
            half = None if chosen.source.factor is None else chosen.source.half
            assert (pick.via, pick.half, pick.strength) == (chosen.source.via, half, chosen.strength)
            ours = sampler.top([chosen], samples=32, seed=seed, diversity=diversity)
            assert ours.tolist() == [item.item_ix for item in found.items]
        strengths.add(chosen.strength)
    if change is thin and not halves:
        assert max(strengths) > 1.0 + diversity, "the control: strength was needed somewhere"


@pytest.mark.parametrize("diversity", [0.0, 0.6])
def test_cold_start_by_half_is_the_services(plain, diversity):
    sampler = sampler_of(plain)
    for strength in (1.0, 2.0):
        pick = Pick(factor=0, half="negative", strength=strength)
        found = started(plain, [pick], samples=16, seed=3, diversity=diversity)
        chosen = Chosen(Source("factor", plain.factors.factors[0], "negative"), strength)
        ours = sampler.top([chosen], samples=16, seed=3, diversity=diversity)
        assert ours.tolist() == [item.item_ix for item in found.items]


def test_cold_start_of_two_picks_is_the_services(plain):
    sampler, picks = sampler_of(plain), [Pick(factor=2, half="negative"), Pick(attribute="genre", value="Comedy")]
    found = started(plain, picks, samples=16, seed=3, diversity=0.4)
    of = {(f.factor, half): Source("factor", f, half) for f in plain.factors.factors for half in candidates.HALVES}
    chosen = [Chosen(of[pick.factor, pick.half], pick.strength) for pick in found.picks]
    ours = sampler.top(chosen, samples=16, seed=3, diversity=0.4)
    assert ours.tolist() == [item.item_ix for item in found.items]


@pytest.mark.parametrize("change", [lambda d: d, patterned, thin])
@pytest.mark.parametrize("halves", [True, False])
def test_two_values_tried_together_are_the_services(plain, change, halves):
    loaded = with_directions(plain if halves else without_halves(plain), change)
    sampler, moved = sampler_of(loaded), 0
    pairs = Pairs(sampler, seeds=1, samples=16)
    for two in itertools.permutations(
        [("genre", "Comedy"), ("genre", "Horror"), ("genre", "Drama"), ("year", "2010s"), ("year", "1970s")], 2
    ):
        values = [Value(*named, loaded.catalogue.members_of(*named)) for named in two]
        alone = pairs.one_by_one(values)
        picks = [Pick(attribute=attribute, value=value) for attribute, value in two]
        found = started(loaded, picks, seed=3, samples=16, diversity=0.4)
        ours = [sampler.pushed(one, 0.4) for one in pairs.tuned(values, alone)]
        assert [(one.source.via, one.strength) for one in ours] == [(one.via, one.strength) for one in found.picks]
        listed = sampler.top(ours, samples=16, seed=3, diversity=0.4)
        assert listed.tolist() == [item.item_ix for item in found.items]
        moved += ours != [sampler.pushed(one, 0.4) for one, _ in alone]
    assert moved, "the control: tried together something changes"


@pytest.mark.parametrize("diversity", [0.1, 0.5, 1.0])
def test_lazy_and_plain_merging_choose_the_same_list(diversity):
    """Of a catalogue larger than what is looked at of each sample, with lists of all lengths."""
    scores = np.random.default_rng(5).normal(scale=2.0, size=(12, 700)).astype(np.float32)
    everything = np.ones(700, dtype=np.bool_)
    for n in (1, 10, 150):
        theirs = merging.merged([scores[:5], scores[5:]], samples=12, allowed=everything, n=n, diversity=diversity)
        ours = merged_list(scores.astype(np.float64), n=n, diversity=diversity)
        assert theirs.items == ours.tolist()
    assert ours.tolist() != merged_list(scores.astype(np.float64), n=150, diversity=0.0).tolist()  # the control


def test_value_without_anything_to_sample_is_refused_there_and_nothing_here(plain):
    with pytest.raises(InvalidRequestError):
        started(plain, [Pick(attribute="year", value="1980s")])
    assert sampler_of(plain).choose("year", "1980s", plain.catalogue.members_of("year", "1980s")) is None


def test_constants_are_the_services():
    assert (sampling.POINTS, sampling.LISTED, sampling.TEN) == (candidates.POINTS, candidates.LISTED, candidates.TEN)
    assert (sampling.CLEARLY, sampling.ENOUGH) == (candidates.CLEARLY, candidates.ENOUGH)
    assert (candidates.STRENGTHS, LIMITS.trials) == (sampling.STRENGTHS, sampling.TRIALS)
    assert (
        samples.SPREAD,
        DIVERSITY,
        LIMITS.pick_strength,
    ) == (sampling.SPREAD, sampling.DIVERSITY, sampling.STRONGEST)
    ours = sys.modules[merged_list.__module__]
    assert (ours.SERVED, ours.DEEP, ours.NOTHING) == (merging.SERVED, merging.DEEP, merging.NOTHING)
    assert (measured.TOGETHER, measured.SURELY) == (together.TOGETHER, together.SURELY)
    assert ways.NOTHING_LEFT == NOTHING_LEFT


@pytest.mark.parametrize("change", [lambda d: d, patterned])
def test_lock_is_the_services(plain, change):
    loaded = with_directions(plain, change)
    locked = [d for d in loaded.factors.directions if d.attribute == "year"]
    for shift in (np.array([1.0, 0.5, -0.3, 0.2]), np.array([0.0, 2.0, 1.0, 0.0])):
        theirs = _projected_out(shift, locked)
        assert ways.projected_out(shift, locked) == pytest.approx(theirs)
        assert not np.allclose(theirs, shift), "the control: there was something to take out"
    gone = np.array([0.0, 1.0, 0.0, 0.0])
    if change is not patterned:
        assert ways.projected_out(gone, locked) is None
        with pytest.raises(InvalidRequestError):
            shift_of(loaded, factors={"1": 1.0}, lock=["year"])
    assert ways.projected_out(gone, []) is gone
