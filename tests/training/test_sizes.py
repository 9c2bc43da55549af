"""Sizes that no machine has are refused before anything is done, with figures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.training.boards import blocks, fitted, options
from training import sizes
from training.errors import ConfigError
from training.machine import memory_bytes
from training.models.registry import MODELS, config_for, entry_for, make_model
from training.sizes import check_sizes, least_memory

SPLIT = blocks()


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_least_memory_of_every_model_counts_its_weights(kind: str) -> None:
    n_conditions = 3 if entry_for(kind).conditioned else 0
    asked = replace(options(), kind=kind, model=config_for(kind))
    model = make_model(kind, n_items=300, n_conditions=n_conditions)
    need = least_memory(asked, n_items=300, n_conditions=n_conditions)
    assert need.weights == 12 * sum(weight.numel() for weight in model.parameters())
    assert need.buffers == sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())
    assert need.scores == 4 * 300 * 500


def test_least_memory_of_a_model_that_no_machine_holds_costs_nothing() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    huge = options(model={"hidden": 16384, "latent": 4096})
    need = least_memory(huge, n_items=20_000_000, n_conditions=0)
    assert need.weights > 7e12
    assert torch.equal(torch.rand(1), expected)  # and no random number is drawn


def test_check_sizes_names_what_is_needed_and_what_is_there() -> None:
    need = least_memory(options(), n_items=1_000_000, n_conditions=0)
    with pytest.raises(ConfigError, match=r"the mult-vae of hidden 16, latent 4 needs at least 0\.\d GB") as caught:
        check_sizes(options(), need, device="cpu", memory=100_000_000)
    assert "the cpu has 0.1 GB" in caught.value.message
    assert "latent" in caught.value.hint
    check_sizes(options(), need, device="cpu", memory=need.total)


def test_fit_of_a_model_that_does_not_fit_is_refused_before_anything_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sizes, "memory_bytes", lambda: 5_000)
    with pytest.raises(ConfigError, match="needs at least"):
        fitted(tmp_path / "run", SPLIT, options())
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(sizes, "memory_bytes", lambda: None)
    fitted(tmp_path / "run", SPLIT, options(epochs=1))


def test_memory_is_the_least_of_the_machines_and_its_containers(tmp_path) -> None:
    info, limit, free = tmp_path / "meminfo", tmp_path / "limit", tmp_path / "free"
    info.write_text("MemTotal:       16000 kB\nMemFree: 1 kB\n")
    limit.write_text("4096000\n")
    free.write_text("max\n")
    assert memory_bytes(info, (limit, free)) == 4_096_000
    assert memory_bytes(info, (free, tmp_path / "none")) == 16_384_000
    assert (memory_bytes() or 0) > 1e8
