from __future__ import annotations

import pytest
import torch

from tests.training.models.contract import N_ITEMS, ModelContract, rows_of
from training.errors import ConfigError
from training.models.registry import make_model


class TestCVAE(ModelContract):
    kind = "c-vae"
    n_conditions = 4


def test_c_vae_without_condition_is_mult_vae_with_the_same_weights() -> None:
    torch.manual_seed(0)
    c_vae = make_model("c-vae", n_items=N_ITEMS, n_conditions=3, config={"hidden": 8, "latent": 3}).eval()
    mult_vae = make_model("mult-vae", n_items=N_ITEMS, config={"hidden": 8, "latent": 3}).eval()
    shared = {name: value for name, value in c_vae.state_dict().items() if name != "condition_in.weight"}
    mult_vae.load_state_dict(shared)
    rows = rows_of(([1, 2], [5]))
    torch.testing.assert_close(c_vae.encode(rows).mu, mult_vae.encode(rows).mu)


def test_c_vae_normalises_the_history_and_not_the_condition() -> None:
    """A longer history weighs each of its items less; the condition's part of the input stays the same."""
    torch.manual_seed(0)
    model = make_model("c-vae", n_items=N_ITEMS, n_conditions=3, config={"hidden": 8, "latent": 3}).eval()
    history, mask = torch.arange(4).unsqueeze(0), torch.ones(1, 4)
    condition = torch.tensor([[0.0, 1.0, 0.0]])
    x = torch.zeros(1, N_ITEMS)
    x[0, :4] = 0.5  # 1 / sqrt(4)
    hidden = torch.tanh(x @ model.item_in.weight + model.condition_in.weight[1] + model.bias_in)
    torch.testing.assert_close(model.encode_padded(history, mask, condition), model.to_mu(hidden))


def test_c_vae_without_condition_values_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one condition value") as caught:
        make_model("c-vae", n_items=5)
    assert "mult-vae" in caught.value.hint
