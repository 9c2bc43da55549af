"""Every model has an explainer that adds up; the path integral's agrees with the closed form where there is one."""

from __future__ import annotations

import onnx
import pytest
import torch

from bundle import files
from service.bundles.onnx_scan import scan
from training.export import path_explainer
from training.export.explainer import Explainer, has_closed_form
from training.export.onnx_graphs import export_graphs
from training.export.parity import GoldenUser, check_parity
from training.export.path_explainer import PathExplainer
from training.models.linear_input import LinearInput
from training.models.macrid_vae import MacridVAE
from training.models.registry import MODELS, make_model

from .conftest import N_ITEMS, random_model

EXTRA: dict[str, tuple[dict[str, object], ...]] = {
    "mult-dae": ({}, {"hidden": 0}),
    "autoencoder": ({}, {"tied": True}),
    "macrid-vae": ({"concepts": 3},),
}
SCALE = {"rec-vae": 1.0}  # its five normalised layers are steep as they are: more would be no model anyone trained
CASES = [(kind, extra) for kind in MODELS for extra in EXTRA.get(kind, ({},))]
USERS = (
    GoldenUser(()),
    GoldenUser((5,)),
    GoldenUser((1, 2, 3)),
    GoldenUser(tuple(range(0, 120, 2))),
    GoldenUser((7, 9)),
)
HISTORY = torch.tensor([3, 50, 7, 99, 20])
ITEMS = torch.tensor([0, 7, 119, 64])


def model_of(kind: str, extra: dict[str, object], *, scale: float | None = None, seed: int = 0) -> LinearInput:
    """In eval mode, its weights `scale` times the initial ones (3 times, unless SCALE says otherwise)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make_model(
            kind,
            n_items=N_ITEMS,
            n_conditions=3 if MODELS[kind].conditioned else 0,
            config={"hidden": 40, "latent": 12} | extra,
        )
    assert isinstance(model, LinearInput)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(SCALE.get(kind, 3.0) if scale is None else scale)
        if isinstance(model, MacridVAE):  # at first its blocks are 0 without a history, and have no direction
            torch.nn.init.normal_(model.to_mu.bias, generator=torch.Generator().manual_seed(seed))
    return model.eval()


def explain(model: LinearInput):
    condition = torch.tensor([[1.0, 0.0, 1.0]]) if model.n_conditions else None
    shift = torch.linspace(-0.5, 0.5, model.n_latent)[None]
    with torch.no_grad():
        explained = PathExplainer(model)(HISTORY, condition, shift, ITEMS)
        z = model.encode_padded(HISTORY[None], torch.ones(1, 5), condition) + shift
        empty = model.encode_padded(HISTORY[None], torch.zeros(1, 5), condition) + shift
        at = [model.decode(point)[0][ITEMS] for point in (z, torch.zeros_like(z), empty)]
    return explained, at


@pytest.mark.parametrize(("kind", "extra"), CASES)
def test_exported_graphs_answer_as_torch_and_explain_within_the_limits(kind, extra):
    model = model_of(kind, extra)
    exported = export_graphs(model)
    users = (*USERS, GoldenUser((1, 2), (0,)), GoldenUser((4,), (0, 2))) if model.n_conditions else USERS
    parity = check_parity(model, exported.content, users, seed=0)
    assert parity.latent_residual < 1e-5
    for file, content in exported.content.items():
        scan(content, file)  # the service runs every operator in it


def test_export_of_a_traced_explainer_twice_gives_the_same_bytes():
    model = model_of("mult-dae", {"hidden": 0})
    first, second, other = (
        export_graphs(m).content[files.EXPLAINER] for m in (model, model, model_of("mult-dae", {"hidden": 0}, seed=1))
    )
    assert first == second != other
    assert not [node for node in onnx.load_from_string(first).graph.node if node.op_type in {"Loop", "ScatterND"}]


@pytest.mark.parametrize(("kind", "extra"), CASES)
def test_both_views_add_up_to_the_score(kind, extra):
    explained, (score, at_zero, empty) = explain(model_of(kind, extra))
    torch.testing.assert_close(explained.latent_base, at_zero, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(explained.history_base, empty, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(explained.latent.sum(1), score - at_zero, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(explained.history_contribution.sum(1), score - empty, atol=1e-4, rtol=1e-4)


def test_views_do_not_add_up_with_one_node(monkeypatch):
    """Positive control of the test above."""
    monkeypatch.setattr(path_explainer, "N_NODES", 1)
    explained, (score, at_zero, empty) = explain(model_of("mult-vae", {}, scale=6.0))
    assert (explained.latent.sum(1) - (score - at_zero)).abs().max() > 1e-3
    assert (explained.history_contribution.sum(1) - (score - empty)).abs().max() > 1e-3


@pytest.mark.parametrize("kind", ["mult-vae", "c-vae"])
def test_path_integral_equals_the_closed_form(kind):
    model = random_model(kind)
    assert has_closed_form(model)
    condition = torch.tensor([[1.0, 0.0, 1.0]]) if model.n_conditions else None
    shift = torch.linspace(-0.5, 0.5, model.n_latent)[None]
    with torch.no_grad():
        pair = [explainer(model)(HISTORY, condition, shift, ITEMS) for explainer in (Explainer, PathExplainer)]
    for closed, by_path in zip(*pair, strict=True):
        torch.testing.assert_close(by_path, closed, atol=1e-5, rtol=1e-4)


def test_contributions_of_a_linear_decoder_are_weight_times_z():
    model = model_of("mult-dae", {"hidden": 0})
    assert not has_closed_form(model)
    explained, _ = explain(model)
    shift = torch.linspace(-0.5, 0.5, model.n_latent)[None]
    with torch.no_grad():
        z = model.encode_padded(HISTORY[None], torch.ones(1, 5)) + shift
        torch.testing.assert_close(explained.latent, model.output_layer[0][ITEMS] * z, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("kind", "extra"), CASES)
def test_logit_of_an_item_is_the_decoders(kind, extra):
    model = model_of(kind, extra)
    z = torch.randn(len(ITEMS), model.n_latent, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(
            model.logit(model.decoder_input(z), ITEMS), model.decode(z)[range(len(ITEMS)), ITEMS], atol=1e-5, rtol=1e-5
        )
