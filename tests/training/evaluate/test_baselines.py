from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from tests.training.boards import blocks, checkerboard
from training.data.split import HeldOut
from training.errors import ConfigError
from training.evaluate.baselines import ease as ease_file
from training.evaluate.baselines import fit_baseline
from training.evaluate.baselines.ease import Ease
from training.evaluate.measure import Measured, measure


def gram_of(train: sparse.csr_matrix) -> np.ndarray:
    return np.asarray((train.T @ train).toarray(), dtype=np.float64)


def test_ease_minimises_the_papers_objective() -> None:
    """|X - X B|^2 + penalty |B|^2 with diag(B) = 0: the gradient vanishes off the diagonal."""
    train = blocks(50, keep=0.6).train
    gram = gram_of(train)
    weights = Ease(gram, 3.0).weights.astype(np.float64)
    assert np.diag(weights).tolist() == [0.0] * 24
    gradient = gram @ weights - gram + 3.0 * weights
    np.fill_diagonal(gradient, 0.0)
    assert np.abs(gradient).max() < 1e-4
    assert np.abs(weights).max() > 0.01


def test_ease_leaves_the_gram_matrix_alone_for_the_next_penalty() -> None:
    gram = gram_of(blocks(50, keep=0.6).train)
    before = gram.copy()
    Ease(gram, 3.0)
    assert np.array_equal(gram, before)


def test_ease_solves_the_checkerboard_and_popularity_cannot() -> None:
    split = checkerboard()
    ease, popularity = fit_baseline("ease", split), fit_baseline("popularity", split)
    assert measure(ease.scorer, split.test).values["ndcg@10"].mean() == 1.0
    assert measure(popularity.scorer, split.test).values["ndcg@10"].mean() < 0.8


def test_ease_takes_the_penalty_at_the_peak_of_the_validation_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    split, asked = checkerboard(), []
    figures = {1.0: 0.3, 2.0: 0.5, 4.0: 0.4, 8.0: 0.9}  # the last is past the peak and never tried

    def told(ease: Ease, heldout: HeldOut) -> Measured:
        assert heldout.users == split.validation.users
        asked.append(ease)
        return Measured(
            {"ndcg@100": np.array([list(figures.values())[len(asked) - 1]])}, np.empty((1, 0), dtype=np.int64)
        )

    monkeypatch.setattr(ease_file, "LAMBDAS", tuple(figures))
    monkeypatch.setattr(ease_file, "measure", told)
    chosen = fit_baseline("ease", split)
    assert chosen.settings == {"lambda": 2.0}
    assert chosen.scorer is asked[1]
    assert len(asked) == 3


def test_gram_in_blocks_equals_the_whole_product(monkeypatch: pytest.MonkeyPatch) -> None:
    train = blocks(50, keep=0.6).train
    monkeypatch.setattr(ease_file, "_BLOCK", 7)
    assert np.array_equal(ease_file._gram(train), gram_of(train))


def test_ease_of_a_large_catalogue_is_refused_before_memory_is_asked_for() -> None:
    split = replace(checkerboard(), train=sparse.csr_matrix((10, 40_000), dtype=np.float32))
    with pytest.raises(ConfigError, match="40000 items need about 38 GB") as caught:
        fit_baseline("ease", split)
    assert "popularity" in caught.value.hint


def test_popularity_ranks_by_count() -> None:
    train = sparse.csr_matrix(np.array([[1, 0, 1], [0, 0, 1]], dtype=np.float32))
    scorer = fit_baseline("popularity", replace(checkerboard(), train=train)).scorer
    assert scorer.score(train).tolist() == [[1, 0, 2], [1, 0, 2]]


def test_unknown_baseline_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'slim'") as caught:
        fit_baseline("slim", checkerboard())
    assert "ease, item-knn, popularity" in caught.value.hint
