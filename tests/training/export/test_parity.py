"""The parity stage passes good graphs and refuses each way in which an export goes wrong."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from bundle import files
from training.errors import ExportError
from training.export.parity import MAX_DIFFERENCE, GoldenUser, check_parity, padded, top_items

from .conftest import N_ITEMS, random_model

USERS = (
    GoldenUser(()),
    GoldenUser((5,)),
    GoldenUser((1, 2, 3)),
    GoldenUser(tuple(range(0, 120, 2))),
    GoldenUser((7, 9)),
)
ASKING = (*USERS, GoldenUser((1, 2), (0,)), GoldenUser((4,), (0, 2)))


def users_of(model):
    return ASKING if model.n_conditions else USERS


def with_graph(exported, file, edit):
    model = onnx.load_from_string(exported.graphs.content[file])
    edit(model)
    return {**exported.graphs.content, file: model.SerializeToString()}


def shift_weight(amount, *, position=0):
    """Add to one number of the graph's largest weight."""

    def edit(model):
        weight = max(model.graph.initializer, key=lambda w: len(w.raw_data))
        values = numpy_helper.to_array(weight).copy()
        values.flat[position] += amount
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))

    return edit


def test_check_parity_of_good_graphs_reports_small_figures(exported):
    parity = check_parity(exported.model, exported.graphs.content, users_of(exported.model), seed=0)
    assert parity.n_users == len(users_of(exported.model))
    assert 0 < parity.logits < MAX_DIFFERENCE / 5
    assert max(parity.explanation, parity.latent_residual, parity.history_residual) < 1e-5


@pytest.mark.parametrize("file", [files.ENCODER, files.DECODER, files.EXPLAINER])
@pytest.mark.parametrize("amount", [0.05, np.nan, np.inf])
def test_t8_check_parity_of_perturbed_graph_is_refused(mult_vae, file, amount):
    """A weight of item 5 (row 5 of 40), which a golden user holds, is moved."""
    content = with_graph(mult_vae, file, shift_weight(amount, position=5 * 40))
    with pytest.raises(ExportError):
        check_parity(mult_vae.model, content, USERS, seed=0)


def test_t8_check_parity_of_graphs_of_another_model_is_refused_with_figures(mult_vae):
    with pytest.raises(ExportError, match=r"by up to \d|differs by \d"):
        check_parity(random_model("mult-vae", seed=9), mult_vae.graphs.content, USERS, seed=0)


def test_check_parity_of_explainer_of_another_model_is_refused(mult_vae, monkeypatch):
    """Encoder and decoder agree; only the explanations are of other weights (hidden biases)."""
    other = random_model("mult-vae")
    with torch.no_grad():
        other.decoder_hidden.bias.add_(0.3)
    from training.export.onnx_graphs import export_graphs

    content = {**mult_vae.graphs.content, files.EXPLAINER: export_graphs(other).content[files.EXPLAINER]}
    with pytest.raises(ExportError, match="explanation"):
        check_parity(mult_vae.model, content, USERS, seed=0)


def test_check_parity_of_encoder_that_lost_its_condition_is_refused(c_vae):
    def lose(model):
        weight = next(w for w in model.graph.initializer if list(w.dims) == [3, 40])
        weight.CopyFrom(numpy_helper.from_array(np.zeros((3, 40), dtype=np.float32), weight.name))

    content = with_graph(c_vae, files.ENCODER, lose)
    check_parity(c_vae.model, content, USERS, seed=0)  # nobody asks for a condition: it cannot be seen
    with pytest.raises(ExportError):
        check_parity(c_vae.model, content, ASKING, seed=0)


def test_t8_check_parity_of_encoder_with_fixed_batch_is_refused(mult_vae):
    def fix(model):
        for tensor in (*model.graph.input, *model.graph.output):
            tensor.type.tensor_type.shape.dim[0].dim_value = 1

    with pytest.raises(ExportError, match="onnxruntime refuses"):
        check_parity(mult_vae.model, with_graph(mult_vae, files.ENCODER, fix), USERS, seed=0)


def test_t8_check_parity_of_model_left_in_training_mode_is_refused(mult_vae):
    """Dropout makes torch's own answer random: the stage says so instead of passing by luck."""
    mult_vae.model.train()
    try:
        with torch.random.fork_rng(devices=[]), pytest.raises(ExportError):
            check_parity(mult_vae.model, mult_vae.graphs.content, USERS, seed=0)
    finally:
        mult_vae.model.eval()


def test_check_parity_without_users_is_refused(mult_vae):
    with pytest.raises(ExportError, match="no golden users"):
        check_parity(mult_vae.model, mult_vae.graphs.content, (), seed=0)


def test_check_parity_of_model_with_tied_items_passes(mult_vae):
    """Two items with the same weights tie exactly; the order between them is by index on both sides."""
    from training.export.onnx_graphs import export_graphs

    model = random_model("mult-vae")
    with torch.no_grad():
        model.decoder_out.weight[N_ITEMS // 2 :] = model.decoder_out.weight[: N_ITEMS // 2]
        model.decoder_out.bias[N_ITEMS // 2 :] = model.decoder_out.bias[: N_ITEMS // 2]
    check_parity(model, export_graphs(model).content, USERS, seed=0)


def test_top_items_with_ties_are_in_index_order():
    assert top_items(np.array([1.0, 3.0, 3.0, 2.0], dtype=np.float32), 3).tolist() == [1, 2, 3]


def test_padded_with_only_an_empty_history_is_one_masked_place():
    history, mask = padded([GoldenUser(())])
    assert history.tolist() == [[0]] and mask.tolist() == [[0.0]]
