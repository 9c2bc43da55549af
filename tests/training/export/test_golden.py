from __future__ import annotations

import numpy as np
import pytest

from tests.builders import builder_catalogue, builder_model
from training.errors import ExportError
from training.export.golden import check_golden, golden_cases, held_out_users, made_up_users
from training.export.parity import OnnxModel

from .planted_run import tiny_split, torch_twin

POPULARITY = np.asarray(builder_catalogue().popularity)


def test_made_up_users_with_the_same_seed_are_the_same_and_with_another_are_not():
    first = made_up_users(POPULARITY, n_conditions=3, seed=1)
    assert first == made_up_users(POPULARITY, n_conditions=3, seed=1)
    assert first != made_up_users(POPULARITY, n_conditions=3, seed=2)


@pytest.mark.parametrize("n_items", [1, 2, 5, 50, 400])
@pytest.mark.parametrize("n_conditions", [0, 1, 3, 20])
def test_made_up_users_of_any_catalogue_hold_each_item_once(n_items, n_conditions):
    popularity = np.arange(n_items, dtype=float)
    users = made_up_users(popularity / max(1.0, popularity.sum()), n_conditions=n_conditions, seed=0)
    assert () in {user.history for user in users}
    for user in users:
        assert len(set(user.history)) == len(user.history) <= n_items
        assert all(0 <= ix < n_items for ix in user.history)
        assert all(0 <= c < n_conditions for c in user.condition)
    assert {c for user in users for c in user.condition} == set(range(min(n_conditions, 8)))


def test_made_up_users_are_drawn_by_popularity():
    """Popular items come more often than rare ones."""
    drawn = np.zeros(50)
    for seed in range(50):
        for user in made_up_users(POPULARITY, n_conditions=0, seed=seed):
            if len(user.history) == 8:
                drawn[list(user.history)] += 1
    assert drawn[:10].mean() > 2 * drawn[-10:].mean()


def test_held_out_users_are_fold_ins_under_every_condition():
    split = tiny_split(builder_catalogue().ids)
    users = held_out_users(split.validation, n_conditions=3)
    assert [len(user.history) for user in users] == [6, 6, 6]
    assert [user.condition for user in users] == [(), (0,), ()]
    assert {user.condition for user in held_out_users(split.validation, n_conditions=0)} == {()}


def test_check_golden_passes_its_own_cases_and_refuses_a_moved_one(tmp_path):
    from bundle.reader import read_bundle
    from tests.builders import make_bundle

    model = torch_twin(builder_model())
    cases = golden_cases(model, made_up_users(POPULARITY, n_conditions=3, seed=0))
    onnx_model = OnnxModel(read_bundle(make_bundle(tmp_path)).graphs, n_conditions=3)
    check_golden(onnx_model, cases)  # graphs written by hand, answers by torch
    moved = type(cases[0])(
        history=cases[0].history,
        condition=cases[0].condition,
        top_items=cases[0].top_items,
        scores=(cases[0].scores[0] + 0.01, *cases[0].scores[1:]),
        tolerance=cases[0].tolerance,
    )
    with pytest.raises(ExportError, match=r"golden case 1 is off by 0\.01"):
        check_golden(onnx_model, (cases[0], moved))
