"""Which dimensions move."""

from __future__ import annotations

import numpy as np

from tests.training.measures.known import constant, factors
from training.measures.active_units import moving_units


def test_dimension_moves_when_its_mean_varies_by_more_than_a_hundredth():
    codes = factors(2000, g=3) * np.sqrt([1.0, 0.02, 0.005])
    assert moving_units(codes).tolist() == [True, True, False]
    assert not moving_units(constant(codes)).any()
