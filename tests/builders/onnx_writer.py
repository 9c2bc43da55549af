"""Writing a graph node by node with onnx.helper (nothing shared with training.export)."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 20
IR_VERSION = 10
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


class GraphWriter:
    """Collects nodes and weights of one graph; each call returns the name of the node's output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def constant(self, values: NDArray[np.generic] | float | list[int]) -> str:
        """A weight: whole numbers as int64 (int8 stays int8), the rest as float32."""
        array = np.asarray(values)
        if array.dtype != np.int8:
            array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32)
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, *inputs: str, out: str | None = None, **attributes: int | list[int]) -> str:
        name = out or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def model(self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> bytes:
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(made)
        return made.SerializeToString(deterministic=True)


def value(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))
