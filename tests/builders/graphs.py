"""The builder's graphs: three, four with a linear term, five where that follows who steers."""

from __future__ import annotations

import numpy as np
import onnx

from tests.builders.linear_graph import explained_parts, explained_steering, linear_graph, steering_graph
from tests.builders.model import N_NODES, BuilderModel
from tests.builders.onnx_writer import FLOAT, INT64, OPSET, GraphWriter, value

__all__ = ["OPSET", "build_graphs"]


def build_graphs(model: BuilderModel) -> dict[str, bytes]:
    """encoder, decoder, explainer (, linear (, steering)).onnx with the tensor contract of bundle.manifest.Graphs."""
    graphs = {
        "encoder.onnx": encoder_graph(model),
        "decoder.onnx": decoder_graph(model),
        "explainer.onnx": explainer_graph(model),
    }
    if model.linear is not None:
        graphs["linear.onnx"] = linear_graph(model.linear)
    if model.along is not None:
        graphs["steering.onnx"] = steering_graph(model.along)
    return graphs


def encoder_graph(model: BuilderModel) -> bytes:
    g = GraphWriter()
    rows = g.add("Gather", g.constant(model.item_in), "history")
    axis_1, axis_2, one = g.constant([1]), g.constant([2]), g.constant(1.0)
    summed = g.add("ReduceSum", g.add("Mul", rows, g.add("Unsqueeze", "mask", axis_2)), axis_1, keepdims=0)
    length = g.add("Sqrt", g.add("Max", g.add("ReduceSum", "mask", axis_1, keepdims=1), one))
    offset = _offset(g, model)
    hidden = g.add("Tanh", g.add("Add", g.add("Div", summed, length), offset))
    g.add("Add", g.add("MatMul", hidden, g.constant(model.to_mu)), g.constant(model.mu_bias), out="mu")
    inputs = [value("history", INT64, "B", "L"), value("mask", FLOAT, "B", "L")]
    if model.n_conditions:
        inputs.append(value("condition", FLOAT, "B", model.n_conditions))
    return g.model("encoder", inputs, [value("mu", FLOAT, "B", model.n_latent)])


def decoder_graph(model: BuilderModel) -> bytes:
    g = GraphWriter()
    hidden = g.add("Add", g.add("MatMul", "z", g.constant(model.hidden)), g.constant(model.hidden_bias))
    products = g.add("MatMul", g.add("Tanh", hidden), g.constant(model.out))
    g.add("Add", products, g.constant(model.out_bias), out="logits")
    return g.model("decoder", [value("z", FLOAT, "B", model.n_latent)], [value("logits", FLOAT, "B", model.n_items)])


def explainer_graph(model: BuilderModel) -> bytes:
    """history, (condition), shift, item_ix -> latent, latent_base, history_contribution, history_base (, linear)."""
    g = GraphWriter()
    direct, gains = (None, None) if model.linear is None else explained_parts(g, model.linear)
    zero, one = g.constant([0]), g.constant(1.0)
    items = g.add("Gather", g.constant(model.item_in), "history")
    length = g.add("Cast", g.add("Shape", "history"), to=FLOAT)
    per_item = g.add("Div", items, g.add("Sqrt", g.add("Max", length, one)))
    summed = g.add("ReduceSum", per_item, zero, keepdims=1)
    offset = _offset(g, model)
    rows = g.add("Gather", g.constant(model.out.T), "item_ix")
    biases = g.add("Gather", g.constant(model.out_bias), "item_ix")
    hidden_bias = g.constant(model.hidden_bias)

    def latent_point(first: str) -> str:
        return g.add("Add", g.add("Add", g.add("MatMul", first, to_mu), g.constant(model.mu_bias)), "shift")

    def second_layer(first: str) -> str:
        return g.add("Tanh", g.add("Add", g.add("MatMul", latent_point(first), hidden), hidden_bias))

    def score(second: str, out: str) -> str:  # second [1, G] -> [K]
        total = g.add("ReduceSum", g.add("Mul", rows, second), g.constant([1]), keepdims=0)
        return _sum(g, total, biases, gains, out=out)

    to_mu, hidden = g.constant(model.to_mu), g.constant(model.hidden)
    first = g.add("Tanh", g.add("Add", summed, offset))
    z = latent_point(first)
    slope = _slope(g, g.add("MatMul", z, hidden), hidden_bias)
    spread = g.add("MatMul", g.add("Mul", rows, slope), g.constant(model.hidden.T))
    followed = None if model.along is None else explained_steering(g, model.along)
    through_z = g.add("Mul", spread, z, out=None if followed else "latent")
    if followed:
        g.add("Add", through_z, followed, out="latent")
    score(g.add("Unsqueeze", g.add("Tanh", hidden_bias), zero), "latent_base")
    empty = score(second_layer(g.add("Tanh", offset)), "empty" if followed else "history_base")
    if followed:
        g.add("Add", empty, g.add("ReduceSum", followed, g.constant([1]), keepdims=0), out="history_base")

    nodes, _ = np.polynomial.legendre.leggauss(N_NODES)
    along = g.constant(((nodes + 1) / 2)[:, None])  # [Q, 1]
    firsts = g.add("Tanh", g.add("Add", g.add("Mul", along, summed), offset))  # [Q, H]
    by_item = "history_contribution"
    mean = _mean_gradient(g, model, (rows, firsts, second_layer(firsts)))
    through_z = g.add("MatMul", mean, g.add("Transpose", per_item, perm=[1, 0]), out=None if direct else by_item)
    if direct:
        g.add("Add", through_z, direct, out=by_item)
    return g.model("explainer", *_explainer_tensors(model))


def _mean_gradient(g: GraphWriter, model: BuilderModel, along_path: tuple[str, str, str]) -> str:
    """rows [K, G], first layers [Q, H], second layers [Q, G] -> the gradient averaged over the path, [K, H]."""
    rows, firsts, seconds = along_path
    one, _, weights = g.constant(1.0), *np.polynomial.legendre.leggauss(N_NODES)
    steep = g.add("Unsqueeze", g.add("Sub", one, g.add("Mul", seconds, seconds)), g.constant([1]))  # [Q, 1, G]
    back = g.add("MatMul", g.add("Mul", rows, steep), g.constant((model.to_mu @ model.hidden).T))  # [Q, K, H]
    gentle = g.add("Unsqueeze", g.add("Sub", one, g.add("Mul", firsts, firsts)), g.constant([1]))
    weighted = g.add("Mul", g.add("Mul", back, gentle), g.constant((weights / 2)[:, None, None]))
    return g.add("ReduceSum", weighted, g.constant([0]), keepdims=0)


def _sum(g: GraphWriter, one: str, two: str, three: str | None, *, out: str) -> str:
    return g.add("Add", one, two, out=out) if three is None else g.add("Add", g.add("Add", one, two), three, out=out)


def _explainer_tensors(model: BuilderModel) -> tuple[list[onnx.ValueInfoProto], list[onnx.ValueInfoProto]]:
    inputs = [value("history", INT64, "L")]
    if model.n_conditions:
        inputs.append(value("condition", FLOAT, 1, model.n_conditions))
    inputs += [value("shift", FLOAT, 1, model.n_latent), value("item_ix", INT64, "K")]
    outputs = [
        value("latent", FLOAT, "K", model.n_latent),
        value("latent_base", FLOAT, "K"),
        value("history_contribution", FLOAT, "K", "L"),
        value("history_base", FLOAT, "K"),
    ]
    if model.linear is not None:
        outputs.append(value("linear", FLOAT, "K", "L"))
    return inputs, outputs


def _offset(g: GraphWriter, model: BuilderModel) -> str:
    """[B or 1, H]: the condition's rows and the bias of the first layer."""
    bias = g.constant(model.bias_in[None, :])
    if not model.n_conditions:
        return bias
    return g.add("Add", g.add("MatMul", "condition", g.constant(model.condition_in)), bias)


def _slope(g: GraphWriter, a: str, bias: str) -> str:
    """(tanh(a + b) - tanh(b)) / a, as tanh(a)/a * (1 - tanh(a + b) tanh(b)), with 1 for tanh(a)/a near 0."""
    one = g.constant(1.0)
    small = g.add("Less", g.add("Abs", a), g.constant(1e-4))
    safe = g.add("Where", small, one, a)
    ratio = g.add("Where", small, one, g.add("Div", g.add("Tanh", safe), safe))
    product = g.add("Mul", g.add("Tanh", g.add("Add", a, bias)), g.add("Tanh", bias))
    return g.add("Mul", ratio, g.add("Sub", one, product))
