"""Both methods on two genres of ten items, where every number is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from bundle.catalogue import Catalogue
from tests.training.decode.planted import LinearModel, attribute
from training.decode.attribute_table import AttributeTable, attribute_table
from training.decode.lists import top_lists
from training.decode.magnitude_of_change import baseline, change
from training.decode.spectrum import origin_shares, sample_half, sampled

K = 10


@pytest.fixture
def table() -> AttributeTable:
    """Items 0..9 are Comedy, 10..19 Horror, equally popular: H(prior) = 1."""
    genre = attribute("genre", ("Comedy", "Horror"), np.repeat([0, 1], 10))
    catalogue = Catalogue(
        ids=tuple(map(str, range(20))), titles=(None,) * 20, popularity=(0.05,) * 20, attributes=(genre,)
    )
    return attribute_table(catalogue, max_values=10)


@pytest.fixture
def model() -> LinearModel:
    """z_0 > 0: only Horror; z_0 < 0: only Comedy. z_1 swaps items within each genre and leaves the genres alone."""
    loadings = np.zeros((20, 2))
    loadings[:10, 0], loadings[10:, 0] = -50.0, 50.0
    loadings[::2, 1] = 0.01
    return LinearModel(loadings)


def _comedy_lovers() -> np.ndarray:
    return np.array([[-1.0, 0.0], [-2.0, 1.0], [-0.5, -1.0]], np.float32)


def test_change_all_comedy_to_all_horror_has_no_mc_but_one_bit(model, table):
    before = baseline(model, _comedy_lovers(), table, k=K)
    moved = change(model, before, table, factor=0, half="positive", to=3.0)
    np.testing.assert_allclose(before.ig, 1.0, atol=1e-5)
    np.testing.assert_allclose(moved.mc, 0.0, atol=1e-5)
    np.testing.assert_allclose(moved.js, 1.0, atol=1e-5)
    np.testing.assert_allclose(moved.growth, [-1.0, 1.0], atol=1e-5)
    assert (moved.item_gain[10:] > 0).all()


def test_change_mixed_to_pure_gains_all_information(model, table):
    before = baseline(model, np.zeros((4, 2), np.float32), table, k=20)
    moved = change(model, before, table, factor=0, half="negative", to=-3.0)
    np.testing.assert_allclose(before.ig, 0.0, atol=1e-5)
    np.testing.assert_allclose(moved.mc, 1.0, atol=1e-5)


def test_change_that_does_not_concern_the_attribute_is_zero(model, table):
    before = baseline(model, _comedy_lovers(), table, k=K)
    moved = change(model, before, table, factor=1, half="positive", to=9.0)
    np.testing.assert_allclose([moved.mc, moved.js], 0.0, atol=1e-5)
    assert np.abs(moved.item_gain).max() > 0


def test_change_leaves_the_users_themselves_alone(model, table):
    z = _comedy_lovers()
    change(model, baseline(model, z, table, k=K), table, factor=0, half="positive", to=3.0)
    np.testing.assert_array_equal(z, _comedy_lovers())


def test_sampled_half_names_its_pole_and_its_lift(model, table):
    origin = origin_shares(model, table, k=20)
    np.testing.assert_allclose(origin, 0.5, atol=1e-5)
    points = np.array([1.0, 2.0], np.float32)
    found = sampled(model, points, table, factor=0, half="positive", origin=origin, k=20)
    np.testing.assert_allclose(found.ig, 1.0, atol=1e-4)
    floor = 1 / 20
    np.testing.assert_allclose(found.lift, [floor / (0.5 + floor), (1 + floor) / (0.5 + floor)], rtol=1e-3)


def test_sample_half_draws_from_below_and_from_not_below_the_median():
    mu, rng = np.arange(101, dtype=np.float32), np.random.default_rng(0)
    assert sample_half(mu, "negative", n=500, rng=rng).max() < 50
    assert sample_half(mu, "positive", n=500, rng=rng).min() >= 50


def test_sample_half_everybody_at_one_value_gives_that_value():
    rng = np.random.default_rng(0)
    assert sample_half(np.full(7, 2.0, np.float32), "negative", n=3, rng=rng).tolist() == [2.0] * 3


def test_top_lists_more_than_there_are_items_takes_all_and_sums_to_one(model):
    lists = top_lists(model, np.zeros((3, 2), np.float32), k=100)
    assert lists.items.shape == (3, 20)
    np.testing.assert_allclose(lists.weights, 0.05, rtol=1e-5)
    np.testing.assert_allclose(lists.matrix.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(lists.mean_weights(), 0.05, rtol=1e-5)


def test_top_lists_keep_the_best_items_renormalised():
    model = LinearModel(np.log([[1.0], [2.0], [4.0], [8.0]]))
    lists = top_lists(model, np.ones((1, 1), np.float32), k=2)
    assert lists.items.tolist() == [[3, 2]]
    np.testing.assert_allclose(lists.weights, [[2 / 3, 1 / 3]], rtol=1e-5)
