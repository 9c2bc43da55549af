from __future__ import annotations

import numpy as np
import pytest

from tests.training.boards import blocks, catalogue_of, csr
from training.evaluate import lists as figures

LISTS = np.array([[0, 1], [0, 2], [0, -1]])


def test_coverage_counts_items_once() -> None:
    assert figures.coverage(LISTS, n_items=6) == 0.5


def test_gini_of_equal_exposure_is_zero_and_of_one_item_is_near_one() -> None:
    assert figures.gini(np.array([[0, 1], [2, 3]]), n_items=4) == pytest.approx(0.0)
    assert figures.gini(np.array([[2], [2]]), n_items=4) == pytest.approx(3 / 4)
    assert figures.gini(np.array([[-1]]), n_items=4) == 0.0


def test_novelty_is_the_surprise_in_bits() -> None:
    popularity = np.array([0.5, 0.25, 0.125])
    assert figures.novelty(LISTS, popularity).tolist() == [1.5, 2.0, 1.0]  # -1 adds nothing and does not count


def test_item_popularity_is_a_share_of_users_and_never_zero() -> None:
    train = csr(np.array([[1, 1, 0], [1, 0, 0]]))
    assert figures.item_popularity(train).tolist() == [1.0, 0.5, 0.25]


def test_diversity_of_like_items_is_zero_and_of_unlike_ones_is_one() -> None:
    features = np.eye(3, dtype=np.float32)[[0, 0, 1, 2]]
    found = figures.diversity(np.array([[0, 1, -1], [0, 2, 3], [0, 1, 2], [3, -1, -1]]), features)
    assert found.tolist() == pytest.approx([0.0, 1.0, 2 / 3, 0.0])


def test_diversity_equals_the_plain_sum_over_pairs() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((20, 5)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    top = rng.permutation(20)[:10]
    pairs = [1 - float(features[a] @ features[b]) for i, a in enumerate(top) for b in top[:i]]
    assert figures.diversity(top[None, :], features)[0] == pytest.approx(np.mean(pairs), rel=1e-5)


def test_item_features_are_unit_vectors_and_none_without_attributes() -> None:
    catalogue = catalogue_of(blocks())
    features = figures.item_features(catalogue)
    assert features is not None
    assert np.linalg.norm(features, axis=1) == pytest.approx(np.ones(24))
    bare = type(catalogue)(ids=catalogue.ids, titles=catalogue.titles, popularity=catalogue.popularity, attributes=())
    assert figures.item_features(bare) is None


def test_satisfaction_is_a_share_of_what_is_listed() -> None:
    satisfying = np.array([True, False, True])
    found = figures.satisfaction(np.array([[0, 1], [0, 2], [1, -1], [0, -1], [-1, -1]]), satisfying)
    assert found.tolist() == [0.5, 1.0, 0.0, 1.0, 0.0]
