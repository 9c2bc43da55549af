from __future__ import annotations

import re
from statistics import NormalDist

import numpy as np
import pytest

from bundle.factors import Factor
from tests.builders.factor_map import UNDECODED
from training.decode.halves import histogram, picture_of

NORMAL = tuple(NormalDist(2.0, 3.0).inv_cdf(p) for p in np.clip(np.linspace(0, 1, 101), 1e-4, 1 - 1e-4))


def factor(quantiles: tuple[float, ...]) -> Factor:
    return Factor(
        factor=7, active=True, kl=1.0, mean=0.0, sd=1.0, quantiles=quantiles, status="undecoded", half="positive",
        attribute=None, value=None, negative=UNDECODED, positive=UNDECODED, examples_negative=(), examples_positive=(),
        evidence=(),
    )  # fmt: skip


def test_histogram_of_a_normal_has_its_median_as_an_edge_and_half_the_users_on_each_side():
    found = histogram(NORMAL)
    assert found.median == pytest.approx(2.0)
    at = int(np.flatnonzero(np.isclose(found.edges, 2.0))[0])
    assert found.shares[:at].sum() == pytest.approx(0.5, abs=0.01)
    assert found.shares[at:].sum() == pytest.approx(0.5, abs=0.01)
    density = found.shares / np.diff(found.edges)
    assert density.max() == pytest.approx(NormalDist(2.0, 3.0).pdf(2.0), rel=0.05)


def test_histogram_two_peaks_are_seen():
    rng = np.random.default_rng(0)
    mu = np.concatenate([rng.normal(-4, 1, 5000), rng.normal(4, 1, 4000)])
    found = histogram(np.quantile(mu, np.linspace(0, 1, 101)).tolist())
    density = found.shares / np.diff(found.edges)
    middle = density[np.abs(found.edges[1:]) < 0.6].max()
    assert middle < 0.2 * density.max()


@pytest.mark.parametrize("quantiles", [(1.0,) * 101, (0.0,) * 60 + (1.0,) * 41])
def test_histogram_of_a_point_is_none(quantiles):
    assert histogram(quantiles) is None
    assert picture_of(factor(quantiles), tail=0.025) is None


def test_picture_marks_the_ends_and_the_median_in_numbers():
    svg = picture_of(factor(NORMAL), tail=0.025)
    numbers = [float(n) for n in re.findall(r">(?:median )?(-?\d+\.\d\d)<", svg)]
    assert numbers == pytest.approx([2.0 - 5.88, 2.0 + 5.88, 2.0], abs=0.06)
    assert svg.count('class="neg"') == svg.count('class="pos"') == 1
