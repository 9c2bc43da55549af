"""Explanations against independent computations: autograd along the path, and removing an item for real."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from tests.builders import builder_model
from training.export import explainer as explainer_module
from training.export.explainer import Explainer

from .conftest import N_ITEMS, random_model
from .planted_run import torch_twin

HISTORY = torch.tensor([3, 50, 7, 99, 20])
ITEMS = torch.tensor([0, 7, 119, 64])


def score_of(model, weights, condition, shift):
    """Logits at ITEMS, float64, of the history whose first layer weights are `weights` [5] (1/sqrt(5) each = all)."""
    summed = (weights[:, None] * model.item_in.weight[HISTORY]).sum(0, keepdim=True)
    if condition is not None:
        summed = summed + condition @ model.condition_in.weight
    z = model.to_mu(torch.tanh(summed + model.bias_in)) + shift
    return z, model.decode(z)[0][ITEMS]


def inputs(model, *, dtype=torch.float32):
    condition = torch.tensor([[1.0, 0.0, 1.0]], dtype=dtype) if model.n_conditions else None
    shift = torch.linspace(-0.5, 0.5, model.n_latent, dtype=dtype)[None]
    return condition, shift


def explain(model):
    condition, shift = inputs(model)
    with torch.no_grad():
        explained = Explainer(model)(HISTORY, condition, shift, ITEMS)
    double = random_model(model.kind).double()
    double.load_state_dict(model.state_dict())
    condition, shift = inputs(model, dtype=torch.float64)
    return explained, double, condition, shift


def integrated_gradients(function, end, n_steps=2000):
    """[K, len(end)] by the midpoint rule and autograd: slow, and knows nothing of closed forms."""
    total = torch.zeros(len(ITEMS), *end.shape, dtype=torch.float64)
    for step in range(n_steps):
        point = ((step + 0.5) / n_steps * end).requires_grad_()
        scores = function(point)
        total += torch.stack([torch.autograd.grad(s, point, retain_graph=True)[0] for s in scores])
    return (total / n_steps * end).squeeze(1)


@pytest.mark.parametrize("kind", ["c-vae", "mult-vae"])
def test_latent_contributions_are_the_integrated_gradients_of_the_decoder(kind):
    explained, model, condition, shift = explain(random_model(kind))
    z, scores = score_of(model, torch.full((5,), 5**-0.5, dtype=torch.float64), condition, shift)
    expected = integrated_gradients(lambda point: model.decode(point)[0][ITEMS], z.detach(), n_steps=400)
    torch.testing.assert_close(explained.latent.double(), expected, atol=2e-5, rtol=1e-4)
    total = explained.latent.double().sum(1) + explained.latent_base.double()
    relative = (total - scores.detach()).abs() / scores.detach().abs().clamp(min=1.0)
    assert float(relative.max()) < 1e-5


@pytest.mark.parametrize("kind", ["c-vae", "mult-vae"])
def test_history_contributions_are_the_integrated_gradients_of_the_whole_network(kind):
    explained, model, condition, shift = explain(random_model(kind))
    end = torch.full((5,), 5**-0.5, dtype=torch.float64)
    expected = integrated_gradients(lambda w: score_of(model, w, condition, shift)[1], end, n_steps=400)
    torch.testing.assert_close(explained.history_contribution.double(), expected, atol=2e-5, rtol=1e-4)
    _, base = score_of(model, torch.zeros(5, dtype=torch.float64), condition, shift)
    torch.testing.assert_close(explained.history_base.double(), base, atol=1e-5, rtol=1e-5)


def residual(model) -> float:
    """Largest |sum of history contributions + base - score|, relative to the largest of 1, |score|, |base|."""
    worst = 0.0
    rng = np.random.default_rng(5)
    for length in (1, 5, 40, N_ITEMS):
        history = torch.from_numpy(rng.permutation(N_ITEMS)[:length])
        shift = torch.zeros(1, model.n_latent)
        with torch.no_grad():
            explained = Explainer(model)(history, None, shift, ITEMS)
            score = model.decode(model.encode_padded(history[None], torch.ones(1, length)))[0][ITEMS]
        gap = (explained.history_contribution.sum(1) + explained.history_base - score).abs()
        scale = torch.maximum(score.abs(), explained.history_base.abs()).clamp(min=1.0)
        worst = max(worst, float((gap / scale).max()))
    return worst


@pytest.mark.parametrize("scale", [1.0, 3.0, 6.0])
def test_history_residual_is_below_a_ten_thousandth_even_for_large_weights(scale):
    assert residual(random_model("mult-vae", scale=scale)) < 1e-4


def test_history_residual_with_two_nodes_is_above_it(monkeypatch):
    """Positive control: the measure above sees a poor quadrature."""
    monkeypatch.setattr(explainer_module, "N_NODES", 2)
    assert residual(random_model("mult-vae", scale=6.0)) > 1e-3


@pytest.mark.parametrize("size", [0.0, 1e-20, 1e-8, 1e-4, 0.9e-3, 1.1e-3, 1e-2])
def test_latent_contributions_near_zero_are_finite_and_exact(size):
    """The quotient's limit at a_h = 0: both sides of the switch to the series agree with float64."""
    model = random_model("mult-vae")
    z = torch.full((1, model.n_latent), size)
    rows = model.decoder_out.weight[ITEMS].double()
    with torch.no_grad():
        got = Explainer(model)._latent(rows.float(), z).double()
        bias, weight = model.decoder_hidden.bias.double(), model.decoder_hidden.weight.double()
        a = z.double() @ weight.T
        quotient = (torch.tanh(a + bias) - torch.tanh(bias)) / a
        slope = torch.where(a.abs() < 1e-7, 1 - torch.tanh(bias) ** 2, quotient)
        expected = ((rows * slope) @ weight) * z.double()
    assert torch.isfinite(got).all()
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=max(size, 1e-30) * 2e-6)


def test_history_contribution_of_single_item_is_its_whole_effect():
    """Against leave-one-out: with one item in the history there is nothing else to share with."""
    model = random_model("mult-vae")
    with torch.no_grad():
        explained = Explainer(model)(torch.tensor([17]), None, torch.zeros(1, model.n_latent), ITEMS)
        score = model.decode(model.encode_padded(torch.tensor([[17]]), torch.ones(1, 1)))[0][ITEMS]
    gap = score - explained.history_base
    torch.testing.assert_close(explained.history_contribution[:, 0], gap, atol=1e-5, rtol=1e-4)


def test_history_contributions_rank_items_as_leave_one_out_does():
    """On the planted model, in the normalised input space: remove one item's share and see how far the score falls."""
    planted = builder_model(n_conditions=0)
    model = torch_twin(planted)
    history = torch.tensor([0, 1, 2, 4, 5, 10, 12, 14])
    weights = torch.full((len(history),), len(history) ** -0.5)
    shift = torch.zeros(1, model.n_latent)

    def score(kept: torch.Tensor) -> torch.Tensor:
        summed = (kept[:, None] * model.item_in.weight[history]).sum(0, keepdim=True)
        return model.decode(model.to_mu(torch.tanh(summed + model.bias_in)))[0][torch.tensor([3])]

    with torch.no_grad():
        explained = Explainer(model)(history, None, shift, torch.tensor([3]))
        full = score(weights)
        removed = []
        for place in range(len(history)):
            kept = weights.clone()
            kept[place] = 0.0
            removed.append(float(full - score(kept)))
    assert spearmanr(explained.history_contribution[0].numpy(), removed).statistic > 0.9


def test_explainer_of_planted_weights_answers_as_the_numpy_twin():
    """A third implementation, shared with neither torch nor ONNX."""
    planted = builder_model()
    model = torch_twin(planted)
    shift = np.array([0.2, -0.1, 0.0, 0.3])
    with torch.no_grad():
        got = Explainer(model)(
            torch.tensor([0, 4, 9]),
            torch.tensor([[0.0, 1.0, 0.0]]),
            torch.tensor(shift[None]).float(),
            torch.tensor([2, 7]),
        )
    expected = planted.explain((0, 4, 9), (2, 7), condition=(1,), shift=shift)
    np.testing.assert_allclose(got.latent, expected.latent, atol=1e-5)
    np.testing.assert_allclose(got.latent_base, expected.latent_base, atol=1e-5)
    np.testing.assert_allclose(got.history_contribution, expected.history, atol=1e-5)
    np.testing.assert_allclose(got.history_base, expected.history_base, atol=1e-5)
