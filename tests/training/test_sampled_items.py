from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from scipy import stats

from tests.training.boards import blocks, fitted, options
from tests.training.models.contract import rows_of
from training.errors import ConfigError
from training.models.registry import make_model
from training.objective import elbo_loss
from training.options import fit_config
from training.output_loss import OutputLayer, Walk, output_nll
from training.sampled_items import is_in, sampled

N_ITEMS = 400
HISTORIES = ([0, 5, 7, 399], [33], [5, 63, 96])


def layer() -> OutputLayer:
    torch.manual_seed(0)
    return OutputLayer(0.2 * torch.randn(3, 6), torch.randn(N_ITEMS, 6).requires_grad_(), 0.2 * torch.randn(N_ITEMS))


def test_sample_holds_the_batchs_items_with_their_own_logits_and_others() -> None:
    output, target = layer(), rows_of(HISTORIES)
    part, local = sampled(output, target, n=50)
    assert 8 < len(part.weight) <= 8 + 50
    whole, reduced = output.logits(), part.logits()
    wanted = whole[target.row_of, target.indices]
    torch.testing.assert_close(reduced[local.row_of, local.indices], wanted)  # without any correction


def test_estimated_sum_of_exponentials_has_no_bias() -> None:
    output, target = layer(), rows_of(HISTORIES)
    exact = output.logits().logsumexp(1).exp().detach()
    draws = torch.stack([sampled(output, target, n=40)[0].logits().exp().sum(1) for _ in range(300)]).detach()
    assert (stats.ttest_1samp(draws.double().numpy(), exact.double().numpy()).pvalue > 1e-3).all()
    uncorrected = draws * 0.97  # positive control: 3 % off would be seen
    assert (stats.ttest_1samp(uncorrected.double().numpy(), exact.double().numpy()).pvalue < 1e-3).any()


def test_gradient_nears_that_of_the_whole_softmax_as_the_sample_grows() -> None:
    output, target = layer(), rows_of(HISTORIES)

    def gradient(n: int | None) -> torch.Tensor:
        part, local = (output, target) if n is None else sampled(output, target, n=n)
        (found,) = torch.autograd.grad(output_nll(part, local, walk=Walk()).total, output.weight)
        return found.to_dense()

    whole = gradient(None)
    few, many = (torch.stack([gradient(n) for _ in range(20)]) for n in (10, 300))
    error_of_few, error_of_many = ((found - whole).norm(dim=(1, 2)).mean() for found in (few, many))
    assert error_of_many < 0.5 * error_of_few
    assert (many.mean(0) - whole).norm() < 0.1 * whole.norm()


def test_sample_that_would_be_all_items_is_all_items() -> None:
    output, target = layer(), rows_of(HISTORIES)
    part, local = sampled(output, target, n=N_ITEMS - 7)
    assert part is output
    assert local is target


def test_is_in() -> None:
    assert is_in(torch.tensor([0, 1, 5, 9]), torch.tensor([1, 5])).tolist() == [False, True, True, False]


def test_step_over_sampled_items_touches_only_their_rows() -> None:
    torch.manual_seed(0)
    model = make_model("mult-vae", n_items=N_ITEMS, config={"hidden": 6, "latent": 3}).train()
    model.walk = Walk(sampled_items=20)
    rows = rows_of(HISTORIES)
    elbo_loss(model, rows, rows, condition=None, beta=0.1).total.backward()
    for weight, at_most in ((model.item_in.weight, 8), (model.decoder_out.weight, 28)):
        assert weight.grad.is_sparse
        assert len(weight.grad.coalesce().values()) <= at_most


@pytest.mark.parametrize("kind", ["mult-vae", "rec-vae"])
def test_training_on_sampled_items_learns(tmp_path: Path, kind: str) -> None:
    split = blocks(96, n_items=240, n_blocks=12)  # 40 items in a row, so four rows leave most items out

    def found(**settings: object) -> float:
        return fitted(
            tmp_path / "run", split, options(kind, batch_size=4, sampled_items=20, **settings)
        ).summary.best_ndcg

    assert found(epochs=12, learning_rate=0.02) > 0.9
    shutil.rmtree(tmp_path / "run")
    assert found(epochs=1, learning_rate=1e-9) < 0.5  # positive control


def test_dense_gradients_of_sampled_items_are_the_same() -> None:
    """What several processes add up."""
    found = []
    for sparse in (True, False):
        torch.manual_seed(0)
        model = make_model("mult-vae", n_items=N_ITEMS, config={"hidden": 6, "latent": 3}).train()
        model.walk = Walk(sampled_items=20, sparse=sparse)
        rows = rows_of(HISTORIES)
        elbo_loss(model, rows, rows, condition=None, beta=0.1).total.backward()
        gradients = [model.item_in.weight.grad, model.decoder_out.weight.grad]
        assert [gradient.is_sparse for gradient in gradients] == [sparse, sparse]
        found.append([gradient.to_dense() if sparse else gradient for gradient in gradients])
    for ours, dense in zip(*found, strict=True):
        torch.testing.assert_close(ours, dense)


def test_model_without_a_linear_output_layer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no linear output layer") as caught:
        fitted(tmp_path / "run", blocks(), options("macrid-vae", epochs=1, sampled_items=6))
    assert "mult-vae" in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_weight_decay_with_sampled_items_is_refused() -> None:
    with pytest.raises(ConfigError, match="weight_decay"):
        fit_config({"sampled_items": 10, "weight_decay": 0.1})
