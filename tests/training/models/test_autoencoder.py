from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.training.boards import TINY, blocks, fitted, options
from tests.training.models.contract import N_ITEMS, ModelContract, rows_of
from training.errors import ConfigError
from training.models.autoencoder import Autoencoder
from training.models.registry import config_for, make_model
from training.rows import sparse_rows
from training.run_folder import RunFolder


class TestAutoencoder(ModelContract):
    kind = "autoencoder"


class TestDenoisingAutoencoder(ModelContract):
    kind = "autoencoder"
    extra = {"dropout": 0.5}  # noqa: RUF012 - as in the contract


class TestTiedSparseDenoisingAutoencoder(ModelContract):
    kind = "autoencoder"
    extra = {"tied": True, "sparse": 1e-3, "dropout": 0.3}  # noqa: RUF012 - as in the contract


ROWS = rows_of(([0, 5, 7], [2, 3, 9, 11], [1]))


def model_of(**config: object) -> Autoencoder:
    torch.manual_seed(0)
    made = make_model("autoencoder", n_items=N_ITEMS, config={"hidden": 8, "latent": 3} | config)
    assert isinstance(made, Autoencoder)
    return made


def test_plain_autoencoder_is_deterministic_while_training_and_denoising_is_not() -> None:
    for dropout, same in ((0.0, True), (0.5, False)):
        model = model_of(dropout=dropout).train()
        first, again = model.encode(ROWS).mu, model.encode(ROWS).mu
        assert torch.equal(first, again) is same
        assert torch.equal(model.eval().encode(ROWS).mu, model.encode(ROWS).mu)


def test_sparse_adds_the_weighted_l1_norm_of_z_and_nothing_else() -> None:
    plain, sparse = (model_of(sparse=weight).loss(ROWS, ROWS, condition=None, beta=0.5) for weight in (0.0, 2.0))
    size = model_of().encode(ROWS).mu.abs().sum(dim=1).mean()
    assert plain.total == plain.reconstruction == sparse.reconstruction
    torch.testing.assert_close(sparse.total - plain.total, 2.0 * size)


def test_sparse_training_leaves_smaller_latents(tmp_path: Path) -> None:
    sizes = []
    for weight in (0.0, 1.0):
        folder = tmp_path / str(weight)
        fitted(folder, blocks(40), options("autoencoder", model={"sparse": weight}, epochs=20, patience=20))
        saved = torch.load(RunFolder(folder).last, weights_only=True)["state_dict"]
        model = make_model("autoencoder", n_items=24, config=config_for("autoencoder", TINY)).eval()
        model.load_state_dict({name.removeprefix("model."): value for name, value in saved.items()})
        sizes.append(float(model.encode(sparse_rows(blocks(40).train)).mu.detach().abs().mean()))
    assert sizes[1] < 0.5 * sizes[0]


def test_tied_weights_are_the_transposes_and_stay_so_while_learning() -> None:
    model = model_of(tied=True)
    assert {name for name, _ in model.named_parameters()} == {
        "shared_items", "bias_in", "to_mu.weight", "to_mu.bias", "bias_hidden", "bias_out",
    }  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    model.loss(ROWS, ROWS, condition=None, beta=0.0).total.backward()
    optimiser.step()
    x = torch.zeros(1, N_ITEMS)
    x[0, [1, 4, 8, 9]] = 0.5  # 1 / sqrt(4)
    with torch.no_grad():
        z = model.to_mu(torch.tanh(x @ model.shared_items + model.bias_in))
        torch.testing.assert_close(model.encode(rows_of(([1, 4, 8, 9],))).mu, z)
        hidden = torch.tanh(z @ model.to_mu.weight + model.bias_hidden)
        torch.testing.assert_close(model.decode(z), hidden @ model.shared_items.T + model.bias_out)


def test_overcomplete_autoencoder_is_refused() -> None:
    with pytest.raises(ConfigError, match="undercomplete, got 5 latents for 5 items") as caught:
        make_model("autoencoder", n_items=5, config={"latent": 5})
    assert "below 5" in caught.value.hint
