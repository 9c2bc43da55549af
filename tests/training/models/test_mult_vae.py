from __future__ import annotations

import math

import torch

from tests.training.models.contract import N_ITEMS, ModelContract, rows_of
from training.models.registry import make_model


class TestMultVAE(ModelContract):
    kind = "mult-vae"


def dense_encode(model, x: torch.Tensor) -> torch.Tensor:
    """The paper's encoder, written densely: mu of L2-normalised rows x [B, n_items]."""
    x = x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)
    return model.to_mu(torch.tanh(x @ model.item_in.weight + model.bias_in))


def test_sparse_encoder_equals_the_papers_dense_one() -> None:
    torch.manual_seed(0)
    model = make_model("mult-vae", n_items=N_ITEMS, config={"hidden": 8, "latent": 3}).eval()
    x = torch.zeros(2, N_ITEMS)
    x[0, [1, 4, 9]] = 1
    x[1, [0]] = 1
    torch.testing.assert_close(model.encode(rows_of(([1, 4, 9], [0]))).mu, dense_encode(model, x))


def test_dropout_drops_items_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    model = make_model("mult-vae", n_items=N_ITEMS, config={"hidden": 8, "latent": 8, "dropout": 0.5})
    with torch.no_grad():
        model.to_mu.weight.copy_(torch.eye(8))  # mu is the hidden layer itself
        model.to_mu.bias.zero_()
        model.item_in.weight.fill_(0.01)  # small: tanh is nearly linear, so means pass through
        model.bias_in.zero_()
        hidden = model.train().encode(rows_of(([1, 4, 9, 12],) * 4000)).mu[:, 0]
    expected = math.tanh(4 * 0.01 / 2)  # four items, each weighing 1 / sqrt(4)
    assert hidden.std() > 0
    torch.testing.assert_close(hidden.mean(), torch.tensor(expected), rtol=0.03, atol=0)
