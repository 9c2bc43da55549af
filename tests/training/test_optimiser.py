from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.training.boards import blocks, catalogue_of, fitted, options
from tests.training.test_fit_resume import PressesCtrlC, assert_same_run
from training.errors import ConfigError
from training.fit import fit
from training.models.registry import make_model
from training.optimiser import FIRST_SHARE, RowAdam, optimiser_for, schedule
from training.options import fit_config
from training.run_folder import RunFolder


def test_constant_schedule_stays() -> None:
    share = schedule(fit_config({}), total_steps=100)
    assert {share(step) for step in (0, 50, 100, 500)} == {1.0}


def test_one_cycle_rises_over_the_warm_up_and_falls_to_nothing() -> None:
    share = schedule(fit_config({"schedule": "one-cycle", "warmup": 0.2}), total_steps=100)
    assert [share(step) for step in (0, 20, 60, 100)] == pytest.approx([FIRST_SHARE, 1.0, 0.5, 0.0])
    assert share(10) < share(19) < share(20) > share(21) > share(80)
    assert share(200) == 0.0


def test_one_cycle_run_ends_at_no_learning_rate_and_is_not_cut_short(tmp_path: Path) -> None:
    settings = options(epochs=14, schedule="one-cycle", learning_rate=1e-9, patience=None)
    result = fitted(tmp_path / "run", blocks(), settings)
    assert result.summary.epochs == 14  # 10 without a better one would have stopped a constant rate
    state = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)
    assert state["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(0.0, abs=1e-15)


def test_one_cycle_run_resumed_ends_the_same(tmp_path: Path) -> None:
    split = blocks(keep=0.7)
    settings = {"epochs": 5, "schedule": "one-cycle", "learning_rate": 0.02, "sampled_items": 8}
    fitted(tmp_path / "whole", split, options(**settings))
    stopped = fit(
        RunFolder(tmp_path / "run"),
        split,
        catalogue_of(split),
        options(**settings),
        listener=PressesCtrlC(epoch=2, step=2),
    )
    assert stopped.summary.stopped == "interrupted"
    fitted(tmp_path / "run", split, options(**settings, resume=True))
    assert_same_run(tmp_path / "run", tmp_path / "whole")
    fitted(tmp_path / "constant", split, options(**settings | {"schedule": "constant"}))
    with pytest.raises(AssertionError):
        assert_same_run(tmp_path / "constant", tmp_path / "whole")


def test_more_epochs_than_a_one_cycle_was_made_for_are_refused(tmp_path: Path) -> None:
    fitted(tmp_path / "run", blocks(), options(epochs=1, schedule="one-cycle"))
    with pytest.raises(ConfigError, match="training epochs 1"):
        fitted(tmp_path / "run", blocks(), options(epochs=2, schedule="one-cycle", resume=True))


def test_adamw_shrinks_weights_that_have_no_gradient_by_the_rate_alone() -> None:
    model = make_model("mult-dae", n_items=9, config={"hidden": 0, "latent": 2})
    config = fit_config({"optimizer": "adamw", "weight_decay": 0.5, "learning_rate": 0.1})
    optimiser, _ = optimiser_for(model, config, total_steps=1)
    before = model.decoder_out.weight.detach().clone()
    model.decoder_out.weight.grad = torch.zeros_like(before)
    optimiser.step()
    torch.testing.assert_close(model.decoder_out.weight.detach(), before * (1.0 - 0.1 * 0.5))


def steps(optimiser: torch.optim.Optimizer, table: nn.Embedding, batches: list[list[int]]) -> None:
    for batch in batches:
        optimiser.zero_grad()
        table(torch.tensor(batch)).square().sum().backward()
        optimiser.step()


def test_rows_of_a_sparse_gradient_move_as_in_torchs_sparse_adam() -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Embedding(5, 3, sparse=True), nn.Embedding(5, 3, sparse=True)
    theirs.load_state_dict(ours.state_dict())
    before = ours.weight.detach().clone()
    batches = [[0, 1, 1], [2], [0, 2, 2]]
    steps(RowAdam(ours.parameters(), lr=0.1, fused=True), ours, batches)
    steps(torch.optim.SparseAdam(list(theirs.parameters()), lr=0.1), theirs, batches)
    torch.testing.assert_close(ours.weight, theirs.weight)
    assert torch.equal(ours.weight[3:], before[3:])
    assert not torch.allclose(ours.weight[:3], before[:3])


def test_dense_gradients_move_as_in_torchs_adam() -> None:
    torch.manual_seed(0)
    ours, theirs = nn.Embedding(5, 3), nn.Embedding(5, 3)
    theirs.load_state_dict(ours.state_dict())
    batches = [[0, 1, 1], [2], [0, 2, 2]]
    steps(RowAdam(ours.parameters(), lr=0.1, fused=True), ours, batches)
    steps(torch.optim.Adam(theirs.parameters(), lr=0.1), theirs, batches)
    torch.testing.assert_close(ours.weight, theirs.weight)
