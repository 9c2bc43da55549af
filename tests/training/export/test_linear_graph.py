"""linear.onnx against torch, and the explanations of a score that has two parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from scipy import sparse

from bundle import files
from tests.training.models.contract import rows_of
from training.errors import ExportError
from training.export.golden import check_golden, golden_cases
from training.export.linear_graph import linear_graph
from training.export.onnx_graphs import OPSET, ExportedGraphs, canonical_bytes, export_graphs
from training.export.parity import GoldenUser, OnnxModel, check_parity
from training.models.additive_vae import AdditiveVAE
from training.models.registry import make_model

N_ITEMS = 120
HISTORIES = ([0, 5, 7, 99], [], [3], list(range(0, N_ITEMS, 2)))
USERS = tuple(GoldenUser(tuple(history)) for history in HISTORIES)
ASKING = (*USERS, GoldenUser((5, 8), (1,)), GoldenUser((4,), (0, 2)), GoldenUser((), (2,)))
PLAIN: dict[str, object] = {}
PART = {"linear_items": 50}


@dataclass(frozen=True)
class Exported:
    model: AdditiveVAE
    graphs: ExportedGraphs


def model_of(settings: dict[str, object], *, n_conditions: int = 3, n_items: int = N_ITEMS) -> AdditiveVAE:
    """Trained in nothing but its closed form, with weights as nonlinear as trained ones."""
    rng = np.random.default_rng(0)
    train = sparse.csr_matrix((rng.random((300, n_items)) < np.linspace(0.02, 0.3, n_items)).astype(np.float32))
    members = rng.random((n_items, n_conditions)) < 0.3
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = {"hidden": 40, "latent": 12, "linear_ridge": 20.0} | settings
        model = make_model("additive-vae", n_items=n_items, n_conditions=n_conditions, config=config).eval()
    assert isinstance(model, AdditiveVAE)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3.0)
    model.prepare(train, members if n_conditions else None)
    model.start_validation()
    return model


def answer(content: bytes, histories: tuple[list[int], ...], condition: np.ndarray | None = None) -> np.ndarray:
    """linear [B, n_items] of padded histories; padding is item 11."""
    longest = max(1, *(len(history) for history in histories))
    history = np.full((len(histories), longest), 11)
    mask = np.zeros((len(histories), longest), dtype=np.float32)
    for b, items in enumerate(histories):
        history[b, : len(items)], mask[b, : len(items)] = items, 1.0
    feed = {"history": history, "mask": mask} | ({} if condition is None else {"condition": condition})
    return ort.InferenceSession(content, providers=["CPUExecutionProvider"]).run(["linear"], feed)[0]


def content_of(model: AdditiveVAE) -> bytes:
    return canonical_bytes(linear_graph(model, opset=OPSET), files.LINEAR)


ASKED = np.array([[1, 0, 0], [0, 1, 1], [0.5, 0, 0.5], [0, 0, 0]], dtype=np.float32)
"""One value, any of two, all of two, nothing."""


@pytest.mark.parametrize("settings", [PLAIN, PART], ids=["all-items", "some-items"])
@pytest.mark.parametrize("n_conditions", [0, 3])
def test_linear_graph_answers_as_torch(settings: dict[str, object], n_conditions: int) -> None:
    model = model_of(settings, n_conditions=n_conditions)
    condition = ASKED if n_conditions else None
    found = answer(content_of(model), HISTORIES, condition)
    expected = model.linear(rows_of(HISTORIES), None if condition is None else torch.from_numpy(condition)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(found[0]).max() > 0.1  # and is not nothing
    for b, history in enumerate(HISTORIES):  # one by one as in a batch
        one = answer(content_of(model), (history,), None if condition is None else condition[b : b + 1])
        np.testing.assert_array_equal(one[0], found[b])


def test_linear_graph_of_an_empty_history_is_what_the_condition_adds() -> None:
    model = model_of(PART)
    found = answer(content_of(model), ([], [], [], []), ASKED)
    np.testing.assert_array_equal(found, model.config.gain * model.satisfying(torch.from_numpy(ASKED)).numpy())


def test_linear_graph_sums_a_long_history_as_whole_numbers() -> None:
    """1,500 items of one history: exact in whole numbers, whatever the order; not so in 16 bits."""
    n_items = 1500
    model = model_of(PLAIN, n_conditions=0, n_items=n_items)
    values = np.random.default_rng(1).integers(100, 128, (n_items, n_items)).astype(np.int8)
    model.linear_values = torch.from_numpy(values)
    model.linear_scales.fill_(1.0)
    model.scale.fill_(1.0)
    whole = values.sum(axis=0, dtype=np.int64)
    assert whole.max() > 2**16
    found = answer(content_of(model), (list(range(n_items)),))
    np.testing.assert_array_equal(found[0], whole.astype(np.float32))
    np.testing.assert_array_equal(model.linear(rows_of((list(range(n_items)),)))[0].numpy(), found[0])


def test_linear_graph_has_dense_operators_and_a_byte_a_cell() -> None:
    model = onnx.load_from_string(content_of(model_of(PART)))
    operators = {node.op_type for node in model.graph.node}
    assert "MatMulInteger" in operators
    assert not {"Loop", "If", "Scan"} & operators
    assert not [name for name in operators if name.startswith("Scatter")]
    values = next(weight for weight in model.graph.initializer if weight.name == "values")
    assert (values.data_type, tuple(values.dims)) == (onnx.TensorProto.INT8, (50, 51))


@pytest.fixture(scope="module", params=[(PART, 3), (PLAIN, 0)], ids=["conditions", "none"])
def exported(request: pytest.FixtureRequest) -> Exported:
    settings, n_conditions = request.param
    model = model_of(settings, n_conditions=n_conditions)
    return Exported(model, export_graphs(model))


def users_of(model: AdditiveVAE) -> tuple[GoldenUser, ...]:
    return ASKING if model.n_conditions else USERS


def test_graphs_of_the_flagship_are_four_and_described(exported: Exported) -> None:
    described = exported.graphs.graphs
    assert set(exported.graphs.content) == set(described.files)
    assert described.linear is not None
    assert described.linear.inputs == described.encoder.inputs
    assert described.explainer.outputs == (*files_of_explainer(), "linear")
    for graph in (described.linear, described.explainer):
        model = onnx.load_from_string(exported.graphs.content[graph.file])
        assert tuple(value.name for value in model.graph.input) == graph.inputs
        assert tuple(value.name for value in model.graph.output) == graph.outputs
    assert export_graphs(exported.model).content == exported.graphs.content


def files_of_explainer() -> tuple[str, ...]:
    return ("latent", "latent_base", "history_contribution", "history_base")


def test_check_parity_of_the_flagship_passes(exported: Exported) -> None:
    parity = check_parity(exported.model, exported.graphs.content, users_of(exported.model), seed=0)
    assert parity.logits < 5e-5
    assert max(parity.latent_residual, parity.history_residual) < 1e-5


def sums(model: OnnxModel, user: GoldenUser, items: list[int], shift: np.ndarray) -> tuple[np.ndarray, ...]:
    """By either view the score of `items`, and the latent view's without its linear output."""
    latent, latent_base, history, history_base, linear = model.explain(user, shift=shift, item_ix=items)
    without = latent_base + latent.sum(1)
    return without + linear.sum(1), history_base + history.sum(1), without


def test_both_views_add_up_to_the_score_and_without_the_linear_output_they_do_not(exported: Exported) -> None:
    onnx_model = OnnxModel(exported.graphs.content, n_conditions=exported.model.n_conditions)
    nothing = np.zeros(exported.model.n_latent, dtype=np.float32)
    items = [0, 7, 119, 64]
    for user in users_of(exported.model):
        score = onnx_model.logits([user])[0][items]
        by_latent, by_history, without = sums(onnx_model, user, items, nothing)
        np.testing.assert_allclose(by_latent, score, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(by_history, score, rtol=1e-4, atol=1e-4)
        if len(user.history) > 3:
            assert np.abs(without - score).max() > 0.05


def test_linear_output_is_what_each_item_adds_alone(exported: Exported) -> None:
    model, user = exported.model, GoldenUser((0, 5, 7, 99), (1,) if exported.model.n_conditions else ())
    onnx_model = OnnxModel(exported.graphs.content, n_conditions=model.n_conditions)
    nothing = np.zeros(model.n_latent, dtype=np.float32)
    linear = onnx_model.explain(user, shift=nothing, item_ix=range(N_ITEMS))[4]
    condition = None
    if model.n_conditions:
        condition = torch.zeros(1, model.n_conditions)
        condition[0, 1] = 1.0
    empty = model.linear(rows_of(([],)), condition)
    for place, item in enumerate(user.history):
        alone = model.linear(rows_of(([item],)), condition) - empty
        np.testing.assert_allclose(linear[:, place], alone[0].numpy(), rtol=1e-4, atol=5e-5)


def test_check_parity_without_the_linear_graph_is_refused(exported: Exported) -> None:
    content = {name: graph for name, graph in exported.graphs.content.items() if name != files.LINEAR}
    with pytest.raises(ExportError):
        check_parity(exported.model, content, users_of(exported.model), seed=0)


def test_check_parity_of_a_linear_graph_of_another_scale_is_refused(exported: Exported) -> None:
    other = model_of(
        {"balance": 1.1} | (PART if exported.model.n_conditions else PLAIN), n_conditions=exported.model.n_conditions
    )
    content = {**exported.graphs.content, files.LINEAR: content_of(other)}
    with pytest.raises(ExportError, match=r"by up to \d|differs by \d"):
        check_parity(exported.model, content, users_of(exported.model), seed=0)


def test_check_parity_of_an_explainer_that_lost_its_linear_part_is_refused(exported: Exported) -> None:
    lost = onnx.load_from_string(exported.graphs.content[files.EXPLAINER])
    lost.graph.output.pop()
    content = {**exported.graphs.content, files.EXPLAINER: lost.SerializeToString()}
    with pytest.raises(ExportError, match="latent explanation's sum"):
        check_parity(exported.model, content, users_of(exported.model), seed=0)


def test_golden_answers_are_whole_scores(exported: Exported) -> None:
    users = users_of(exported.model)
    cases = golden_cases(exported.model, users)
    onnx_model = OnnxModel(exported.graphs.content, n_conditions=exported.model.n_conditions)
    check_golden(onnx_model, cases)
    onnx_model.linear = None
    with pytest.raises(ExportError, match="golden case"):
        check_golden(onnx_model, cases)
