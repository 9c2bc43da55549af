from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.training.boards import csr
from tests.training.models.contract import N_ITEMS, ModelContract, rows_of
from training.batches import condition_rows
from training.errors import ConfigError
from training.models.base import LatentModel
from training.models.registry import make_model
from training.objective import Loss, elbo_loss


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


def weighing(**settings: float) -> LatentModel:
    """The same weights whatever the settings, in training mode without dropout."""
    torch.manual_seed(0)
    config = {"hidden": 8, "latent": 3, "dropout": 0.0} | settings
    return make_model("c-vae", n_items=N_ITEMS, n_conditions=3, config=config).train()


def loss_of(model: LatentModel, history: list[int], target: list[int], *, published: bool = False) -> Loss:
    """Of one row; what is drawn is always the same."""
    torch.manual_seed(1)
    value = 0 if len(target) < len(history) else -1
    condition = condition_rows(np.array([[value, -1]]), 3)
    rows = rows_of((history,)), rows_of((target,))
    return (
        elbo_loss(model, *rows, condition=condition, beta=0.2)
        if published
        else model.loss(*rows, condition=condition, beta=0.2)
    )


def test_row_with_a_quarter_of_the_history_as_target_counts_twice_and_its_kl_a_quarter() -> None:
    model = weighing()
    found, plain = (loss_of(model, [1, 2, 3, 4], [2], published=p) for p in (False, True))
    torch.testing.assert_close(found.reconstruction, 2.0 * plain.reconstruction)
    torch.testing.assert_close(found.kl, plain.kl / 4.0)
    torch.testing.assert_close(found.total, found.reconstruction + 0.2 * found.kl)


def test_row_that_asks_for_nothing_counts_as_published() -> None:
    found, plain = (loss_of(weighing(), [1, 2, 3, 4], [1, 2, 3, 4], published=p) for p in (False, True))
    torch.testing.assert_close(found.total, plain.total)


def test_both_exponents_at_zero_are_the_published_loss() -> None:
    model = weighing(target_weighting=0.0, kl_weighting=0.0)
    found, plain = (loss_of(model, [1, 2, 3, 4], [2], published=p) for p in (False, True))
    torch.testing.assert_close(found.total, plain.total)


def test_users_are_weighed_beside_their_targets() -> None:
    model = weighing(user_weighting=0.5)
    model.prepare(csr(np.ones((2, N_ITEMS))), None)  # 24 items in the mean history, 4 in this one
    found, plain = (loss_of(model, [1, 2, 3, 4], [2], published=p) for p in (False, True))
    torch.testing.assert_close(found.reconstruction, 2.0 * plain.reconstruction)
    unweighed = loss_of(weighing(), [1, 2, 3, 4], [2])
    torch.testing.assert_close(found.reconstruction, unweighed.reconstruction * (4 / N_ITEMS) ** -0.5)


def test_c_vae_without_condition_values_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one condition value") as caught:
        make_model("c-vae", n_items=5)
    assert "mult-vae" in caught.value.hint
