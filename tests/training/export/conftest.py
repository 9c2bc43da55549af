"""Models and their exported graphs, made once: an export takes seconds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from training.export.onnx_graphs import ExportedGraphs, export_graphs
from training.models.mult_vae import MultVAE
from training.models.registry import make_model

N_ITEMS = 120


@dataclass(frozen=True)
class Exported:
    model: MultVAE
    graphs: ExportedGraphs


def random_model(kind: str, *, scale: float = 3.0, seed: int = 0) -> MultVAE:
    """A model in eval mode whose weights are `scale` times the initial ones: as nonlinear as a trained one, or more."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        n_conditions = 3 if kind == "c-vae" else 0
        model = make_model(kind, n_items=N_ITEMS, n_conditions=n_conditions, config={"hidden": 40, "latent": 12})
    assert isinstance(model, MultVAE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale)
    return model.eval()


@pytest.fixture(scope="session")
def c_vae() -> Exported:
    model = random_model("c-vae")
    return Exported(model, export_graphs(model))


@pytest.fixture(scope="session")
def mult_vae() -> Exported:
    model = random_model("mult-vae")
    return Exported(model, export_graphs(model))


@pytest.fixture(params=["c_vae", "mult_vae"])
def exported(request) -> Exported:
    return request.getfixturevalue(request.param)
