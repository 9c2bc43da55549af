"""ALS against the equations it solves, written out dense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from tests.training.boards import blocks, checkerboard
from training.data.split import HeldOut
from training.errors import ConfigError
from training.evaluate.baselines import DRAWN, fit_baseline
from training.evaluate.baselines import als as als_file
from training.evaluate.baselines.als import Als, AlsSettings, solve
from training.evaluate.measure import Measured, measure

SETTINGS = AlsSettings(dim=5, unobserved=0.2, penalty=0.05)


def loss(train: np.ndarray, users: np.ndarray, items: np.ndarray, settings: AlsSettings) -> float:
    """The objective of the paper, term by term, with nu = 1."""
    scores = users @ items.T
    penalty = 0.0
    for factors, n_observed in ((users, train.sum(axis=1)), (items, train.sum(axis=0))):
        others = train.size / len(factors)
        penalty += ((n_observed + settings.unobserved * others) * (factors**2).sum(axis=1)).sum()
    observed = (train * (1 - scores) ** 2).sum()
    return float(observed + settings.unobserved * (scores**2).sum() + settings.penalty * penalty)


@pytest.fixture
def train() -> sparse.csr_matrix:
    return blocks(50, keep=0.6).train


def test_solve_is_the_minimum_of_the_papers_objective(train) -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(24, 5)).astype(np.float32)
    users = solve(train, torch.from_numpy(items), SETTINGS).numpy()
    dense = train.toarray()
    least = loss(dense, users, items, SETTINGS)
    for _ in range(20):
        assert loss(dense, users + 0.02 * rng.normal(size=users.shape), items, SETTINGS) > least
    gradient = -2 * (dense * (1 - users @ items.T)) @ items + 2 * SETTINGS.unobserved * users @ items.T @ items
    gradient += 2 * SETTINGS.penalty * (dense.sum(axis=1) + SETTINGS.unobserved * 24)[:, None] * users
    assert np.abs(gradient).max() < 1e-3


def test_solve_in_blocks_of_one_row_equals_the_whole(train, monkeypatch) -> None:
    items = torch.randn(24, 5, generator=torch.Generator().manual_seed(1))
    whole = solve(train, items, SETTINGS)
    monkeypatch.setattr(als_file, "_BLOCK", 1)
    assert torch.allclose(solve(train, items, SETTINGS), whole, atol=1e-5)


def test_solve_gives_an_empty_row_no_factor() -> None:
    rows = sparse.csr_matrix(np.array([[0, 0, 0], [1, 0, 1]], dtype=np.float32))
    found = solve(rows, torch.ones(3, 5), SETTINGS)
    assert found[0].abs().max() == 0.0
    assert found[1].abs().max() > 0.0


def test_als_steps_lower_the_objective(train) -> None:
    als, losses = Als(train, SETTINGS), []
    for _ in range(4):
        als.step()
        users = solve(train, als.items, SETTINGS).numpy()
        losses.append(loss(train.toarray(), users, als.items.numpy(), SETTINGS))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


def test_als_solves_the_checkerboard_with_the_settings_chosen_on_validation(monkeypatch) -> None:
    split, seen = checkerboard(), []

    def told(scorer: als_file.FoldIn, heldout: HeldOut) -> Measured:
        seen.append(heldout.users)
        return measure(scorer, heldout)

    monkeypatch.setattr(als_file, "DIMS", (2, 4))
    monkeypatch.setattr(als_file, "measure", told)
    chosen = fit_baseline("als", split)
    assert set(seen) == {split.validation.users}
    assert measure(chosen.scorer, split.test).values["ndcg@10"].mean() == 1.0
    assert chosen.settings.keys() == {"dim", "unobserved", "penalty", "epochs"}


def test_als_of_another_seed_is_another_and_ease_is_not(monkeypatch) -> None:
    monkeypatch.setattr(als_file, "DIMS", (2,))
    split = blocks(50, keep=0.6)
    fold_in = split.test.fold_in

    def scores(name: str, seed: int) -> np.ndarray:
        return fit_baseline(name, split, seed=seed).scorer.score(fold_in)

    assert np.array_equal(scores("als", 0), scores("als", 0))
    assert not np.array_equal(scores("als", 0), scores("als", 1))
    assert np.array_equal(scores("ease", 0), scores("ease", 1))
    assert "als" in DRAWN and "ease" not in DRAWN


def test_als_too_large_is_refused_before_work_begins() -> None:
    split = replace(checkerboard(), train=sparse.csr_matrix((10, 3_000_000), dtype=np.float32))
    with pytest.raises(ConfigError, match="teraflops") as caught:
        fit_baseline("als", split)
    assert "--baselines" in caught.value.hint
