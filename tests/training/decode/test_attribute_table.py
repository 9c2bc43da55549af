from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from bundle.catalogue import Attribute, Catalogue
from tests.training.decode.planted import attribute
from training.decode.attribute_table import attribute_table
from training.decode.information_gain import entropy

GENRES = ("Comedy", "Drama", "Horror")


def _catalogue(*attributes: Attribute) -> Catalogue:
    return Catalogue(
        ids=("a", "b", "c", "d"), titles=(None,) * 4, popularity=(0.4, 0.3, 0.2, 0.1), attributes=attributes
    )


def _genre() -> Attribute:
    return Attribute(name="genre", field="genres", kind="multilabel", values=GENRES, rows=((0,), (0, 1), (2,), ()))


def test_prior_multilabel_and_missing_is_popularity_over_known_items():
    prior = attribute_table(_catalogue(_genre()), max_values=10).prior()
    np.testing.assert_allclose(prior, np.array([0.4 + 0.15, 0.15, 0.2]) / 0.9, rtol=1e-6)


def test_read_lists_ignore_items_without_a_value():
    table = attribute_table(_catalogue(_genre()), max_values=10)
    lists = sparse.csr_matrix(np.array([[0.5, 0.0, 0.0, 0.5]], np.float32))
    np.testing.assert_allclose(table.read(lists, table.prior()), [[1.0, 0.0, 0.0]])


def test_read_list_without_any_known_item_reads_as_the_prior():
    table = attribute_table(_catalogue(_genre()), max_values=10)
    lists = sparse.csr_matrix(np.array([[0.0, 0.0, 0.0, 1.0]], np.float32))
    np.testing.assert_allclose(table.read(lists, table.prior())[0], table.prior())


def test_read_two_attributes_each_block_sums_to_one():
    year = attribute("year", ("old", "new"), np.array([0, 1, -1, 1]), numeric=True)
    table = attribute_table(_catalogue(_genre(), year), max_values=10)
    shares = table.read(sparse.csr_matrix(np.full((1, 4), 0.25, np.float32)), table.prior())
    np.testing.assert_allclose(table.per_attribute(lambda s: s.sum(axis=-1), shares), [[1.0, 1.0]], rtol=1e-6)
    assert table.per_attribute(entropy, shares).shape == (1, 2)


@pytest.mark.parametrize(
    ("values", "value_of", "reason"),
    [
        (("x", "y"), np.array([0, 0, 0, -1]), "the same one"),
        (("x", "y"), np.full(4, -1), "no item has a value"),
        (tuple(f"v{i}" for i in range(11)), np.array([0, 1, 2, 3]), "at most 10"),
    ],
)
def test_attribute_table_unusable_attribute_is_left_out_and_says_why(values, value_of, reason):
    table = attribute_table(_catalogue(attribute("odd", values, value_of), _genre()), max_values=10)
    assert [c.name for c in table.columns] == ["genre"]
    assert len(table.left_out) == 1
    assert "'odd'" in table.left_out[0]
    assert reason in table.left_out[0]


def test_attribute_table_no_attributes_is_empty():
    table = attribute_table(_catalogue(), max_values=10)
    assert table.columns == ()
    assert table.shares.shape == (4, 0)
