"""The graph of the linear term (linear.onnx), written by hand: the exporter knows no product of whole numbers.

The history's rows of B are gathered as they are held, one byte a cell, and summed as whole numbers by MatMulInteger
with the mask as the other factor, so the sum is exact and B is never held in float32. Columns are scaled at the end;
`scale` is folded into their scales. No node of it loops or scatters.
Cost at run time: B * L * m bytes and as many additions, m = items that the term covers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.models.additive_vae import SATISFIED, AdditiveVAE


@dataclass(slots=True)
class _Builder:
    """Nodes and weights in the order in which they are needed."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def weight(self, name: str, values: NDArray[np.generic]) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output


def linear_graph(model: AdditiveVAE, *, opset: int) -> onnx.ModelProto:
    """history int64 [B, L], mask float32 [B, L] (, condition float32 [B, C]) -> linear float32 [B, n_items]; L >= 1."""
    build = _Builder()
    satisfying = _satisfying(build, model) if model.n_conditions else None
    found = _to_items(build, model, _sums(build, model))
    if satisfying is not None:
        gain = build.weight("gain", np.array(model.config.gain, dtype=np.float32))
        found = build.node("Add", [found, build.node("Mul", [satisfying, gain], "gained")], "total")
    build.node("Identity", [found], "linear")
    return _graph(build, model, opset)


def _satisfying(build: _Builder, model: AdditiveVAE) -> str:
    """1.0 for each item that satisfies the condition [B, n_items]."""
    members = build.weight("members", model.members.numpy().T.astype(np.float32))
    least = build.weight("satisfied", np.array(SATISFIED, dtype=np.float32))
    met = build.node("MatMul", ["condition", members], "met")
    enough = build.node("GreaterOrEqual", [met, least], "enough")
    return build.node("Cast", [enough], "satisfying", to=TensorProto.FLOAT)


def _held(build: _Builder, model: AdditiveVAE) -> str:
    """float32 [B, L]: 1 where a place of the history holds an item that the term covers."""
    if _covers_all(model):
        return "mask"
    covered = build.weight("covered", model.linear_covered.numpy())
    return build.node("Mul", ["mask", build.node("Gather", [covered, "history"], "has_row")], "held")


def _sums(build: _Builder, model: AdditiveVAE) -> str:
    """float32 [B, m (+ 1)]: the sum of the history's rows; one column of zeros more for items without one."""
    values, place, axis = model.linear_values.numpy(), "history", build.weight("places", np.array([1]))
    held = _held(build, model)
    ones = build.node("Cast", [build.node("Unsqueeze", [held, axis], "one_row")], "ones", to=TensorProto.UINT8)
    if not _covers_all(model):
        values = np.pad(values, ((0, 0), (0, 1)))
        place = build.node("Gather", [build.weight("rows", model.linear_rows.numpy()), "history"], "row")
    rows = build.node("Gather", [build.weight("values", values), place], "history_rows")
    whole = build.node("Squeeze", [build.node("MatMulInteger", [ones, rows], "row_of_sums"), axis], "whole_sums")
    return build.node("Cast", [whole], "sums", to=TensorProto.FLOAT)


def _to_items(build: _Builder, model: AdditiveVAE, sums: str) -> str:
    """[B, n_items]: columns scaled and, where the term covers a part of the items, spread over all of them."""
    scales = (model.linear_scales * model.scale).numpy()
    if _covers_all(model):
        return build.node("Mul", [sums, build.weight("scales", scales)], "scaled")
    column = np.full(model.n_items, len(scales), dtype=np.int64)
    column[model.linear_items.numpy()] = np.arange(len(scales))
    padded = build.weight("scales", np.append(scales, np.float32(0)))
    scaled = build.node("Mul", [sums, padded], "scaled")
    return build.node("Gather", [scaled, build.weight("columns", column)], "spread", axis=1)


def _covers_all(model: AdditiveVAE) -> bool:
    """Then row and column of an item are its index: covered items are in ascending order."""
    return len(model.linear_items) == model.n_items


def _graph(build: _Builder, model: AdditiveVAE, opset: int) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info("history", TensorProto.INT64, ["B", "L"]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["B", "L"]),
    ]
    if model.n_conditions:
        inputs.append(helper.make_tensor_value_info("condition", TensorProto.FLOAT, ["B", model.n_conditions]))
    output = helper.make_tensor_value_info("linear", TensorProto.FLOAT, ["B", model.n_items])
    graph = helper.make_graph(build.nodes, "linear", inputs, [output], build.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
