"""Moved users are listed as the model itself scores them when it is told of the move."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tests.training.decode.planted import LinearModel, planted_world
from training.errors import FitError
from training.evaluate import ranking
from training.evaluate.moved import Moved, shares_of
from training.rows import sparse_rows


class Sum(LinearModel):
    """Beside decode(z): something by history, and something by the shift."""

    def score_at(self, mu, rows, condition=None, *, shift=None):
        seen = torch.zeros(len(rows), self.n_items).index_put((rows.row_of, rows.indices), torch.tensor(1.0))
        mixed = torch.linspace(-1, 1, self.n_items * self.n_items).reshape(self.n_items, -1)
        scores = super().score_at(mu, rows, shift=shift) + seen @ mixed
        return scores if shift is None else scores + 3.0 * shift @ self.loadings.T

    def scores_of_point(self, z):
        return self.decode(z) + 3.0 * z @ self.loadings.T


@pytest.mark.parametrize("kind", [LinearModel, Sum])
def test_lists_are_those_of_the_model_told_of_the_shift(kind):
    world = planted_world()
    model = kind(world.model.loadings.numpy())
    heldout = world.split.validation
    moved = Moved(model, heldout)
    for shift in (np.zeros(5), np.array([0.7, -0.2, 0.0, 0.4, 0.0])):
        rows, step = sparse_rows(heldout.fold_in), torch.tensor(shift, dtype=torch.float32)[None]
        scores = model.score_at(torch.from_numpy(moved.mu), rows, shift=step).numpy()
        ranking.mask_seen(scores, heldout.fold_in)
        assert (moved.lists(shift, k=10) == ranking.top_items(scores, 10)).mean() > 0.99  # ties within rounding
    assert (moved.lists(np.zeros(5), k=10) != moved.lists(np.array([2.0, 0, 0, 0, 0]), k=10)).any()


def test_ndcg_of_a_user_without_a_target_is_nothing():
    world = planted_world()
    held = world.split.validation
    target = held.target.copy().tolil()
    target[3] = 0
    moved = Moved(world.model, dataclasses.replace(held, target=target.tocsr()))
    found = moved.ndcg(moved.lists(np.zeros(5)))
    assert np.isnan(found[3]) and np.isfinite(np.delete(found, 3)).all()


def test_shares_of_are_means_over_what_is_listed():
    amounts = np.array([[1.0, 2.0], [0.0, 4.0], [0.0, 0.0]], dtype=np.float32)
    lists = np.array([[0, 1], [2, -1], [-1, -1]])
    assert shares_of(lists, amounts).tolist() == [[0.5, 3.0], [0.0, 0.0], [0.0, 0.0]]


def test_scores_that_are_not_finite_are_refused():
    world = planted_world()
    with pytest.raises(FitError, match="not finite"):
        Moved(world.model, world.split.validation).lists(np.full(5, np.inf))
