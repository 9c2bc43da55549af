from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse

from tests.training.boards import csr
from training.evaluate import ranking


def test_top_items_are_sorted_by_score() -> None:
    scores = np.array([[0.1, 0.9, 0.5, -1.0], [3.0, 1.0, 2.0, 0.0]], dtype=np.float32)
    assert ranking.top_items(scores, 3).tolist() == [[1, 2, 0], [0, 2, 1]]


def test_top_items_ties_are_broken_by_item_index() -> None:
    scores = np.zeros((1, 1000), dtype=np.float32)
    scores[0, 700] = 1.0
    assert ranking.top_items(scores, 5).tolist() == [[700, 0, 1, 2, 3]]


def test_top_items_of_many_tied_scores_equals_a_stable_sort() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, (200, 50)).astype(np.float32)
    assert np.array_equal(ranking.top_items(scores, 7), np.argsort(-scores, axis=1, kind="stable")[:, :7])


def test_top_items_masked_scores_are_never_listed() -> None:
    scores = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)
    ranking.mask_seen(scores, csr(np.array([[1, 0, 1]])))
    assert ranking.top_items(scores, 3).tolist() == [[1, -1, -1]]


def test_top_items_of_a_small_catalogue_gives_all_of_it() -> None:
    assert ranking.top_items(np.array([[1.0, 2.0]], dtype=np.float32), 100).tolist() == [[1, 0]]


def case() -> tuple[np.ndarray, sparse.csr_matrix]:
    """Targets 2, 3 and 7; the list finds 2 at rank 1 and 3 at rank 3."""
    target = np.zeros((1, 10))
    target[0, [2, 3, 7]] = 1
    return np.array([[2, 5, 3, 9]]), csr(target)


def test_ndcg_and_recall_by_hand() -> None:
    top, target = case()
    hits, n_target = ranking.hits_of(top, target), np.array([3])
    assert hits.tolist() == [[True, False, True, False]]
    gain = 1 + 1 / math.log2(4)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert ranking.ndcg(hits, n_target, 4)[0] == pytest.approx(gain / ideal)
    assert ranking.ndcg(hits, n_target, 2)[0] == pytest.approx(1 / (1 + 1 / math.log2(3)))  # ideal truncated at k
    assert ranking.recall(hits, n_target, 4)[0] == pytest.approx(2 / 3)
    assert ranking.recall(hits, n_target, 1)[0] == 1.0  # denominator min(k, n_target)
    assert ranking.hit_rate(hits, 1)[0] == 1.0
    assert ranking.reciprocal_rank(hits, 4)[0] == 1.0


def test_figures_of_a_list_without_hits_are_zero() -> None:
    _, target = case()
    hits = ranking.hits_of(np.array([[0, 1, -1, -1]]), target)
    for figure in (ranking.ndcg, ranking.recall):
        assert figure(hits, np.array([3]), 4)[0] == 0.0
    assert ranking.hit_rate(hits, 4)[0] == 0.0
    assert ranking.reciprocal_rank(hits, 4)[0] == 0.0


def test_reciprocal_rank_of_a_hit_at_third_place() -> None:
    _, target = case()
    assert ranking.reciprocal_rank(ranking.hits_of(np.array([[0, 1, 7]]), target), 3)[0] == pytest.approx(1 / 3)


def test_padding_is_not_a_hit_on_item_zero() -> None:
    target = csr(np.array([[1, 0, 0]]))
    assert ranking.hits_of(np.array([[-1, -1]]), target).tolist() == [[False, False]]


def test_ndcg_equals_a_plain_loop_on_random_lists() -> None:
    rng = np.random.default_rng(1)
    target = rng.random((40, 30)) < 0.2
    target[:, 0] = True
    top = np.argsort(rng.random((40, 30)), axis=1)
    hits = ranking.hits_of(top, csr(target))
    found = ranking.ndcg(hits, target.sum(1), 10)
    for u in range(40):
        gain = sum(1 / math.log2(rank + 2) for rank in range(10) if target[u, top[u, rank]])
        ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, target[u].sum())))
        assert found[u] == pytest.approx(gain / ideal)
