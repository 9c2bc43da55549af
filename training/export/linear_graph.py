"""The graphs of the linear term, written by hand: the exporter knows no product of whole numbers.

linear.onnx, what the history adds; steering.onnx, what the term gains where somebody moves z (one product).

The history's rows of B are gathered as they are held, one byte a cell, and summed as whole numbers by MatMulInteger
with the mask as the other factor, so the sum is exact and B is never held in float32. Columns are scaled at the end;
`scale` is folded into their scales. No node of it loops or scatters.
Cost at run time: B * L * m bytes and as many additions, m = items that the term covers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.models.additive_vae import SATISFIED, AdditiveVAE
from training.models.base import LatentModel


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


def follows_steering(model: LatentModel) -> TypeGuard[AdditiveVAE]:
    """Whether a shift of z moves the model's linear term, too: then there is something to put into steering.onnx."""
    return isinstance(model, AdditiveVAE) and bool((model.scale * model.linear_along).any())


def steering_graph(model: AdditiveVAE, *, opset: int) -> onnx.ModelProto:
    """shift float32 [B, n_latent] -> followed float32 [B, n_items]. n_latent * m weights and as many products a row."""
    build = _Builder()
    along = (model.linear_along * model.scale).numpy()
    along = along if _covers_all(model) else np.pad(along, ((0, 0), (0, 1)))
    found = build.node("MatMul", ["shift", build.weight("along", along)], "gained")
    build.node("Identity", [_spread(build, model, found)], "followed")
    shift = helper.make_tensor_value_info("shift", TensorProto.FLOAT, ["B", model.n_latent])
    return _model(build, "followed", model.n_items, inputs=[shift], opset=opset)


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
    scales = scales if _covers_all(model) else np.append(scales, np.float32(0))
    return _spread(build, model, build.node("Mul", [sums, build.weight("scales", scales)], "scaled"))


def _spread(build: _Builder, model: AdditiveVAE, found: str) -> str:
    """[B, m] -> [B, n_items]; where the term covers a part of the items, the last of m + 1 columns is the others'."""
    if _covers_all(model):
        return found
    m = len(model.linear_items)
    column = np.full(model.n_items, m, dtype=np.int64)
    column[model.linear_items.numpy()] = np.arange(m)
    return build.node("Gather", [found, build.weight("columns", column)], "spread", axis=1)


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
    return _model(build, "linear", model.n_items, inputs=inputs, opset=opset)


def _model(
    build: _Builder, output: str, n_items: int, *, inputs: list[onnx.ValueInfoProto], opset: int
) -> onnx.ModelProto:
    """The graph of one output float32 [B, n_items], named as that is."""
    made = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["B", n_items])
    graph = helper.make_graph(build.nodes, output, inputs, [made], build.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
