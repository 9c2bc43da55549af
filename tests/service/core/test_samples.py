"""Points of a cold start: streams by name, and what a diversity adds beside the picks."""

from __future__ import annotations

import numpy as np

from service.coldstarts.candidates import direction_of
from service.coldstarts.picks import Pick, ResolvedPick, resolve_picks
from service.coldstarts.samples import SPREAD, sample_points
from service.engine import LoadedBundle

HALF = Pick(factor=0, half="negative")
DRAMA = Pick(attribute="genre", value="Drama")


def resolved(loaded: LoadedBundle, *picks: Pick) -> tuple[ResolvedPick, ...]:
    return resolve_picks(loaded, picks)


def by_direction(value: str) -> ResolvedPick:
    return ResolvedPick("direction", None, None, "genre", value, 1.0, "decoded", None, 0.5)


def test_sample_points_a_pick_draws_the_same_beside_others(loaded: LoadedBundle) -> None:
    alone = sample_points(loaded, resolved(loaded, HALF), samples=20, seed=3)
    with_another = sample_points(loaded, [*resolved(loaded, HALF), by_direction("Drama")], samples=20, seed=3)
    other = sample_points(loaded, [by_direction("Drama")], samples=20, seed=3)
    assert np.allclose(with_another, alone + other, atol=1e-6)
    assert not np.allclose(alone, sample_points(loaded, resolved(loaded, HALF), samples=20, seed=4))


def test_sample_points_two_picks_draw_apart(loaded: LoadedBundle) -> None:
    z = sample_points(
        loaded, resolved(loaded, HALF, Pick(factor=1, half="negative")), samples=400, seed=3, diversity=0.0
    )
    assert abs(np.corrcoef(z[:, 0], z[:, 1])[0, 1]) < 0.15


def test_sample_points_diversity_moves_what_was_not_picked_by_its_spread(loaded: LoadedBundle) -> None:
    picks = resolved(loaded, HALF)
    plain, spread = (sample_points(loaded, picks, samples=4000, seed=3, diversity=d) for d in (0.0, 0.5))
    assert (plain[:, 0] == spread[:, 0]).all(), "the picked factor is drawn as without"
    sd = np.array([factor.sd for factor in loaded.factors.factors])
    assert np.allclose(spread[:, 1:].std(axis=0), 0.5 * SPREAD * sd[1:], rtol=0.05)
    assert np.allclose(sample_points(loaded, picks, samples=4000, seed=3, diversity=1.0)[:, 1:], 2 * spread[:, 1:])


def test_sample_points_diversity_leaves_what_picked_directions_read(loaded: LoadedBundle) -> None:
    picks = [by_direction("Drama"), by_direction("Comedy")]
    plain, spread = (sample_points(loaded, picks, samples=50, seed=3, diversity=d) for d in (0.0, 1.0))
    for value in ("Drama", "Comedy"):
        found = direction_of(loaded, "genre", value)
        assert found is not None
        assert np.allclose(plain @ found.vector, spread @ found.vector, atol=1e-5)
    free = direction_of(loaded, "year", "2010s")
    assert free is not None
    assert not np.allclose(plain @ free.vector, spread @ free.vector, atol=0.1), "the control"
