from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from tests.training.models.contract import rows_of
from training.models.base import Posterior
from training.models.registry import make_model
from training.objective import elbo_loss, kl_per_dimension, multinomial_nll, sample


def test_nll_of_equal_logits_is_log_n_for_each_item() -> None:
    nll = multinomial_nll(torch.zeros(2, 8), rows_of(([1, 3, 4], [])))
    assert nll.tolist() == pytest.approx([3 * math.log(8), 0.0])


def test_nll_equals_the_dense_formula_and_so_does_its_gradient() -> None:
    torch.manual_seed(0)
    histories = ([0, 5, 7], [2], [], [1, 3])
    x = torch.zeros(4, 9)
    for b, items in enumerate(histories):
        x[b, items] = 1
    sparse_logits = torch.randn(4, 9, requires_grad=True)
    dense_logits = sparse_logits.detach().clone().requires_grad_()
    found = multinomial_nll(sparse_logits, rows_of(histories))
    expected = -(torch.log_softmax(dense_logits, dim=1) * x).sum(1)
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(sparse_logits.grad, dense_logits.grad)


def test_kl_equals_torchs_own() -> None:
    torch.manual_seed(0)
    mu, logvar = torch.randn(3, 5), torch.randn(3, 5)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_per_dimension(Posterior(mu, logvar)), expected)


def test_kl_of_the_prior_and_of_a_model_without_a_posterior_is_zero() -> None:
    zeros = torch.zeros(2, 3)
    assert kl_per_dimension(Posterior(zeros, zeros)).abs().sum() == 0
    assert kl_per_dimension(Posterior(torch.ones(2, 3), None)).abs().sum() == 0


def test_sample_has_the_posteriors_mean_and_spread() -> None:
    torch.manual_seed(0)
    posterior = Posterior(torch.full((20_000, 1), 2.0), torch.full((20_000, 1), math.log(0.25)))
    z = sample(posterior)
    assert z.mean().item() == pytest.approx(2.0, abs=0.02)
    assert z.std().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(sample(Posterior(posterior.mu, None)), posterior.mu)


def test_loss_is_reconstruction_plus_beta_kl() -> None:
    torch.manual_seed(0)
    model = make_model("mult-vae", n_items=9, config={"hidden": 4, "latent": 2})
    rows = rows_of(([0, 5], [2]))
    loss = elbo_loss(model, rows, rows, condition=None, beta=0.3)
    assert loss.total.item() == pytest.approx(loss.reconstruction.item() + 0.3 * loss.kl.item(), rel=1e-6)
    assert loss.kl.item() > 0
