"""The graphs against torch at the sizes where exporters go wrong, and what must not be inside them."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from bundle import files
from training.errors import ExportError
from training.export.onnx_graphs import OPSET, canonical_bytes, export_graphs
from training.models.base import LatentModel, Posterior

from .conftest import N_ITEMS, random_model


def feed_of(model, batch, length, rng):
    history = np.stack([rng.permutation(N_ITEMS)[:length] for _ in range(batch)]).astype(np.int64)
    mask = np.ones((batch, length), dtype=np.float32)
    for row in range(batch):
        mask[row, max(1, length - row) :] = 0.0
    feed = {"history": history, "mask": mask}
    if model.n_conditions:
        feed["condition"] = rng.integers(0, 2, (batch, model.n_conditions)).astype(np.float32)
    return feed


def run(exported, file, feed):
    return ort.InferenceSession(exported.graphs.content[file]).run(None, feed)


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("length", [1, 2, 39, N_ITEMS])
def test_encoder_and_decoder_at_any_size_answer_as_torch(exported, batch, length):
    feed = feed_of(exported.model, batch, length, np.random.default_rng(length))
    (mu,) = run(exported, files.ENCODER, feed)
    (logits,) = run(exported, files.DECODER, {"z": mu})
    with torch.no_grad():
        expected = exported.model.encode_padded(**{name: torch.from_numpy(value) for name, value in feed.items()})
        expected_logits = exported.model.decode(expected)
    np.testing.assert_allclose(mu, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(logits, expected_logits.numpy(), atol=2e-5)


def test_encoder_with_500_places_answers_as_torch(mult_vae):
    """Longer than the catalogue: index 0 repeats under mask 0."""
    model = mult_vae.model
    history = np.zeros((2, 500), dtype=np.int64)
    history[:, :N_ITEMS] = np.arange(N_ITEMS)
    mask = (np.arange(500) < N_ITEMS).astype(np.float32)[None].repeat(2, 0)
    (mu,) = run(mult_vae, files.ENCODER, {"history": history, "mask": mask})
    with torch.no_grad():
        expected = model.encode_padded(torch.arange(N_ITEMS)[None], torch.ones(1, N_ITEMS))
    np.testing.assert_allclose(mu, expected.numpy().repeat(2, 0), atol=1e-5)


@pytest.mark.parametrize("length", [0, 1, 3])
def test_encoder_of_empty_history_is_one_answer_however_padded(exported, length):
    feed = {"history": np.full((2, length), 5), "mask": np.zeros((2, length), dtype=np.float32)}
    if exported.model.n_conditions:
        feed["condition"] = np.zeros((2, exported.model.n_conditions), dtype=np.float32)
    (mu,) = run(exported, files.ENCODER, feed)
    with torch.no_grad():
        expected = exported.model.to_mu(torch.tanh(exported.model.bias_in)).numpy()
    np.testing.assert_allclose(mu, np.stack([expected, expected]), atol=1e-6)


def test_export_graphs_twice_gives_the_same_bytes(c_vae):
    assert export_graphs(c_vae.model).content == c_vae.graphs.content


def test_export_graphs_of_other_weights_gives_other_bytes(mult_vae):
    """Positive control of the test above."""
    other = export_graphs(random_model("mult-vae", seed=1)).content
    assert all(other[name] != content for name, content in mult_vae.graphs.content.items())


def test_graphs_hold_what_the_manifest_says_and_nothing_of_this_machine(exported):
    described = exported.graphs.graphs
    for graph in (described.encoder, described.decoder, described.explainer):
        content = exported.graphs.content[graph.file]
        model = onnx.load_from_string(content)
        assert tuple(i.name for i in model.graph.input) == graph.inputs
        assert tuple(o.name for o in model.graph.output) == graph.outputs
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)] and graph.opset == OPSET
        assert not {"Loop", "ScatterND", "GatherND", "Dropout"} & {node.op_type for node in model.graph.node}
        for weight in model.graph.initializer:
            weight.ClearField("raw_data")  # any bytes may occur there
        text = str(model)
        assert not [word for word in ("/", ".py", "doc_string", "metadata") if word in text]


def test_graphs_of_unconditioned_model_have_no_condition_input(c_vae, mult_vae):
    assert "condition" in c_vae.graphs.graphs.encoder.inputs and "condition" in c_vae.graphs.graphs.explainer.inputs
    described = mult_vae.graphs.graphs
    assert not {"condition"} & {*described.encoder.inputs, *described.explainer.inputs}


def test_export_graphs_of_model_in_training_mode_exports_the_mean_path_and_leaves_the_mode(mult_vae):
    mult_vae.model.train()
    try:
        assert export_graphs(mult_vae.model).content == mult_vae.graphs.content
        assert mult_vae.model.training
    finally:
        mult_vae.model.eval()


def test_export_graphs_of_network_without_a_path_from_no_history_is_refused_by_name():
    class Other(LatentModel):
        kind = "other"

        def __init__(self):
            super().__init__()
            self.n_items, self.n_latent, self.n_conditions = 3, 2, 0

        def encode(self, rows, condition=None):
            return Posterior(torch.zeros(len(rows), 2), None)

        def encode_padded(self, history, mask, condition=None):
            return torch.zeros(len(history), 2)

        def decode(self, z):
            return z @ torch.ones(2, 3)

    with pytest.raises(ExportError, match="the other cannot be explained"):
        export_graphs(Other())


def small_graph(*, operator: str = "Identity", domain: str = "", external: bool = False) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.ones(3, dtype=np.float32), "w")
    if external:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="elsewhere.bin")
    node = helper.make_node(operator, ["w"], ["y"], domain=domain)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])
    opsets = [helper.make_opsetid("", OPSET), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(helper.make_graph([node], "g", [], [output], [weight]), opset_imports=opsets)


def test_canonical_bytes_of_good_graph_strips_what_varies():
    noisy = small_graph()
    noisy.doc_string, noisy.producer_version = "made on host x", "9"
    noisy.graph.node[0].metadata_props.add(key="trace", value="/home/me/model.py")
    assert canonical_bytes(noisy, "decoder.onnx") == canonical_bytes(small_graph(), "decoder.onnx")


@pytest.mark.parametrize(
    "bad", [{"operator": "Dropout"}, {"operator": "Loop"}, {"domain": "com.example"}, {"external": True}]
)
def test_canonical_bytes_of_graph_with_forbidden_content_is_refused(bad):
    with pytest.raises(ExportError):
        canonical_bytes(small_graph(**bad), "decoder.onnx")
