"""From a trained model to the three ONNX graphs of a bundle; four or five where the model has a linear term.

The mean path only (no sampling, no dropout), normalisation inside, batch and lengths dynamic, history as item indices
and a mask. Gather, not EmbeddingBag (which exports to a Loop); no ScatterND (with several threads it races on duplicate
indices).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.export import Dim

from bundle import files
from bundle.manifest import Graph, Graphs
from training.errors import ExportError
from training.export.explained import Explained, ExplainedTotal
from training.export.explainer import AdditiveExplainer, Explainer, has_closed_form
from training.export.linear_graph import follows_steering, linear_graph, steering_graph
from training.export.path_explainer import PathExplainer, traced
from training.models.additive_vae import AdditiveVAE
from training.models.base import LatentModel

OPSET = 20
IR_VERSION = 10
"""Fixed, so that a newer exporter does not raise what a runtime must support."""

_OUTSIDE = "_outside"

FORBIDDEN = frozenset({"Loop", "If", "Scan", "ScatterND", "ScatterElements", "Scatter", "Dropout", "RandomNormalLike"})
"""Operators that would mean a mistake: control flow, races, or randomness left in."""


@dataclass(frozen=True, slots=True)
class ExportedGraphs:
    """graphs: the manifest's description; content: file name -> bytes, each self-contained."""

    graphs: Graphs
    content: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _Plan:
    """One graph to export: example inputs by name, which of their axes are dynamic, and the outputs' names."""

    file: str
    module: nn.Module
    inputs: Mapping[str, Tensor]
    dynamic: Mapping[str, Mapping[int, Any]]
    outputs: tuple[str, ...]


class _Encoder(nn.Module):
    def __init__(self, model: LatentModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, history: Tensor, mask: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.model.encode_padded(history, mask, condition)


class _Decoder(nn.Module):
    def __init__(self, model: LatentModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor) -> Tensor:
        return self.model.decode(z)


class _Unconditioned(nn.Module):
    """The explainer of a model without conditions: the graph then has no such input."""

    def __init__(self, explainer: nn.Module) -> None:
        super().__init__()
        self.explainer = explainer

    def forward(self, history: Tensor, shift: Tensor, item_ix: Tensor) -> Explained | ExplainedTotal:
        explained: Explained | ExplainedTotal = self.explainer(history, None, shift, item_ix)
        return explained


def export_graphs(model: LatentModel) -> ExportedGraphs:
    """Export encoder, decoder, explainer and linear term of a model; the same weights give the same bytes.

    A linear term that follows a shift of z gets a graph for that, too. The model's training mode is restored
    afterwards. Takes some seconds. Raises ExportError when the network cannot be explained, or when a graph is not
    self-contained or holds an operator that it must not.
    """
    was_training = model.training
    model.eval()
    try:
        plans = _plans(model)
        content = {plan.file: _export(plan) for plan in plans}
        described = {plan.file: _describe(plan) for plan in plans}
        if isinstance(model, AdditiveVAE):
            inputs = tuple(plans[0].inputs)  # the encoder's
            content[files.LINEAR] = canonical_bytes(linear_graph(model, opset=OPSET), files.LINEAR)
            described[files.LINEAR] = Graph(file=files.LINEAR, opset=OPSET, inputs=inputs, outputs=("linear",))
        if follows_steering(model):
            content[files.STEERING] = canonical_bytes(steering_graph(model, opset=OPSET), files.STEERING)
            described[files.STEERING] = Graph(
                file=files.STEERING, opset=OPSET, inputs=("shift",), outputs=("followed",)
            )
    finally:
        model.train(was_training)
    graphs = Graphs(
        encoder=described[files.ENCODER],
        decoder=described[files.DECODER],
        explainer=described[files.EXPLAINER],
        linear=described.get(files.LINEAR),
        steering=described.get(files.STEERING),
    )
    return ExportedGraphs(graphs, content)


def _plans(model: LatentModel) -> tuple[_Plan, ...]:
    """Example sizes are at least 2 and pairwise different: the exporter would take 0, 1 or equal sizes as meant."""
    n_items, n_latent, n_conditions = model.n_items, model.n_latent, model.n_conditions
    batch, length, explained = Dim("B"), Dim("L"), Dim("K")
    encoder: dict[str, Tensor] = {"history": torch.arange(6).reshape(2, 3) % n_items, "mask": torch.ones(2, 3)}
    explainer: dict[str, Tensor] = {"history": torch.arange(3) % n_items}
    along: dict[str, Mapping[int, Any]] = {"history": {0: batch, 1: length}, "mask": {0: batch, 1: length}}
    if n_conditions:
        encoder["condition"] = torch.zeros(2, n_conditions)
        explainer["condition"] = torch.zeros(1, n_conditions)
        along["condition"] = {0: batch}
    explainer |= {"shift": torch.zeros(1, n_latent), "item_ix": torch.arange(5) % n_items}
    return (
        _Plan(files.ENCODER, _Encoder(model), encoder, along, ("mu",)),
        _Plan(files.DECODER, _Decoder(model), {"z": torch.zeros(2, n_latent)}, {"z": {0: batch}}, ("logits",)),
        _Plan(
            files.EXPLAINER,
            _explainer(model, explainer),
            explainer,
            {name: {"history": {0: length}, "item_ix": {0: explained}}.get(name, {}) for name in explainer},
            (ExplainedTotal if isinstance(model, AdditiveVAE) else Explained)._fields,
        ),
    )


def _explainer(model: LatentModel, inputs: Mapping[str, Tensor]) -> nn.Module:
    """The closed form where the model has one; else the path integral with its gradients written out."""
    explains: nn.Module
    if isinstance(model, AdditiveVAE):
        explains = AdditiveExplainer(model)
    else:
        explains = Explainer(model) if has_closed_form(model) else PathExplainer(model)
    module = explains if model.n_conditions else _Unconditioned(explains)
    return traced(module.eval(), inputs) if isinstance(explains, PathExplainer) else module


def _describe(plan: _Plan) -> Graph:
    return Graph(file=plan.file, opset=OPSET, inputs=tuple(plan.inputs), outputs=plan.outputs)


def _export(plan: _Plan) -> bytes:
    with _quiet():
        program = torch.onnx.export(
            plan.module.eval(),
            kwargs=dict(plan.inputs),
            dynamo=True,
            dynamic_shapes={name: dict(axes) for name, axes in plan.dynamic.items()},
            input_names=list(plan.inputs),
            output_names=[name + _OUTSIDE for name in plan.outputs],
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    _rename(model, {name: name + "_inside" for name in plan.outputs})
    _rename(model, {name + _OUTSIDE: name for name in plan.outputs})
    return canonical_bytes(model, plan.file)


def _rename(model: onnx.ModelProto, names: Mapping[str, str]) -> None:
    """The exporter names inner values after torch's functions ("linear"), so an output may not be given such a name."""
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*model.graph.output, *model.graph.value_info):
        value.name = names.get(value.name, value.name)


def canonical_bytes(model: onnx.ModelProto, file: str) -> bytes:
    """Strip what varies or tells of the machine (doc strings, metadata, traces, versions), check, and serialise."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    made.ir_version = IR_VERSION
    made.producer_name, made.graph.name = "prismrec", file.removesuffix(".onnx")
    made.ClearField("producer_version")
    values = (*made.graph.input, *made.graph.output, *made.graph.value_info)
    for part in (made, made.graph, *made.graph.node, *made.graph.initializer, *values):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for ix, node in enumerate(made.graph.node):
        node.name = f"{node.op_type}_{ix}"
    _check(made, file)
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def _check(model: onnx.ModelProto, file: str) -> None:
    hint = "this is a defect of the export of this model; report it with the versions of torch and onnx"
    operators = {node.op_type for node in model.graph.node}
    domains = {entry.domain for entry in model.opset_import} | {node.domain for node in model.graph.node}
    versions = {entry.version for entry in model.opset_import if entry.domain == ""}
    if operators & FORBIDDEN or domains - {""}:
        raise ExportError(f"{file} has operators {sorted(operators & FORBIDDEN)}, domains {sorted(domains)}", hint=hint)
    if versions != {OPSET} or model.functions:
        raise ExportError(f"{file} has opset {sorted(versions)}, expected {OPSET} and no functions", hint=hint)
    if any(weight.data_location == onnx.TensorProto.EXTERNAL for weight in model.graph.initializer):
        raise ExportError(f"{file} keeps weights outside itself", hint=hint)
    onnx.checker.check_model(model, full_check=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its own inner workings (deprecations, registered operators); nothing there is ours."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
