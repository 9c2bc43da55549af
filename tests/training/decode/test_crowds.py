"""Groups of users and which of them sit together, on worlds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.decode.planted import planted_world, with_attributes
from training.decode.crowd_figures import label_places, plane_of, users_map
from training.decode.crowds import FEWEST, Crowd, Crowds, crowds_by_taste, crowds_under_conditions
from training.decode.distances import clustered, distance_table
from training.decode.projection import project


def crowd(name: str, centre: list[float], *, noise: float = 0.0, scatter: float = 1.0) -> Crowd:
    return Crowd(name, 50, np.array(centre), scatter, noise, np.array([centre]))


def test_crowds_under_conditions_that_shift_mu_are_apart_by_the_shift():
    world = planted_world(shift=10.0)
    projection = project(world.model, world.split.train, ("Comedy", "Horror"))
    table = distance_table(crowds_under_conditions(projection, "genre"))
    assert table.values[0, 1] * table.unit == pytest.approx(10.0 * np.sqrt(2), rel=1e-3)


def test_crowds_by_taste_planted_genres_lie_along_their_axis():
    world = planted_world()
    found = crowds_by_taste(world.model, world.split.train, world.catalogue, preferred=["genre"])
    centres = {m.name: m.centre[0] for m in found.members}
    assert set(centres) == {"Comedy", "Drama", "Horror"}
    assert centres["Comedy"] < centres["Drama"] < centres["Horror"]
    assert sum(m.size for m in found.members) == world.split.train.shape[0]
    assert all(m.size >= FEWEST for m in found.members)


def test_crowds_by_taste_model_that_knows_nothing_of_the_genre_has_them_together():
    near, far = (
        distance_table(crowds_by_taste(w.model, w.split.train, w.catalogue, preferred=["genre"])).values.max()
        for w in (planted_world(planted=False), planted_world())
    )
    assert near < 0.5 * far


def test_crowds_by_taste_few_users_make_no_group():
    world = planted_world()
    found = crowds_by_taste(world.model, world.split.train[: 2 * FEWEST - 1], world.catalogue, preferred=["genre"])
    assert not found


def test_crowds_by_taste_two_values_or_a_number_have_two_sides():
    world = planted_world()
    year = next(a for a in world.catalogue.attributes if a.name == "year")
    numeric = with_attributes(world, year)
    found = crowds_by_taste(world.model, world.split.train, numeric.catalogue)
    assert [m.name for m in found.members] == ["year: above the mean", "year: below the mean"]
    above, below = found.members
    assert above.centre[1] > below.centre[1] + 0.1  # z_1 is planted with the year


def test_crowds_by_taste_without_attributes_is_none():
    world = with_attributes(planted_world())
    found = crowds_by_taste(world.model, world.split.train, world.catalogue)
    assert not found
    picture = users_map(project(world.model, world.split.train, ()), found)
    assert picture.count("<svg") == 1


def test_distance_table_neighbours_stand_together_and_are_named():
    line = {"a": 0.0, "far": 9.0, "b": 1.0, "farther": 10.5, "c": 2.5}
    table = distance_table(Crowds("genre", True, tuple(crowd(n, [x, 0.0]) for n, x in line.items())))
    order = [n for n in table.names if n not in {"far", "farther"}]
    assert order in (["a", "b", "c"], ["c", "b", "a"])
    assert abs(table.names.index("far") - table.names.index("farther")) == 1
    told = {n.name: (n.nearest, n.second, n.farthest) for n in table.neighbours}
    assert told["a"] == ("b", "c", "farther")
    assert np.array_equal(table.values, table.values.T)


def test_distance_table_chance_makeup_of_groups_is_taken_off():
    rng = np.random.default_rng(0)
    taken, kept = [], []
    for _ in range(200):
        drawn = rng.normal(size=(2, 25, 40))
        centres = drawn.mean(axis=1).tolist()
        members = [crowd(str(i), c, noise=40 / 25, scatter=40**0.5) for i, c in enumerate(centres)]
        taken.append(distance_table(Crowds("x", False, tuple(members))).values[0, 1])
        bare = [crowd(m.name, m.centre.tolist(), scatter=m.scatter) for m in members]
        kept.append(distance_table(Crowds("x", False, tuple(bare))).values[0, 1])
    assert np.mean(kept) == pytest.approx(np.sqrt(2 / 25), rel=0.05)  # no true distance, and yet
    assert np.mean(taken) < 0.3 * np.mean(kept)


def test_clustered_two_blocks_are_not_mixed():
    points = np.array([0.0, 10.0, 1.0, 11.0, 2.0, 12.0])
    order = clustered(np.abs(points[:, None] - points[None]))
    assert {frozenset(order[:3]), frozenset(order[3:])} == {frozenset({0, 2, 4}), frozenset({1, 3, 5})}


def test_plane_of_groups_by_taste_is_where_their_centres_differ():
    world = planted_world()
    projection = project(world.model, world.split.train, ())
    members = (crowd("a", [0, 0, 0, 5, 0]), crowd("b", [0, 0, 0, -5, 0]), crowd("c", [0, 1, 0, 0, 0]))
    plane = plane_of(projection, Crowds("x", False, members))
    assert np.abs(plane.axes[:, 0]) == pytest.approx([0, 0, 0, 1, 0], abs=1e-9)
    assert "99%" in plane.names[0] or "98%" in plane.names[0]


def test_label_places_of_crowded_points_do_not_overlap():
    points = np.array([[0.5, 0.5], [0.52, 0.5], [0.5, 0.53], [0.48, 0.48]])
    spots = label_places(points, ["Action", "Adventure", "Sci-Fi", "War"])
    for i, (x, y) in enumerate(spots):
        for other_x, other_y in spots[:i]:
            assert abs(x - other_x) > 0.06 or abs(y - other_y) > 0.04
