"""B against a small computation by the book, against EASE, and what a byte a cell costs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from tests.training.boards import blocks
from training.errors import ConfigError, FitError
from training.evaluate.baselines.ease import Ease
from training.models import linear_term
from training.models.linear_term import LinearSettings, closed_form, most_popular, quantised

TRAIN = blocks(60, n_items=30, keep=0.6).train
ALL = np.arange(30)
PLAIN = LinearSettings(user_exponent=0.0, item_exponent=0.0, p=0.0, ridge=40.0, power=1.0)
RECIPE = LinearSettings(user_exponent=0.4, item_exponent=0.2, p=0.33, ridge=40.0, power=1.15)


def by_the_book(train: sparse.csr_matrix, settings: LinearSettings) -> np.ndarray:
    """The formulas of the module, written densely."""
    x = train.toarray().astype(np.float64)
    lengths, counts = x.sum(1), x.sum(0)
    w = (lengths / lengths.mean()) ** -settings.user_exponent
    w /= w.mean()
    s = np.maximum(counts / counts.mean(), 1e-3) ** -settings.item_exponent
    gram = np.diag(s) @ x.T @ np.diag(w) @ x @ np.diag(s)
    ridge = settings.p / (1 - settings.p) * np.diag(gram) + settings.ridge
    inverse = np.linalg.inv(gram + np.diag(ridge))
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    weights *= s[:, None]
    return np.sign(weights) * np.abs(weights) ** settings.power


@pytest.mark.parametrize("settings", [PLAIN, RECIPE], ids=["plain", "recipe"])
def test_closed_form_is_the_recipe_by_the_book(settings: LinearSettings) -> None:
    np.testing.assert_allclose(closed_form(TRAIN, ALL, settings), by_the_book(TRAIN, settings), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "changed", [{"user_exponent": 0.3}, {"item_exponent": 0.3}, {"p": 0.2}, {"ridge": 50.0}, {"power": 1.05}]
)
def test_every_setting_changes_the_closed_form(changed: dict[str, float]) -> None:
    """Control of the test above: a number that is not used would go unnoticed where both sides forget it."""
    settings = LinearSettings(**{**{"user_exponent": 0.4, "item_exponent": 0.2, "p": 0.33, "ridge": 40.0}, **changed})
    assert np.abs(closed_form(TRAIN, ALL, settings) - closed_form(TRAIN, ALL, RECIPE)).max() > 1e-4


def test_closed_form_without_exponents_is_ease() -> None:
    ease = Ease((TRAIN.T @ TRAIN).toarray().astype(np.float64), 40.0)
    np.testing.assert_allclose(closed_form(TRAIN, ALL, PLAIN), ease.weights, rtol=1e-5, atol=1e-7)
    assert np.abs(closed_form(TRAIN, ALL, RECIPE) - ease.weights).max() > 0.01


def test_closed_form_in_small_blocks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = closed_form(TRAIN, ALL, RECIPE)
    monkeypatch.setattr(linear_term, "BLOCK", 7)
    np.testing.assert_allclose(closed_form(TRAIN, ALL, RECIPE), whole, rtol=1e-5, atol=1e-8)


def test_closed_form_does_not_look_at_the_values() -> None:
    rated = TRAIN.copy()
    rated.data[:] = 5.0
    np.testing.assert_array_equal(closed_form(rated, ALL, RECIPE), closed_form(TRAIN, ALL, RECIPE))


def test_closed_form_of_a_part_of_the_items_is_that_of_their_columns() -> None:
    """Only lengths and the mean count are those of the whole catalogue; with exponents 0 they play no part."""
    part = np.array([0, 3, 4, 17, 29])
    found = closed_form(TRAIN, part, PLAIN)
    np.testing.assert_allclose(found, by_the_book(TRAIN[:, part], PLAIN), rtol=1e-4, atol=1e-7)


def test_closed_form_of_items_that_nobody_took_is_zero_there() -> None:
    train = TRAIN.tolil()
    train[:, 7] = 0
    train = train.tocsr()
    train.eliminate_zeros()
    found = closed_form(train, ALL, RECIPE)
    assert np.isfinite(found).all()
    assert not found[7].any()
    assert not found[:, 7].any()


def test_most_popular_are_ascending_and_ties_go_to_the_lower_index() -> None:
    train = sparse.csr_matrix(np.array([[1, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 1]], dtype=np.float32))
    assert most_popular(train, 3).tolist() == [0, 2, 3]
    assert most_popular(train, 9).tolist() == [0, 1, 2, 3]


def test_quantised_is_off_by_half_a_scale_at_most() -> None:
    weights = closed_form(TRAIN, ALL, RECIPE)
    found = quantised(weights)
    assert found.values.dtype == np.int8
    off = np.abs(found.values * found.scales - weights)
    assert (off <= found.scales / 2 * (1 + 1e-5)).all()
    assert (off > found.scales / 4).any()  # a bound half as large would not hold
    np.testing.assert_array_equal(np.abs(found.values).max(axis=0), 127)


def test_quantised_column_of_zeros_stays_zero_and_one_of_negatives_fits() -> None:
    found = quantised(np.array([[0.0, -3.0], [0.0, -1.0]], dtype=np.float32))
    assert found.values.tolist() == [[0, -127], [0, -42]]
    assert found.scales.tolist() == pytest.approx([0.0, 3 / 127])


def test_closed_form_without_the_memory_is_refused_with_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear_term, "memory_bytes", lambda: 10_000)
    with pytest.raises(ConfigError, match="the linear term of 30 of 30 items needs about") as caught:
        closed_form(TRAIN, ALL, RECIPE)
    assert "linear_items to 15" in caught.value.hint
    assert closed_form(TRAIN, ALL[:5], RECIPE).shape == (5, 5)


def test_closed_form_when_memory_runs_out_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(linear_term, "_gram", full)
    with pytest.raises(ConfigError, match="there is not as much left"):
        closed_form(TRAIN, ALL, RECIPE)


def test_inverse_of_a_matrix_that_is_not_positive_definite_is_refused() -> None:
    with pytest.raises(FitError, match="not positive definite") as caught:
        linear_term._inverse(-np.eye(3))
    assert "linear_ridge" in caught.value.hint
