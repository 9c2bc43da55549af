"""How many dimensions are used at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_VARIANCE = 0.01


def moving_units(codes: ArrayLike, *, least: float = LEAST_VARIANCE) -> NDArray[np.bool_]:
    """[d]: the dimensions whose mean mu varies by more than `least` over users: Burda et al. 2016 (arXiv 1509.00519).

    It reads mu in units of a standard normal prior; of a model with another prior or with none it says little, and the
    KL of q(z_i|x) from the prior, above 0.01 nats, is what this project calls active.
    """
    return np.asarray(np.asarray(codes, dtype=np.float64).var(axis=0) > least)
