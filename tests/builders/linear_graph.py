"""The planted linear term as linear.onnx and steering.onnx, and its parts of explainer.onnx."""

from __future__ import annotations

import onnx

from tests.builders.linear import Array, BuilderLinear
from tests.builders.onnx_writer import FLOAT, INT64, GraphWriter, value

UINT8 = onnx.TensorProto.UINT8


def linear_graph(term: BuilderLinear) -> bytes:
    """history, mask, (condition) -> linear: whole rows of B in 8 bits, added up exactly, scaled once."""
    g = GraphWriter()
    n_items, n_conditions = term.members.shape
    place = g.constant(term.place)
    rows = g.add("Gather", g.constant(term.table), g.add("Gather", place, "history"))  # [B, L, m + 1]
    axis_1 = g.constant([1])

    def summed(weights: str) -> str:  # [B, L] of 0 and 1 -> [B, m + 1]
        whole = g.add("Unsqueeze", g.add("Cast", weights, to=UINT8), axis_1)
        found = g.add("Squeeze", g.add("MatMulInteger", whole, rows), axis_1)
        return g.add("Cast", found, to=FLOAT)

    total = summed("mask")
    satisfying = None
    if n_conditions:
        satisfying = satisfies(g, term)  # [B, n]
        liked = g.add("Mul", g.add("GatherElements", satisfying, "history", axis=1), "mask")
        total = g.add("Add", total, g.add("Mul", summed(liked), g.constant(term.gamma)))
    scaled = g.add("Gather", g.add("Mul", total, g.constant(term.scale)), place, axis=1)  # [B, n]
    if satisfying is None:
        g.add("Identity", scaled, out="linear")
    else:
        g.add("Add", scaled, g.add("Mul", satisfying, g.constant(term.gain)), out="linear")
    inputs = [value("history", INT64, "B", "L"), value("mask", FLOAT, "B", "L")]
    if n_conditions:
        inputs.append(value("condition", FLOAT, "B", n_conditions))
    return g.model("linear", inputs, [value("linear", FLOAT, "B", n_items)])


def steering_graph(along: Array) -> bytes:
    """shift -> followed."""
    g = GraphWriter()
    g.add("MatMul", "shift", g.constant(along), out="followed")
    n_latent, n_items = along.shape
    return g.model("steering", [value("shift", FLOAT, "B", n_latent)], [value("followed", FLOAT, "B", n_items)])


def explained_steering(g: GraphWriter, along: Array) -> str:
    """What each shift_i adds to each explained item: [K, d]."""
    return g.add("Mul", g.add("Gather", g.constant(along.T), "item_ix"), "shift")


def satisfies(g: GraphWriter, term: BuilderLinear) -> str:
    """s [B, n] in {0, 1}, from `condition`."""
    held = g.add("MatMul", "condition", g.constant(term.members.T))
    return g.add("Cast", g.add("GreaterOrEqual", held, g.constant(1 - 1e-3)), to=FLOAT)


def explained_parts(g: GraphWriter, term: BuilderLinear) -> tuple[str, str]:
    """Adds `linear` [K, L] to the explainer; returns its name and that of the explained items' gains [K]."""
    place = g.constant(term.place)
    columns = g.add("Gather", place, "item_ix")
    rows = g.add("Gather", g.constant(term.table), g.add("Gather", place, "history"))
    table = g.add("Transpose", g.add("Cast", g.add("Gather", rows, columns, axis=1), to=FLOAT), perm=[1, 0])  # [K, L]
    axis_1 = g.constant([1])
    scale = g.add("Unsqueeze", g.add("Gather", g.constant(term.scale), columns), axis_1)
    if not term.members.shape[1]:
        none = g.add("Mul", g.add("Cast", columns, to=FLOAT), g.constant(0.0))
        return g.add("Mul", table, scale, out="linear"), none
    satisfying = g.add("Squeeze", satisfies(g, term), g.constant([0]))  # [n]
    liked = g.add("Gather", satisfying, "history")
    weight = g.add("Add", g.add("Mul", liked, g.constant(term.gamma)), g.constant(1.0))
    gains = g.add("Mul", g.add("Gather", satisfying, "item_ix"), g.constant(term.gain))
    return g.add("Mul", g.add("Mul", table, scale), weight, out="linear"), gains
