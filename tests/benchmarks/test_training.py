"""The benchmark of the training step: what it compares is the same model, what it draws has its shape, and it runs.

No timing is asserted: that is what the benchmark itself is for, on a quiet machine.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse

from benchmarks.training.__main__ import main
from benchmarks.training.dense import DenseMultVAE, DenseTraining
from benchmarks.training.floor import dense_gflop, gemm_gflops, sparse_gflop
from benchmarks.training.goal import ndcg_of, seconds_until
from benchmarks.training.memory import Largest, part
from benchmarks.training.page import markdown
from benchmarks.training.shapes import TINY, Shape, drawn, real_or_drawn
from training.models.base import LatentModel
from training.models.registry import make_model
from training.objective import kl_per_dimension
from training.rows import sparse_rows


@pytest.fixture(autouse=True)
def torchs_generator() -> None:
    torch.manual_seed(0)


def ours_with_the_weights_of(dense: DenseMultVAE, n_items: int) -> LatentModel:
    model = make_model("mult-vae", n_items=n_items)
    mu, logvar = dense.encoder_out.weight.split(dense.latent)
    with torch.no_grad():
        model.item_in.weight.copy_(dense.encoder_in.weight.T)
        model.bias_in.copy_(dense.encoder_in.bias)
        for layer, weight, bias in (
            (model.to_mu, mu, dense.encoder_out.bias[: dense.latent]),
            (model.to_logvar, logvar, dense.encoder_out.bias[dense.latent :]),
            (model.decoder_hidden, dense.decoder_in.weight, dense.decoder_in.bias),
            (model.decoder_out, dense.decoder_out.weight, dense.decoder_out.bias),
        ):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return model.eval()


def test_plain_model_is_our_model() -> None:
    rows = drawn(TINY).train[:20]
    dense = DenseMultVAE(TINY.items).eval()
    ours = ours_with_the_weights_of(dense, TINY.items)
    logits, mu, logvar = dense(torch.from_numpy(rows.toarray()))
    posterior = ours.encode(sparse_rows(rows))
    torch.testing.assert_close(ours.decode(posterior.mu), logits, rtol=1e-4, atol=1e-5)
    kl = -0.5 * (1 + logvar - mu.square() - logvar.exp())
    torch.testing.assert_close(kl_per_dimension(posterior), kl, rtol=1e-4, atol=1e-5)
    other = ours_with_the_weights_of(DenseMultVAE(TINY.items), TINY.items)  # positive control
    assert not torch.allclose(other.decode(other.encode(sparse_rows(rows)).mu), logits, rtol=1e-4, atol=1e-5)


def test_plain_training_learns() -> None:
    split = drawn(TINY)
    plain = DenseTraining(split.train, batch_size=50, learning_rate=3e-3)
    before = ndcg_of(plain.score, split.validation).mean()
    losses = [plain.step(0.1) for _ in range(20 * plain.steps_per_epoch)]
    assert losses[-1] < 0.95 * losses[0]
    assert ndcg_of(plain.score, split.validation).mean() > before + 0.05


@pytest.mark.parametrize("shape", [TINY, Shape("wide", 500, 4_000, 60.0, 50)])
def test_drawn_data_have_the_shape_and_a_skew(shape: Shape) -> None:
    split = drawn(shape)
    assert split.train.shape == (shape.users, shape.items)
    assert split.train.nnz == pytest.approx(shape.users * shape.mean, rel=0.2)
    assert split.train.has_canonical_format
    counts = np.sort(np.asarray(split.train.sum(axis=0)).ravel())[::-1]
    assert counts[: shape.items // 10].sum() > 0.15 * counts.sum()  # a tenth of the items has far more than its share
    assert len(split.validation.users) == shape.heldout


def test_data_that_are_not_there_are_drawn(tmp_path: Path) -> None:
    split, source = real_or_drawn(TINY, tmp_path / "nothing")
    assert source == "drawn at tiny's shape"
    assert split.train.shape == (TINY.users, TINY.items)


def test_arithmetic_of_an_epoch() -> None:
    """One user and one item: 1 x 600 products in and out, 600 x 400 and 200 x 600 between."""
    between = 600 * 400 + 200 * 600
    assert dense_gflop(1, 1) == pytest.approx(2e-9 * (2 * 600 + 3 * between + 3 * 600))
    assert sparse_gflop(1, 1, 1) == pytest.approx(2e-9 * (3 * between + 3 * 600 + 2 * 0.5 * 600))
    assert gemm_gflops(torch.float32, rows=8, inner=8, columns=8, seconds=0.01) > 0


def test_largest_tensor_of_a_step_is_seen() -> None:
    with Largest() as largest:
        torch.ones(3, 4) @ torch.ones(4, 9)
    assert largest.shape in {(4, 9), (9, 4)}
    split = drawn(TINY)
    plain = DenseTraining(split.train, batch_size=TINY.users, learning_rate=1e-3)
    plain.model.requires_grad_(False).decoder_out.bias.requires_grad_(True)
    with Largest() as dense:  # positive control: the plain step makes [batch, items]
        plain.step(0.1)
    assert dense.numel >= TINY.users * TINY.items


def test_step_over_sampled_items_makes_no_matrix_of_batch_by_items() -> None:
    found = part("sampled", quick=True)
    assert 0 < found["largest_tensor_share_of_batch_by_items"] < 1
    assert math.isfinite(found["peak_gb"])


def test_seconds_until_a_figure_is_reached() -> None:
    run = [(1.0, 0.1), (2.0, 0.3), (3.0, 0.2)]
    assert [seconds_until(run, wanted) for wanted in (0.05, 0.3, 0.4)] == [1.0, 2.0, None]


def test_quick_run_writes_the_page_and_its_twin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stem = tmp_path / "results" / "speed"
    assert main(["--quick", "--only", "ml-1m", "accuracy", "goal", "--results", str(stem)]) == 0
    page, twin = (stem.with_name(f"speed.{ending}") for ending in ("md", "json"))
    assert capsys.readouterr().out.split() == [str(page), str(twin)]
    figures = json.loads(twin.read_text())
    assert figures["quick"]
    assert "no figure here means anything" in page.read_text()
    assert markdown(figures) == page.read_text()
    timed = figures["epochs"]["tiny"]
    assert min(timed["ratios"]) <= timed["ratio"] <= max(timed["ratios"])
    assert set(timed["seconds_per_epoch"]) == {"dense", "ours", "ours_fp32"}
    assert "memory" not in figures


def test_users_without_a_target_count_in_neither() -> None:
    """`fit` leaves them out; with a figure of 0 in the other's mean the goal would be easier to reach."""
    split = drawn(TINY)
    target = split.validation.target.copy()
    empty = replace(split.validation, target=sparse.vstack([target[:-1], target[-1] * 0], format="csr"))
    empty.target.eliminate_zeros()

    def popular(fold_in: sparse.csr_matrix) -> np.ndarray:
        return np.tile(-np.arange(fold_in.shape[1], dtype=np.float32), (fold_in.shape[0], 1))

    whole, without = ndcg_of(popular, split.validation), ndcg_of(popular, empty)
    assert len(without) == len(whole) - 1
    assert without.tolist() == whole[:-1].tolist()
