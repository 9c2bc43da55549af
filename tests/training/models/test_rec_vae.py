from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal

from tests.training.boards import blocks, fitted, options
from tests.training.models.contract import N_ITEMS, ModelContract, rows_of
from training.models.base import Posterior
from training.models.rec_vae import SHARES, RecVAE
from training.models.registry import make_model
from training.run_folder import RunFolder

ROWS = rows_of(([0, 5, 7], [2, 3], [], [1]))


class TestRecVAE(ModelContract):
    kind = "rec-vae"


class TestRecVAEWithoutTurns(ModelContract):
    kind = "rec-vae"
    extra = {"decoder_epochs": 0}  # noqa: RUF012 - as in the contract


@pytest.fixture
def model() -> RecVAE:
    torch.manual_seed(0)
    made = make_model("rec-vae", n_items=N_ITEMS, config={"hidden": 8, "latent": 3, "gamma": 0.01})
    assert isinstance(made, RecVAE)
    return made


def learning(model: RecVAE) -> set[str]:
    return {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_parts_learn_in_turns_and_dropout_is_the_encoders(model: RecVAE) -> None:
    turns = []
    for epoch in range(8):
        model.start_epoch(epoch)
        turns.append((learning(model), model.input_dropout))
    assert turns == 2 * (3 * [({"encoder"}, 0.5)] + [({"decoder"}, 0.0)])


def test_gradient_reaches_only_the_part_in_turn(model: RecVAE) -> None:
    for epoch, part in ((0, "encoder"), (3, "decoder")):
        model.zero_grad(set_to_none=True)
        model.start_epoch(epoch)
        model.loss(ROWS, ROWS, condition=None, beta=0.0).total.backward()
        touched = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
        assert touched == {part}


def test_fit_moves_the_decoder_in_its_turn_only(tmp_path: Path) -> None:
    states = []
    for epochs in (1, 3, 4):
        fitted(tmp_path / str(epochs), blocks(40), options("rec-vae", epochs=epochs, patience=10))
        saved = torch.load(RunFolder(tmp_path / str(epochs)).last, weights_only=True)["state_dict"]
        states.append({name.removeprefix("model."): value for name, value in saved.items()})
    first, before, after = states
    assert torch.equal(first["decoder.weight"], before["decoder.weight"])
    assert not torch.equal(before["decoder.weight"], after["decoder.weight"])
    assert not torch.equal(first["encoder.to_mu.weight"], before["encoder.to_mu.weight"])
    assert torch.equal(before["encoder.to_mu.weight"], after["encoder.to_mu.weight"])
    assert torch.equal(after["old_encoder.to_mu.weight"], after["encoder.to_mu.weight"])  # renewed between the turns
    assert not torch.equal(before["old_encoder.to_mu.weight"], before["encoder.to_mu.weight"])


def test_prior_is_renewed_after_the_encoders_turn_and_at_no_other_time(model: RecVAE) -> None:
    renewed = []
    for epoch in range(8):
        with torch.no_grad():
            model.encoder.bias_in.add_(1.0)
        model.start_epoch(epoch)
        renewed.append(torch.equal(model.old_encoder.bias_in, model.encoder.bias_in))
    assert renewed == 2 * [False, False, False, True]


def test_prior_is_the_mixture_that_the_paper_names(model: RecVAE) -> None:
    with torch.no_grad():
        for parameter in model.old_encoder.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
        z = torch.randn(4, 3)
        twin = make_model("rec-vae", n_items=N_ITEMS, config={"hidden": 8, "latent": 3}).eval()
        assert isinstance(twin, RecVAE)
        twin.encoder.load_state_dict(model.old_encoder.state_dict())
        old = twin.encode(ROWS)
        assert old.logvar is not None
        zero = torch.zeros(4, 3)
        means = torch.stack([zero, old.mu, zero], -1)
        spreads = torch.stack([zero + 1, (0.5 * old.logvar).exp(), zero + math.exp(5.0)], -1)
        mixture = MixtureSameFamily(Categorical(torch.tensor(SHARES)), Normal(means, spreads))
        torch.testing.assert_close(model.train().log_prior(z, ROWS), mixture.log_prob(z))


def test_kl_weighs_gamma_for_each_item_of_the_history(model: RecVAE) -> None:
    """With the posterior known, the weighted sum is rebuilt by hand; beta changes nothing."""
    model.eval()
    torch.manual_seed(4)
    loss = model.loss(ROWS, ROWS, condition=None, beta=0.7)
    torch.manual_seed(4)
    posterior = model.encode(ROWS)
    assert posterior.logvar is not None
    z = posterior.mu + torch.randn_like(posterior.mu) * (0.5 * posterior.logvar).exp()
    log_q = Normal(posterior.mu, (0.5 * posterior.logvar).exp()).log_prob(z)
    kl = (log_q - model.log_prior(z, ROWS)).sum(1)
    expected = (0.01 * torch.tensor([3.0, 2.0, 0.0, 1.0]) * kl).mean()
    torch.testing.assert_close(loss.total - loss.reconstruction, expected)
    torch.testing.assert_close(model.log_posterior(z, Posterior(posterior.mu, posterior.logvar)), log_q)
    torch.manual_seed(4)
    assert torch.equal(model.loss(ROWS, ROWS, condition=None, beta=0.0).total, loss.total)
