"""The figures of a whole space for the factor map."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from bundle.factors import Space
from tests.training.measures.known import factors, halves, identity, noise, rotated
from training.measures.dci import Rows
from training.measures.space import space_of, varying_columns
from training.tastes import Taste

TASTES = [Taste("genre", name) for name in "abcd"] + [Taste("year")]
KNOWN = factors(600)


def of(codes, known=KNOWN, tastes=TASTES):
    return space_of(*halves(codes, known), tastes, active=6, rng=np.random.default_rng(0))


def test_copy_of_the_tastes_scores_high_throughout():
    found = of(identity(KNOWN))
    high = (found.mean_r2, found.mean_gap, found.sap, found.mig, found.dci_disentanglement, found.dci_completeness)
    assert min(*high, found.dci_informativeness) > 0.9
    assert (found.n_users, found.active) == (300, 6)
    assert [(t.attribute, t.value, t.factor) for t in found.tastes] == [
        *(("genre", name, at) for at, name in enumerate("abcd")),
        ("year", None, 4),
    ]


@pytest.mark.parametrize("codes", [rotated(KNOWN), noise(KNOWN)])
def test_rotation_and_noise_do_not(codes):
    found = of(codes)
    assert max(found.mean_gap, found.sap, found.mig, found.dci_disentanglement, found.dci_completeness) < 0.5


def test_tastes_that_do_not_vary_are_left_out_and_the_others_keep_their_names():
    known = KNOWN.copy()
    known[:, 1] = 0.5
    found = of(identity(KNOWN), known)
    assert [t.value for t in found.tastes] == ["a", "c", "d", None]
    assert [t.factor for t in found.tastes] == [0, 2, 3, 4]
    assert varying_columns(known, np.zeros((3, 5))).tolist() == []


def test_few_users_or_a_single_taste_give_no_figures():
    few = Rows(KNOWN[:40], KNOWN[:40])
    assert space_of(few, few, TASTES, active=5, rng=np.random.default_rng(0)) is None
    assert of(KNOWN, KNOWN[:, :1], TASTES[:1]) is None


def test_figures_travel_as_json():
    found = of(identity(KNOWN))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Space) == found
