"""What a place in a half accounts for, and that a half is not blamed for what most users get."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from bundle.factors import Factor
from service.engine import LoadedBundle
from service.explaining.explain import explain_item, explain_list
from service.explaining.places import Places, leans_of
from service.query import Query
from service.words.choice import named_of, parts_of

HISTORIES = ((0, 3, 6, 9), (0, 2, 49), (1, 4), (5, 8, 12, 20), (30, 31, 33), (2, 5, 40))


@pytest.mark.parametrize(
    ("contribution", "z", "median", "lean"),
    [
        (2.0, 1.0, 0.0, 2.0),
        (2.0, 2.0, 1.5, 0.5),
        (2.0, 1.0, 1.5, 0.0),
        (2.0, 1.0, -1.0, 2.0),
        (-2.0, 2.0, 1.5, -0.5),
        (-2.0, 1.0, 1.5, 0.0),
        (-2.0, -1.0, 1.0, -2.0),
        (0.0, 1.0, 0.5, 0.0),
        (1.0, 0.0, 0.5, 1.0),
    ],
)
def test_leans_of_counts_from_the_median_and_stays_within_the_contribution(contribution, z, median, lean) -> None:
    found = leans_of(np.array([contribution]), np.array([z]), np.array([median]))
    assert found[0] == pytest.approx(lean)


def far(loaded: LoadedBundle, by: float) -> LoadedBundle:
    """The bundle with a map in which every user's factor 0 lies further out: its halves meet at `by`, not near 0."""
    first, *others = loaded.factors.factors
    return mapped(loaded, (msgspec.structs.replace(first, quantiles=tuple(q + by for q in first.quantiles)), *others))


def mapped(loaded: LoadedBundle, factors: tuple[Factor, ...]) -> LoadedBundle:
    """The bundle with these factors in its map."""
    changed = msgspec.structs.replace(loaded.factors, factors=factors)
    return LoadedBundle(dataclasses.replace(loaded.bundle, factors=changed), loaded._graphs)


def rising(bundle: LoadedBundle, *, by_contribution: bool) -> tuple[int, int]:
    """How many halves are named for the items of lists, and of how many the contribution is larger at the median."""
    named = larger = 0
    for history in HISTORIES:
        answer = bundle.recommend(Query(history=history, n=10))
        assert answer.z is not None
        items = tuple(item.item_ix for item in answer.items)
        found, places = bundle.explainer(history, None, None, items), Places(bundle, answer.z, None)
        for k, ix in enumerate(items):
            factors = parts_of(places, ix, found.latent[k], ()).factors
            if by_contribution:
                every = places.shares(ix, found.latent[k], range(bundle.n_latent))
                factors = tuple(msgspec.structs.replace(f, lean=f.contribution) for f in every)
            for f in named_of(factors):
                there = np.zeros(bundle.n_latent, dtype=np.float32)
                there[f.factor] = bundle.factors.factors[f.factor].quantiles[50] - answer.z[f.factor]
                at_median = bundle.explainer(history, None, there, (ix,)).latent[0, f.factor]
                named, larger = named + 1, larger + bool(at_median > f.contribution + 1e-6)
    return named, larger


@pytest.mark.parametrize("median", [-3.0, -2.0, 2.0, 3.0])
def test_half_that_is_named_would_carry_less_at_the_median(loaded: LoadedBundle, median: float) -> None:
    """The control: halves named for their whole contribution are of the other kind by the dozen."""
    bundle = far(loaded, median)
    named, larger = rising(bundle, by_contribution=False)
    assert named >= 30
    assert larger <= 0.02 * named
    named, larger = rising(bundle, by_contribution=True)
    assert larger >= 0.08 * named


@pytest.mark.parametrize("shift", [None, (1.5, -1.0, 0.0, 0.5)])
def test_lean_of_every_factor_told_lies_between_0_and_its_contribution(loaded: LoadedBundle, shift) -> None:
    moved = None if shift is None else np.array(shift, dtype=np.float32)
    told = explain_item(far(loaded, 1.0), Query(history=(0, 3, 6, 9), shift=moved), 12)
    for f in told.factors:
        assert min(0.0, f.contribution) <= f.lean <= max(0.0, f.contribution)
    assert any(abs(f.lean - f.contribution) > 1e-3 for f in told.factors), "the control: they are not the same number"


def test_what_steering_adds_is_the_score_less_that_without_it(steered: LoadedBundle, monkeypatch) -> None:
    """To the last digit, with what the linear term gains; nothing where nobody steers."""
    seen = []

    def watched(*args, steered: float, **more):
        seen.append(steered)
        return parts_of(*args, steered=steered, **more)

    monkeypatch.setattr("service.explaining.explain.parts_of", watched)
    plain = Query(history=(0, 2, 5))
    moved = dataclasses.replace(plain, shift=np.array([2.0, 0, 0, 0], dtype=np.float32))
    found, without = explain_item(steered, moved, 12), explain_item(steered, plain, 12)
    assert seen == pytest.approx([found.score - without.score, 0.0], abs=1e-6)
    assert abs(seen[0]) > 0.1
    answer = steered.recommend(moved)
    seen.clear()
    explain_list(steered, moved, answer)
    expected = [item.score - explain_item(steered, plain, item.item_ix).score for item in answer.items]
    assert seen[: len(expected)] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_places_say_of_each_factor_what_its_map_says(loaded: LoadedBundle, seed: int) -> None:
    """Half and percentile, also on the quantiles themselves: ties count half."""
    rng, moved = np.random.default_rng(seed), np.array([0.5, 0.0, 0.0, -1.0], dtype=np.float32)
    exact = tuple(
        msgspec.structs.replace(f, quantiles=tuple(np.array(f.quantiles, dtype=np.float32).tolist()))
        for f in loaded.factors.factors
    )
    bundle = mapped(loaded, exact)
    z = np.array([rng.choice([*f.quantiles, -100.0, 100.0]) for f in exact], dtype=np.float32)
    places = Places(bundle, z, moved)
    for i, factor in enumerate(exact):
        place, there = places[i], float(z[i])
        assert (place.factor, place.z, place.half) == (i, there, factor.half_of(there))
        assert place.percentile == factor.percentile(there)
        assert place.read.reading == factor.reading(place.half)
        assert place.shifted == float(moved[i]) / (factor.sd or 1.0)
