from __future__ import annotations

import numpy as np
import pytest

from bundle.manifest import encode
from tests.training.decode.planted import planted_world
from training.decode.projection import project


def test_project_conditions_that_shift_mu_are_apart_by_the_shift():
    world = planted_world(shift=10.0)
    found = project(world.model, world.split.train, ("Comedy", "Horror"))
    centroids = np.array(found.latent_map().centroids)
    own = found.unconditioned.mean(axis=0)
    assert np.linalg.norm(centroids[0] - own) == pytest.approx(10.0, rel=1e-3)
    assert np.linalg.norm(centroids[0] - centroids[1]) == pytest.approx(10.0 * np.sqrt(2), rel=1e-3)


def test_project_explained_falls_and_sums_to_one_over_all_axes():
    world = planted_world()
    found = project(world.model, world.split.train, ())
    assert list(found.explained) == sorted(found.explained, reverse=True)
    assert found.explained.sum() == pytest.approx(1.0)  # five latents, five components
    assert found.latent_map().centroids == ()


def test_project_is_the_same_again():
    world = planted_world()
    one, two = (encode(project(world.model, world.split.train, ()).latent_map()) for _ in range(2))
    assert one == two


def test_latent_map_holds_no_user_ids():
    world = planted_world(shift=1.0)
    raw = encode(project(world.model, world.split.train, ("Comedy", "Horror")).latent_map()).decode()
    assert not any(f'"{user}"' in raw for user in world.split.train_users)
