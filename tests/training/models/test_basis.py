"""Other coordinates of z: what the posterior is in them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from training.models.base import Posterior
from training.models.basis import Basis
from training.objective import ACTIVE_NATS, kl_per_dimension


def turned(forward: list[list[float]], posterior: Posterior) -> Posterior:
    matrix = np.array(forward)
    basis = Basis(len(matrix))
    basis.set(matrix, np.linalg.pinv(matrix))
    assert posterior.logvar is not None
    logvar = basis.turned_logvar(posterior.logvar, prior_std=posterior.prior_std)
    return Posterior(basis.turned(posterior.mu), logvar, posterior.prior_std)


@pytest.mark.parametrize("prior_std", [1.0, 0.1])
def test_posterior_of_a_coordinate_that_nothing_leads_to_is_the_prior(prior_std: float) -> None:
    surely = Posterior(torch.full((3, 2), 2.0), torch.full((3, 2), -4.0), prior_std)
    found = kl_per_dimension(turned([[1.0, 0.0], [0.0, 0.0]], surely))
    torch.testing.assert_close(found[:, 0], kl_per_dimension(surely)[:, 0])
    assert found[:, 0].min() > ACTIVE_NATS
    assert found[:, 1].abs().max() < 1e-6  # a dead latent, and not one that is known exactly


def test_posterior_of_a_mixed_coordinate_has_the_variance_of_the_mixture() -> None:
    posterior = Posterior(torch.tensor([[1.0, 3.0]]), torch.log(torch.tensor([[0.5, 0.1]])))
    found = turned([[0.6, 0.8], [0.0, 1.0]], posterior)
    assert found.logvar is not None
    torch.testing.assert_close(found.mu, torch.tensor([[3.0, 3.0]]))
    torch.testing.assert_close(found.logvar, torch.tensor([[math.log(0.36 * 0.5 + 0.64 * 0.1), math.log(0.1)]]))
