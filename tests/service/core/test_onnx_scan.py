"""The scan against models that onnx itself made, good and bad."""

from __future__ import annotations

import contextlib

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from bundle.errors import BundleError, GoldenError, GraphError
from service.bundles.onnx_scan import scan
from tests.builders import builder_model
from tests.builders.graphs import build_graphs


def made(nodes, weights=(), *, opset: int = 20, name: str = "g") -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", 2])
    graph = helper.make_graph(nodes, name, [x], [y], list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def good() -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.eye(2, dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Tanh", ["h"], ["y"])]
    return made(nodes, [weight])


def test_scan_of_a_good_graph_reports_what_onnx_reports() -> None:
    found = scan(good().SerializeToString(), "g.onnx")
    assert (found.opset, found.n_nodes, found.operators) == (20, 2, frozenset({"MatMul", "Tanh"}))


@pytest.mark.parametrize("file", ["encoder.onnx", "decoder.onnx", "explainer.onnx", "linear.onnx", "steering.onnx"])
def test_scan_of_the_builders_graphs_agrees_with_onnx(file: str) -> None:
    content = build_graphs(builder_model(steering=True))[file]
    graph = onnx.load_model_from_string(content).graph
    found = scan(content, file)
    assert found.n_nodes == len(graph.node)
    assert found.operators == {node.op_type for node in graph.node}


def _external(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].external_data.add(key="location", value="w.bin")


def _external_location_only(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def _external_constant(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.eye(2, dtype=np.float32), "c")
    tensor.data_location = TensorProto.EXTERNAL
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def _sparse(model: onnx.ModelProto) -> None:
    values = numpy_helper.from_array(np.ones(1, dtype=np.float32), "s")
    indices = numpy_helper.from_array(np.zeros(1, dtype=np.int64))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [2]))


def _function(model: onnx.ModelProto) -> None:
    body = [helper.make_node("Loop", ["a"], ["b"])]
    model.functions.append(helper.make_function("com.example", "F", ["a"], ["b"], body, []))


def _training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def _custom(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("MatMul", ["x"], ["z"], domain="com.example"))


def _operator(kind: str):
    return lambda model: model.graph.node.append(helper.make_node(kind, ["x"], ["z"]))


def _inside_a_branch(model: onnx.ModelProto) -> None:
    """An allowed operator name that carries a graph with a Loop inside: the walk goes into attributes."""
    body = helper.make_graph([helper.make_node("Loop", ["a"], ["b"])], "body", [], [])
    model.graph.node.append(helper.make_node("Identity", ["x"], ["z"], body=body))


def _deep(model: onnx.ModelProto) -> None:
    body = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "leaf", [], [])
    for _ in range(6):
        body = helper.make_graph([helper.make_node("Identity", ["a"], ["b"], body=body)], "body", [], [])
    model.graph.node.append(helper.make_node("Identity", ["x"], ["z"], body=body))


def _many_nodes(model: onnx.ModelProto) -> None:
    model.graph.node.extend([helper.make_node("Identity", ["x"], ["z"])] * 10_001)


def _two_opsets(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx", 12))


@pytest.mark.parametrize(
    "spoil",
    [
        _external,
        _external_location_only,
        _external_constant,
        _sparse,
        _function,
        _training,
        _custom,
        _inside_a_branch,
        _deep,
        _many_nodes,
        _two_opsets,
        *[_operator(kind) for kind in ("Loop", "If", "Scan", "ScatterND", "RandomNormal", "StringConcat", "Nonsense")],
    ],
)
def test_scan_of_a_forbidden_graph_is_refused(spoil) -> None:
    model = good()
    spoil(model)
    with pytest.raises(GraphError):
        scan(model.SerializeToString(), "g.onnx")


def _with_weight(values: np.ndarray, *, raw: bool = True, kind: int = TensorProto.FLOAT) -> bytes:
    model = good()
    tensor = numpy_helper.from_array(values, "w") if raw else helper.make_tensor("w", kind, values.shape, values)
    model.graph.initializer[0].CopyFrom(tensor)
    return model.SerializeToString()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_scan_of_a_weight_that_is_not_finite_is_refused(bad: float, dtype: type) -> None:
    with pytest.raises(GoldenError):
        scan(_with_weight(np.array([1.0, bad], dtype=dtype)), "g.onnx")
    scan(_with_weight(np.array([1.0, 2.0], dtype=dtype)), "g.onnx")  # the control


def test_scan_of_a_weight_in_typed_fields_is_checked_too() -> None:
    for values, kind in (
        (np.array([1.0, np.nan], dtype=np.float32), TensorProto.FLOAT),
        (np.array([1.0, np.inf], dtype=np.float64), TensorProto.DOUBLE),
    ):
        with pytest.raises(GoldenError):
            scan(_with_weight(values, raw=False, kind=kind), "g.onnx")


@pytest.mark.parametrize("content", [b"", b"\x00", b"junk", b"PK\x03\x04", b"\xff" * 64, b"\x3a\x7f", b"\x08\x0a"])
def test_scan_of_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(GraphError):
        scan(content, "g.onnx")


@given(data=st.data())
def test_scan_of_a_flipped_or_cut_file_raises_nothing_but_bundle_errors(data) -> None:
    content = bytearray(good().SerializeToString())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(content)))
    with contextlib.suppress(BundleError):
        scan(bytes(content[:cut]), "g.onnx")


def test_scan_of_a_file_with_endless_parts_gives_up(monkeypatch) -> None:
    monkeypatch.setattr("service.bundles.onnx_scan.FIELD_BUDGET", 1000)
    with pytest.raises(GraphError, match="more parts"):
        scan(b"\x08\x08" * 2000, "g.onnx")
