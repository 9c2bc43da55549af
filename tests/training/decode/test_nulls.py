"""The null's p-values: right size where nothing is encoded, small where something is."""

from __future__ import annotations

import numpy as np
import pytest

from bundle.catalogue import Catalogue
from tests.training.decode.planted import DECADES, GENRES, N_ITEMS, attribute
from training.decode import nulls
from training.decode.attribute_table import AttributeTable, attribute_table
from training.decode.information_gain import jensen_shannon
from training.decode.lists import TopLists
from training.decode.nulls import Null, benjamini_hochberg, permutation_null

PERMUTATIONS = 99


def _table(rng: np.random.Generator, *, missing: float = 0.0) -> AttributeTable:
    popularity = rng.dirichlet(np.ones(N_ITEMS))
    genre, decade = (np.where(rng.random(N_ITEMS) < missing, -1, rng.integers(n, size=N_ITEMS)) for n in (3, 4))
    catalogue = Catalogue(
        ids=tuple(f"m{j}" for j in range(N_ITEMS)),
        titles=(None,) * N_ITEMS,
        popularity=tuple(popularity.tolist()),
        attributes=(attribute("genre", GENRES, genre), attribute("year", DECADES, decade, numeric=True)),
    )
    return attribute_table(catalogue, max_values=10)


def _lists(scores: np.ndarray) -> TopLists:
    items = np.argsort(-scores, axis=1)[:, :20]
    weights = np.exp(np.take_along_axis(scores, items, axis=1))
    return TopLists(items, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), N_ITEMS)


def _test(table: AttributeTable, bonus: np.ndarray, rng: np.random.Generator, *, threads: int = 1) -> Null:
    """One cell: the users' scores, before and after `bonus` [N_ITEMS] is added; the samples are the bonus alone."""
    scores = rng.normal(size=(25, N_ITEMS)) + 2.0 * rng.normal(size=N_ITEMS)
    noise = 0.3 * rng.normal(size=(10, N_ITEMS))
    cell = (_lists(scores + bonus), _lists(bonus + noise))
    return permutation_null(table, _lists(scores), [cell], permutations=PERMUTATIONS, rng=rng, threads=threads)


@pytest.fixture(scope="module")
def under_the_null() -> tuple[np.ndarray, np.ndarray]:
    """p-values [200, 2 attributes] of both statistics; each world draws attributes that know nothing of the lists."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found.append(_test(_table(rng, missing=0.1), 2.0 * rng.normal(size=N_ITEMS), rng))
    return np.concatenate([n.js_p for n in found]), np.concatenate([n.ig_p for n in found])


@pytest.mark.parametrize("statistic", [0, 1], ids=["js", "ig"])
def test_null_shuffled_attributes_p_values_are_uniform(under_the_null, statistic):
    p = under_the_null[statistic]
    for level in (0.05, 0.2, 0.5):  # 400 p-values: three standard errors of a share
        assert abs((p <= level).mean() - level) < 3.0 * np.sqrt(level * (1 - level) / p.size) + 0.01


def test_null_shuffled_attributes_discoveries_stay_within_the_promised_rate(under_the_null):
    any_found = [(benjamini_hochberg(p) <= 0.05).any() for p in under_the_null[0].reshape(20, 20)]
    assert np.mean(any_found) <= 0.2  # 5 % expected of 20 families; 5 or more would be a chance of 1 in 400


def test_null_planted_bonus_is_found_in_its_attribute_only():
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        table = _table(rng)
        found.append(_test(table, 4.0 * table.shares[:, 0], rng))
    smallest = 1.0 / (PERMUTATIONS + 1)
    assert [n.js_p[0, 0] for n in found] == [smallest] * 10
    assert [n.ig_p[0, 0] for n in found] == [smallest] * 10
    assert sum(n.js_p[0, 1] <= 0.05 for n in found) <= 3


def test_null_nothing_moves_gives_p_one_not_a_rounding_discovery():
    rng = np.random.default_rng(0)
    lists = _lists(rng.normal(size=(25, N_ITEMS)))
    null = permutation_null(_table(rng), lists, [(lists, lists)], permutations=PERMUTATIONS, rng=rng)
    assert null.js_p.tolist() == [[1.0, 1.0]]


def test_null_mean_is_the_bias_of_a_change_unrelated_to_the_attribute():
    rng = np.random.default_rng(3)
    table = _table(rng)
    before, after = (_lists(3.0 * rng.normal(size=(40, N_ITEMS))) for _ in range(2))
    null = permutation_null(table, before, [(after, after)], permutations=400, rng=rng)
    prior = table.prior()
    js = table.per_attribute(jensen_shannon, table.read(before.matrix, prior), table.read(after.matrix, prior))
    assert null.js_mean.min() > 0.0
    np.testing.assert_allclose(null.js_mean[0], js.mean(axis=0), rtol=0.25)


def test_null_two_threads_give_what_one_gives():
    one, two = (
        _test(_table(np.random.default_rng(1)), np.zeros(N_ITEMS), np.random.default_rng(2), threads=t) for t in (1, 2)
    )
    np.testing.assert_array_equal(one.js_p, two.js_p)
    np.testing.assert_array_equal(one.js_mean, two.js_mean)


def test_null_read_in_pieces_of_one_shuffle_is_the_same_null(monkeypatch):
    def found() -> Null:
        return _test(_table(np.random.default_rng(1), missing=0.1), np.zeros(N_ITEMS), np.random.default_rng(2))

    whole = found()
    monkeypatch.setattr(nulls, "_PIECE_FLOATS", 1)
    in_pieces = found()
    np.testing.assert_array_equal(whole.js_p, in_pieces.js_p)
    np.testing.assert_array_equal(whole.ig_p, in_pieces.ig_p)
    np.testing.assert_allclose(whole.js_mean, in_pieces.js_mean, atol=1e-7)


def test_null_no_cells_gives_empty_tables():
    rng = np.random.default_rng(0)
    null = permutation_null(_table(rng), _lists(rng.normal(size=(2, N_ITEMS))), [], permutations=5, rng=rng)
    assert null.js_p.shape == (0, 2)


def test_benjamini_hochberg_worked_example_gives_the_textbook_values():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.02, 0.04, 0.04, 0.02])


def test_benjamini_hochberg_keeps_shape_and_never_exceeds_one():
    p = np.array([[0.9, 1.0], [0.95, 0.2]])
    q = benjamini_hochberg(p)
    assert q.shape == (2, 2)
    assert q.max() <= 1.0
    assert (q >= p).all()
