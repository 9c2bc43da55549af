"""Each figure on an input whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from tests.training.data.data_builders import everyone_likes, make_dataset
from training.data.describe import EXACT_RANK, describe, effective_rank, gini, singular_values, structure_of
from training.data.split import Protocol, split_dataset
from training.data.synth import SynthConfig, synthesise


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([5, 5, 5, 5], 0.0), ([0, 0, 0, 12], 0.75), ([0, 0], 0.0), ([1, 3], 0.25), ([7], 0.0)],
)
def test_gini_of_known_counts(counts, expected):
    assert gini(np.array(counts, dtype=float)) == pytest.approx(expected)


@pytest.mark.parametrize(("values", "expected"), [([2, 2, 2], 3.0), ([9, 0, 0], 1.0), ([1], 1.0)])
def test_effective_rank_of_known_spectra(values, expected):
    assert effective_rank(np.array(values, dtype=float)) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(30, 12), (12, 30)])
def test_singular_values_are_those_of_the_dense_matrix(shape):
    matrix = sparse.random(*shape, density=0.4, format="csr", random_state=0)

    assert singular_values(matrix) == pytest.approx(np.linalg.svd(matrix.toarray(), compute_uv=False), abs=1e-7)


def test_truncated_spectrum_is_the_beginning_of_the_whole(monkeypatch):
    matrix = sparse.random(80, 60, density=0.2, format="csr", random_state=0)
    whole = singular_values(matrix)
    monkeypatch.setattr("training.data.describe.EXACT_RANK", 50)
    monkeypatch.setattr("training.data.describe.TRUNCATED_RANK", 10)

    found = singular_values(matrix)

    assert EXACT_RANK > 50
    assert found == pytest.approx(whole[:10])


def test_complexity_of_users_who_all_like_everything():
    split = split_dataset(make_dataset(everyone_likes(20, 6)), Protocol(threshold=None))

    complexity = describe(split)

    assert (complexity.n_users, complexity.n_items, complexity.n_interactions) == (20, 6, 120)
    assert complexity.density == 1.0
    assert complexity.popularity_gini == pytest.approx(0.0)
    assert complexity.effective_rank == pytest.approx(1.0, abs=1e-4)
    assert (complexity.n_singular_values, complexity.spectrum_share) == (6, pytest.approx(1.0))
    assert complexity.mean_history == 6.0
    assert set(complexity.history_quantiles) == {6.0}


def test_complexity_of_separate_groups_counts_the_groups():
    rows = [(str(u), f"{u % 3}-{i}", None) for u in range(60) for i in range(5)]
    split = split_dataset(make_dataset(rows), Protocol(threshold=None))

    complexity = describe(split)

    assert complexity.density == pytest.approx(1 / 3)
    assert complexity.effective_rank == pytest.approx(3.0, abs=1e-3)


def test_structure_of_users_who_all_like_everything_is_none():
    assert structure_of(sparse.csr_matrix(np.ones((20, 6)))) == pytest.approx(0.0, abs=1e-7)
    assert structure_of(sparse.csr_matrix(np.ones((20, 1)))) == 0.0


def test_structure_of_separate_groups_is_the_most_there_can_be():
    groups = sparse.block_diag([np.ones((20, 5))] * 3, format="csr")
    edge = (np.sqrt(60) + np.sqrt(15)) / np.sqrt(300)
    assert structure_of(groups) == pytest.approx(1.0 / edge)
    with_nobody = sparse.block_diag([groups, sparse.csr_matrix((4, 2))], format="csr")
    assert structure_of(with_nobody) == pytest.approx(1.0 / edge)


def test_structure_of_chance_is_about_one_and_of_planted_tastes_more():
    chance = sparse.random(600, 300, density=0.05, format="csr", random_state=0)
    chance.data[:] = 1.0
    assert structure_of(chance) == pytest.approx(1.0, abs=0.1)
    weak, strong = (
        structure_of(split_dataset(synthesise(config).dataset, Protocol(threshold=None)).train)
        for config in (
            SynthConfig(n_users=600, n_items=300, genre_strength=0.0, year_strength=0.0, rating_strength=0.0),
            SynthConfig(n_users=600, n_items=300),
        )
    )
    assert weak < 1.1 < 2.0 < strong
