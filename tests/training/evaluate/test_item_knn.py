"""Neighbours of items against similarities worked out by hand and dense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from tests.training.boards import blocks, checkerboard
from training.data.split import HeldOut
from training.errors import ConfigError
from training.evaluate.baselines import fit_baseline, item_knn
from training.evaluate.baselines.item_knn import ItemKnn, bm25, cosine, neighbours
from training.evaluate.measure import Measured, measure


def csr(rows: list[list[float]]) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.array(rows, dtype=np.float32))


def test_cosine_of_three_items_is_what_is_written_in_books() -> None:
    train = csr([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 0]])
    found = cosine(train, 0.0).block(0, 3)
    assert found[0, 1:] == pytest.approx([2 / np.sqrt(8), 1 / np.sqrt(4)])
    assert found[1, 2] == 0.0
    assert np.isneginf(np.diag(found)).all()


def test_cosine_shrinks_what_rests_on_few_users() -> None:
    train = csr([[1, 1, 0]] * 9 + [[0, 1, 1]])
    plain, shrunk = cosine(train, 0.0).block(0, 3), cosine(train, 5.0).block(0, 3)
    assert shrunk[1, 2] / plain[1, 2] < shrunk[1, 0] / plain[1, 0] < 1.0


def test_bm25_weighs_active_users_and_popular_items_less() -> None:
    train = csr([[1, 1, 1, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0]])
    weights = bm25(train, 1.2, 0.75).rows.toarray()
    assert weights[1, 0] < weights[1, 1] < weights[1, 2]  # the user with five items says least about item 1
    assert weights[1, 0] < weights[2, 0] < weights[0, 0]  # item 1 is everybody's
    flat = bm25(train, 1.2, 0.0).rows.toarray()
    assert flat[1, 0] == flat[2, 0] == flat[0, 0]


def test_neighbours_in_blocks_are_the_largest_similarities(monkeypatch: pytest.MonkeyPatch) -> None:
    similarity = cosine(blocks(50, keep=0.6).train, 1.0)
    dense = similarity.block(0, 24)
    monkeypatch.setattr(item_knn, "_BLOCK", 100)
    indices, values = neighbours(similarity, 6)
    assert np.allclose(values, -np.sort(-dense, axis=1)[:, :6])
    assert np.allclose(np.take_along_axis(dense, indices, axis=1), values)


def test_score_sums_the_neighbours_of_the_candidate_that_are_in_the_history() -> None:
    nearest = csr([[0, 0.5, 0], [0.2, 0, 0.3], [0, 0, 0]])
    scores = ItemKnn(nearest).score(csr([[1, 0, 1], [0, 1, 0]]))
    assert scores == pytest.approx(np.array([[0, 0.5, 0], [0.5, 0, 0]], dtype=np.float32))


def test_item_knn_solves_the_blocks_with_settings_chosen_on_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    split, seen = checkerboard(), []

    def told(scorer: ItemKnn, heldout: HeldOut) -> Measured:
        seen.append(heldout.users)
        return measure(scorer, heldout)

    monkeypatch.setattr(item_knn, "measure", told)
    chosen = fit_baseline("item-knn", split)
    assert set(seen) == {split.validation.users}
    assert measure(chosen.scorer, split.test).values["ndcg@10"].mean() == 1.0
    assert chosen.settings["weighting"] in {"cosine", "bm25"}


def test_item_knn_takes_the_best_of_all_it_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ItemKnn] = []

    def told(scorer: ItemKnn, heldout: HeldOut) -> Measured:
        asked.append(scorer)
        best = len(asked) == 5  # the second shrinkage, 100 neighbours
        return Measured({"ndcg@100": np.array([0.9 if best else 0.1])}, np.empty((1, 0), dtype=np.int64))

    monkeypatch.setattr(item_knn, "measure", told)
    chosen = fit_baseline("item-knn", checkerboard())
    assert chosen.settings == {"weighting": "cosine", "shrink": 20.0, "neighbours": 100.0}
    assert chosen.scorer is asked[4]
    assert len(asked) == 3 * (3 + 2 * 3)


def test_item_knn_of_endless_histories_is_refused() -> None:
    row = sparse.csr_matrix(np.ones((1, 150_000), dtype=np.float32))
    split = replace(checkerboard(), train=row)
    with pytest.raises(ConfigError, match="2e\\+10") as caught:
        fit_baseline("item-knn", split)
    assert "--baselines" in caught.value.hint
