"""steering.onnx against torch, and what parity says of graphs that do not follow who steers."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper

from bundle import files
from tests.training.export.test_linear_graph import ASKING, PART, PLAIN, USERS, Exported, model_of
from training.errors import ExportError
from training.export.linear_graph import follows_steering, steering_graph
from training.export.onnx_graphs import OPSET, canonical_bytes, export_graphs
from training.export.parity import OnnxModel, check_parity, torch_logits
from training.models.additive_vae import AdditiveVAE


def following_of(settings: dict[str, object], *, n_conditions: int = 3) -> AdditiveVAE:
    """A model whose linear term gains about as much by a shift of 1 as its scores are wide."""
    model = model_of(settings, n_conditions=n_conditions)
    along = np.random.default_rng(5).normal(0.0, 0.5, tuple(model.linear_along.shape)) / float(model.scale)
    model.linear_along.copy_(torch.from_numpy(along))
    return model


@pytest.fixture(scope="module")
def following() -> Exported:
    model = following_of(PART)
    return Exported(model, export_graphs(model))


@pytest.mark.parametrize("settings", [PLAIN, PART], ids=["all-items", "some-items"])
def test_steering_graph_answers_as_torch(settings: dict[str, object]) -> None:
    model = following_of(settings)
    content = canonical_bytes(steering_graph(model, opset=OPSET), files.STEERING)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    shift = np.random.default_rng(1).normal(size=(5, model.n_latent)).astype(np.float32)
    found = session.run(["followed"], {"shift": shift})[0]
    np.testing.assert_allclose(found, model.followed(torch.from_numpy(shift)).numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(found).max() > 1.0
    assert not found[:, model.linear_covered.numpy() == 0].any()
    assert not session.run(["followed"], {"shift": 0 * shift})[0].any()


def test_graphs_of_a_model_that_follows_are_five_and_described(following: Exported) -> None:
    described = following.graphs.graphs
    assert set(following.graphs.content) == set(described.files)
    assert described.steering is not None and described.files[-1] == files.STEERING
    assert (described.steering.inputs, described.steering.outputs) == (("shift",), ("followed",))


def test_follows_steering_needs_a_term_that_has_a_slope_and_a_scale() -> None:
    model = following_of(PART)
    assert follows_steering(model)
    model.scale.zero_()
    assert not follows_steering(model)
    assert not follows_steering(model_of(PART))


def test_check_parity_of_a_model_that_follows_passes(following: Exported) -> None:
    parity = check_parity(following.model, following.graphs.content, ASKING, seed=0)
    assert parity.logits < 5e-5
    assert max(parity.latent_residual, parity.history_residual) < 1e-5


def test_scores_of_nobody_who_steers_are_the_same_with_and_without_the_graph(following: Exported) -> None:
    content = {name: graph for name, graph in following.graphs.content.items() if name != files.STEERING}
    with_it, without = (OnnxModel(graphs, n_conditions=3) for graphs in (following.graphs.content, content))
    np.testing.assert_array_equal(with_it.logits(ASKING), without.logits(ASKING))
    moved = np.ones((len(ASKING), following.model.n_latent), dtype=np.float32)
    gained = with_it.logits(ASKING, shifts=moved) - without.logits(ASKING, shifts=moved)
    expected = following.model.followed(torch.from_numpy(moved)).numpy()
    np.testing.assert_allclose(gained, expected, rtol=1e-4, atol=1e-4)
    scores = torch_logits(following.model, ASKING, shifts=moved)
    np.testing.assert_allclose(with_it.logits(ASKING, shifts=moved), scores, rtol=1e-4, atol=1e-4)


def test_check_parity_without_the_steering_graph_is_refused(following: Exported) -> None:
    content = {name: graph for name, graph in following.graphs.content.items() if name != files.STEERING}
    with pytest.raises(ExportError, match=r"by up to \d|differs by \d"):
        check_parity(following.model, content, USERS, seed=0)


def test_check_parity_of_a_steering_graph_of_another_scale_is_refused(following: Exported) -> None:
    other = following_of(PART)
    other.linear_along.mul_(1.1)
    steering = canonical_bytes(steering_graph(other, opset=OPSET), files.STEERING)
    with pytest.raises(ExportError, match=r"by up to \d|differs by \d"):
        check_parity(following.model, {**following.graphs.content, files.STEERING: steering}, USERS, seed=0)


def test_check_parity_of_an_explainer_that_does_not_follow_is_refused(following: Exported) -> None:
    """Its base in the history view and the sum of its latent view are those of who stays."""
    model = onnx.load_from_string(following.graphs.content[files.EXPLAINER])
    slopes = tuple(following.model.linear_along.T.shape)
    (weight,) = (weight for weight in model.graph.initializer if tuple(weight.dims) == slopes)
    weight.CopyFrom(numpy_helper.from_array(np.zeros(slopes, dtype=np.float32), weight.name))
    content = {**following.graphs.content, files.EXPLAINER: model.SerializeToString()}
    with pytest.raises(ExportError, match=r"explanation's base.*latent explanation's sum"):
        check_parity(following.model, content, USERS, seed=0)
