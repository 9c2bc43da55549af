from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.training.boards import blocks, fitted, options
from tests.training.models.contract import rows_of
from tests.training.test_fit_resume import assert_same_run
from training.models.base import LatentModel
from training.models.registry import make_model
from training.output_loss import Walk
from training.precision import dtype_of, linear, multiplies_bf16, resolved


def test_auto_is_what_the_processor_multiplies() -> None:
    assert resolved("auto", "cpu") == ("bf16" if multiplies_bf16("cpu") else "fp32")
    assert [resolved("fp32", "cpu"), resolved("bf16", "cpu")] == ["fp32", "bf16"]
    assert [dtype_of("fp32"), dtype_of("bf16")] == [torch.float32, torch.bfloat16]


@pytest.mark.parametrize(("there", "expected"), [({"avx512_bf16": True}, "bf16"), ({"avx2": True}, "fp32")])
def test_auto_follows_the_instructions(monkeypatch: pytest.MonkeyPatch, there: dict[str, bool], expected: str) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: there)
    assert resolved("auto", "cpu") == expected


def test_linear_in_bfloat16_is_near_float32_both_ways() -> None:
    torch.manual_seed(0)
    layer, inputs = nn.Linear(64, 32), torch.randn(16, 64, requires_grad=True)
    found, exact = (linear(inputs, layer, dtype=dtype) for dtype in (torch.bfloat16, torch.float32))
    assert found.dtype == torch.float32
    for ours, theirs in (
        (found, exact),
        *zip(*(torch.autograd.grad(o.sum(), (inputs, layer.weight)) for o in (found, exact)), strict=True),
    ):
        error = float((ours - theirs).detach().norm() / theirs.detach().norm())
        assert error < 0.01
    assert not torch.equal(found, exact)


@pytest.mark.parametrize("kind", ["mult-vae", "rec-vae"])
def test_only_training_is_in_bfloat16(kind: str) -> None:
    torch.manual_seed(0)
    model: LatentModel = make_model(kind, n_items=24, config={"hidden": 16, "latent": 4, "dropout": 0.0})
    rows = rows_of(([0, 5, 7], [3]))
    exact = model.train().encode(rows).mu
    model.walk = Walk(torch.bfloat16)
    assert not torch.equal(model.encode(rows).mu, exact)
    assert torch.equal(model.eval().encode(rows).mu, exact)


@pytest.mark.parametrize("kind", ["mult-vae", "rec-vae"])
def test_run_in_bfloat16_is_recorded_learns_and_repeats_itself(tmp_path: Path, kind: str) -> None:
    for name in ("one", "two"):
        result = fitted(tmp_path / name, blocks(120), options(kind, epochs=8, learning_rate=0.03, precision="bf16"))
        assert result.info.fit["precision"] == "bf16"
    assert_same_run(tmp_path / "one", tmp_path / "two")
    exact = fitted(tmp_path / "exact", blocks(120), options(kind, epochs=8, learning_rate=0.03, precision="fp32"))
    assert result.summary.best_ndcg == pytest.approx(exact.summary.best_ndcg, abs=0.05)
    with pytest.raises(AssertionError):  # positive control: it was not float32
        assert_same_run(tmp_path / "one", tmp_path / "exact")


def test_run_records_what_auto_was(tmp_path: Path) -> None:
    info = fitted(tmp_path / "run", blocks(), options(epochs=1)).info
    assert info.fit["precision"] == resolved("auto", "cpu")
