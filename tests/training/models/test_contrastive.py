from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests.training.boards import blocks, fitted, options
from tests.training.models.contract import N_ITEMS, ModelContract, rows_of
from training.models.contrastive import Contrastive, similarity_loss
from training.models.registry import make_model
from training.models.user_pairs import iou_of
from training.rows import sparse_rows
from training.run_folder import RunFolder


class TestContrastive(ModelContract):
    kind = "contrastive"


class TestContrastiveWithStrongPairs(ModelContract):
    kind = "contrastive"
    extra = {"weight": 300.0, "positive": 0.8, "dropout": 0.2}  # noqa: RUF012 - as in the contract


ROWS = rows_of(([0, 5, 7], [5, 7, 9, 11], [2, 3], [1, 2, 3]))


def model_of(**config: object) -> Contrastive:
    torch.manual_seed(0)
    made = make_model("contrastive", n_items=N_ITEMS, config={"hidden": 16, "latent": 4, "dropout": 0.0} | config)
    assert isinstance(made, Contrastive)
    return made


@pytest.mark.parametrize("wanted", [0.0, 0.25, 1.0])
def test_similarity_loss_is_the_cross_entropy_of_the_euclidean_similarity(wanted: float) -> None:
    a, b = torch.zeros(3, 2), torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 1.0]])
    similarity = 1.0 / (1.0 + torch.tensor([5.0, 0.5, 1.0]))
    expected = functional.binary_cross_entropy(similarity, torch.full((3,), wanted), reduction="none")
    torch.testing.assert_close(similarity_loss(a, b, torch.full((3,), wanted)), expected, rtol=1e-4, atol=1e-4)


def test_similarity_loss_is_lowest_where_the_similarities_agree() -> None:
    distances = torch.linspace(0.5, 9.5, 91)[:, None]
    losses = similarity_loss(distances, torch.zeros(1, 1), torch.full((91,), 0.25))
    assert distances[losses.argmin()].item() == pytest.approx(3.0, abs=0.05)  # 1 / (1 + 3) = 0.25


def test_gradient_of_two_equal_latents_is_finite() -> None:
    z = torch.ones(2, 4, requires_grad=True)
    similarity_loss(z[:1], z[1:], torch.tensor([0.2])).sum().backward()
    assert z.grad is not None and torch.isfinite(z.grad).all()


def test_loss_is_reconstruction_and_weighted_pairs_and_beta_changes_nothing() -> None:
    found = {}
    for weight in (0.0, 1.0, 50.0):
        torch.manual_seed(3)
        found[weight] = model_of(weight=weight).loss(ROWS, ROWS, condition=None, beta=0.7)
    assert found[0.0].total == found[0.0].reconstruction == found[50.0].reconstruction
    torch.testing.assert_close(found[50.0].total - found[0.0].total, 50.0 * found[1.0].kl, rtol=1e-4, atol=1e-3)
    assert found[1.0].kl > 0.0


def test_row_without_others_has_no_pair() -> None:
    loss = model_of().loss(rows_of(([1, 4],)), rows_of(([1, 4],)), condition=None, beta=0.0)
    loss.total.backward()
    assert loss.kl == 0.0


def test_pairs_of_one_step_follow_from_its_seed() -> None:
    model = model_of()
    losses = []
    for seed in (1, 1, 2, 3, 4):
        torch.manual_seed(seed)
        losses.append(model.loss(ROWS, ROWS, condition=None, beta=0.0).total.item())
    assert losses[0] == losses[1]
    assert len(set(losses)) > 1


def distances(folder: Path, weight: float) -> tuple[float, float]:
    """Train on two groups, each user with a random 60 % of the group's items: mean distance within, and across."""
    split = blocks(80, n_blocks=2, width=1, keep=0.6)
    config = {"weight": weight, "latent": 8, "dropout": 0.0}
    fitted(folder, split, options("contrastive", model=config, epochs=30, patience=30))
    saved = torch.load(RunFolder(folder).last, weights_only=True)["state_dict"]  # the best epoch may be an early one
    model = model_of(**config)
    model.load_state_dict({name.removeprefix("model."): value for name, value in saved.items()})
    rows = sparse_rows(split.train)
    with torch.no_grad():
        z = model.eval().encode(rows).mu
    apart, alike, others = torch.cdist(z, z), iou_of(rows) > 0, ~torch.eye(len(z), dtype=torch.bool)
    return float(apart[alike & others].mean()), float(apart[~alike].mean())


def test_users_alike_end_up_near_and_others_far_which_reconstruction_alone_does_not_do(tmp_path: Path) -> None:
    near, far = distances(tmp_path / "pairs", 100.0)
    assert far > 7.0 * near
    assert near == pytest.approx(1.3, abs=0.3)  # two random 60 % have an IoU of 0.43: 1 / (1 + 1.33)
    near, far = distances(tmp_path / "control", 0.0)
    assert far < 5.0 * near
    assert near > 1.8


def test_pairs_alone_part_users_with_nothing_in_common_and_not_those_alike() -> None:
    """Two groups of users, each with a random 60 % of its own items."""
    model = model_of(latent=8)
    rows = sparse_rows(blocks(24, n_blocks=2, width=1, keep=0.6).train)
    alike = iou_of(rows) > 0.1

    def far_over_near() -> float:
        with torch.no_grad():
            z = model.encode(rows).mu
        apart, others = torch.cdist(z, z), ~torch.eye(len(z), dtype=torch.bool)
        return float(apart[~alike].mean() / apart[alike & others].mean())

    before = far_over_near()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    torch.manual_seed(0)
    for _ in range(150):
        optimiser.zero_grad()
        model.pair_loss(model.encode(rows).mu, rows).backward()
        optimiser.step()
    assert far_over_near() > 5.0
    assert before < 2.0, "the control: untrained latents hardly tell them apart"


def test_resumed_run_ends_in_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    board = blocks(40)
    fitted(tmp_path / "whole", board, options("contrastive", epochs=4))
    for epochs in (2, 4):
        fitted(tmp_path / "parts", board, options("contrastive", epochs=epochs, resume=epochs == 4))
    fitted(tmp_path / "other", board, options("contrastive", epochs=4, seed=8))
    whole, parts, other = (RunFolder(tmp_path / name).load().model.state_dict() for name in ("whole", "parts", "other"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert not all(torch.equal(whole[name], other[name]) for name in whole)
