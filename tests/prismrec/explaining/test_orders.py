"""Orders that explanations are compared with."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import sparse

from prismrec.explaining.orders import N_RANDOM, OURS, POPULARITY, RANDOM, SHUFFLED, Known, by_value, orders_of


def test_similarity_is_the_cosine_of_the_training_columns():
    dense = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 0]], dtype=np.float32)
    known = Known.of(sparse.csr_matrix(dense))
    assert known.popularity.tolist() == [3, 3, 2, 0]
    assert known.similarity(0, [1, 2, 3]) == pytest.approx([2 / 3, 2 / np.sqrt(6), 0.0])
    assert known.similarity(3, [0, 1]) == pytest.approx([0.0, 0.0])


def test_equal_values_go_by_name():
    assert by_value([7, 2, 5], np.array([1.0, 1.0, 3.0])) == [5, 2, 7]


def test_every_order_holds_every_name_once():
    names, values = [4, 1, 9, 3], {OURS: np.array([0.1, 3.0, -1.0, 2.0]), POPULARITY: np.arange(4.0)}
    found = orders_of(names, values, np.random.default_rng(0))
    assert Counter(label for label, _ in found) == {OURS: 1, POPULARITY: 1, SHUFFLED: 1, RANDOM: N_RANDOM}
    assert all(sorted(order) == sorted(names) for _, order in found)
    assert dict(found)[OURS] == [1, 3, 4, 9]
