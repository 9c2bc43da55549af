"""Measures of the whole space in the map: of a planted world, and where they cannot be had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.training.decode.planted import QUICK, World, planted_world, with_attributes
from training.decode.map import decode
from training.decode.whole_space import NOT_MEASURED


def found(world: World):
    return decode(world.model, world.split, world.catalogue, QUICK).factors


def test_planted_world_scores_higher_than_one_of_random_weights():
    planted, random = found(planted_world()).space, found(planted_world(planted=False)).space
    assert planted.mean_r2 > random.mean_r2 + 0.2
    assert planted.dci_disentanglement > random.dci_disentanglement + 0.2
    assert (planted.n_users, planted.active) == (50, 4)
    named = {(taste.attribute, taste.value): taste.factor for taste in planted.tastes}
    assert (named["genre", "Horror"], named["year", None], named["rating", None]) == (0, 1, 2)


def test_few_validation_users_have_no_figures_and_a_note_says_so():
    world = planted_world()
    few = replace(world.split.validation, **{
        part: getattr(world.split.validation, part)[:20] for part in ("users", "fold_in", "target")
    })  # fmt: skip
    unmeasured = found(replace(world, split=replace(world.split, validation=few)))
    assert unmeasured.space is None
    assert NOT_MEASURED in unmeasured.notes
    assert NOT_MEASURED not in found(world).notes


@pytest.mark.parametrize("kept", [0, 1])
def test_items_with_one_number_or_nothing_have_no_figures(kept):
    world = planted_world()
    assert found(with_attributes(world, *world.catalogue.attributes[2 : 2 + kept])).space is None
