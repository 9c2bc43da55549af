"""What is measured is what the service does: the same bundle, the same draws, the same lists."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from service import candidates
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from service.loader import load_bundle
from service.picks import Pick
from service.steer import NOTHING_LEFT, _projected_out, shift_of
from tests.builders import make_bundle
from tests.service.core.cold import started
from training.evaluate.control import sampling, ways
from training.evaluate.control.sampling import Sampler, Source


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
def test_cold_start_by_name_is_the_services(plain, change, halves):
    loaded = with_directions(plain if halves else without_halves(plain), change)
    sampler, strengths = sampler_of(loaded), set()
    for value in ("Comedy", "Horror", "Drama"):
        has = candidates.members_of(loaded, "genre", value)
        chosen = sampler.choose("genre", value, has)
        for seed in (0, 7):
            found = started(loaded, [Pick(attribute="genre", value=value)], n=10, samples=32, seed=seed)
            (pick,) = found.picks
            half = None if chosen.source.factor is None else chosen.source.half
            assert (pick.via, pick.half, pick.strength) == (chosen.source.via, half, chosen.strength)
            ours = sampler.top(chosen.source, strength=chosen.strength, samples=32, seed=seed)
            assert ours.tolist() == [item.item_ix for item in found.items]
        strengths.add(chosen.strength)
    if change is thin and not halves:
        assert max(strengths) > 1.0, "the control: strength was needed somewhere"


def test_cold_start_by_half_is_the_services(plain):
    sampler = sampler_of(plain)
    for strength in (1.0, 2.0):
        found = started(plain, [Pick(factor=0, half="negative", strength=strength)], samples=16, seed=3)
        source = Source("factor", plain.factors.factors[0], "negative")
        ours = sampler.top(source, strength=strength, samples=16, seed=3)
        assert ours.tolist() == [item.item_ix for item in found.items]
        merged = sampler.merged(sampler.points(source, strength, np.random.Generator(np.random.PCG64(3)).random(16)))
        assert merged[ours] == pytest.approx([item.score for item in found.items], abs=1e-4)


def test_value_without_anything_to_sample_is_refused_there_and_nothing_here(plain):
    with pytest.raises(InvalidRequestError):
        started(plain, [Pick(attribute="year", value="1980s")])
    assert sampler_of(plain).choose("year", "1980s", candidates.members_of(plain, "year", "1980s")) is None


def test_constants_are_the_services():
    assert (sampling.POINTS, sampling.LISTED, sampling.TEN) == (candidates.POINTS, candidates.LISTED, candidates.TEN)
    assert (sampling.CLEARLY, sampling.ENOUGH) == (candidates.CLEARLY, candidates.ENOUGH)
    assert (candidates.STRENGTHS, LIMITS.trials) == (sampling.STRENGTHS, sampling.TRIALS)
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
