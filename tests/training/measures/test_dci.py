"""DCI on codes of known value, by both regressors."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.measures.known import constant, duplicated, factors, halves, identity, noise, rotated
from training.measures.dci import Dci, Rows, concentration, dci_forest, dci_lasso

KNOWN = factors()
BOTH = pytest.mark.parametrize("measure", [dci_lasso, dci_forest])


def of(measure, codes, known=KNOWN):
    return measure(*halves(codes, known), np.random.default_rng(0))


@BOTH
def test_copy_of_the_factors_is_disentangled_complete_and_told(measure):
    found = of(measure, identity(KNOWN))
    assert min(found.disentanglement, found.completeness, found.informativeness) > 0.9


@BOTH
def test_rotated_factors_are_told_and_neither_disentangled_nor_complete(measure):
    found = of(measure, rotated(KNOWN))
    assert found.informativeness > 0.7
    assert found.disentanglement < 0.4
    assert found.completeness < 0.4


@BOTH
def test_factor_in_two_dimensions_is_disentangled_and_less_complete(measure):
    found = of(measure, duplicated(KNOWN))
    assert found.disentanglement > 0.9
    if measure is dci_forest:  # the lasso may put all on one of the two
        assert 0.5 < found.completeness < 0.85


@BOTH
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_noise_is_nothing(measure, seed):
    found = of(measure, noise(KNOWN, d=40, seed=seed))
    assert (found.disentanglement, found.completeness) == (0.0, 0.0)
    assert found.informativeness < 0.02


@BOTH
def test_constant_codes_are_nothing(measure):
    found = of(measure, constant(KNOWN))
    assert (found.disentanglement, found.completeness, found.informativeness) == (0.0, 0.0, 0.0)


def test_factor_that_is_not_told_counts_nothing_for_completeness():
    found = of(dci_lasso, KNOWN[:, :4])
    assert found.completeness == pytest.approx(0.8, abs=0.05)
    assert found.importance[:, 4].tolist() == [0.0] * 4


def test_noise_would_look_disentangled_if_chance_coefficients_counted():
    """The control of the rule above: a few coefficients, one factor each."""
    chance = np.zeros((40, 5))
    chance[[3, 17], [0, 2]] = 0.02
    assert Dci(chance, np.zeros(5)).disentanglement == 1.0


def test_only_the_forest_is_told_by_a_code_that_is_not_linear():
    known = factors(1200, g=3)
    codes = np.abs(known)
    codes[:, 0] = known[:, 0]
    asked = np.column_stack([known[:, 0], known[:, 1] ** 2, np.cos(3.0 * known[:, 2])])
    lasso, forest = of(dci_lasso, codes, asked), of(dci_forest, codes, asked)
    assert forest.informativeness > lasso.informativeness + 0.1


def test_single_factor_has_no_disentanglement_and_few_rows_do_not_fail():
    assert of(dci_lasso, KNOWN[:, :2], KNOWN[:, :1]).disentanglement == 0.0
    tiny = Rows(KNOWN[:3], KNOWN[:3])
    assert dci_lasso(tiny, tiny, np.random.default_rng(0)).importance.shape == (5, 5)


def test_figures_are_of_held_out_users_in_the_scale_of_the_fitting_ones():
    fitting, held_out = halves(identity(KNOWN), KNOWN)
    moved = Rows(held_out.codes, held_out.factors + 10.0)
    rng = np.random.default_rng
    assert dci_lasso(fitting, held_out, rng(0)).r2.min() > 0.99
    assert dci_lasso(fitting, moved, rng(0)).r2.max() < -10


def test_concentration_of_one_entry_is_one_and_of_equal_ones_zero():
    rows = np.array([[0.0, 3.0, 0.0], [2.0, 2.0, 2.0], [0.0, 0.0, 0.0]])
    assert concentration(rows) == pytest.approx(np.array([1.0, 0.0, 0.0]))
