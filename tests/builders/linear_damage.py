"""Every way in which a bundle with a linear graph can be bad because of it; one function each, as in damage.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tests.builders.damage import Damage, add_loop, edit_manifest, graph_edit, manifest_edit, rename_output

LINEAR, EXPLAINER = "linear.onnx", "explainer.onnx"


def linear_damage(folder: Path, kind: str) -> Path:
    """Spoil a bundle made with linear=True in one named way (see LINEAR_DAMAGES) and return the folder."""
    _KINDS[kind][1](folder)
    return folder


def _missing(folder: Path) -> None:
    (folder / LINEAR).unlink()


def _flip_bit(folder: Path) -> None:
    content = bytearray((folder / LINEAR).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / LINEAR).write_bytes(bytes(content))


def _not_named(manifest: dict[str, Any]) -> None:
    del manifest["graphs"]["linear"]


def _not_listed(manifest: dict[str, Any]) -> None:
    del manifest["files"][LINEAR]


def _extra(manifest: dict[str, Any]) -> None:
    _not_named(manifest)
    _not_listed(manifest)


def _another_file(manifest: dict[str, Any]) -> None:
    manifest["graphs"]["linear"]["file"] = "decoder.onnx"


def _no_condition(manifest: dict[str, Any]) -> None:
    manifest["graphs"]["linear"]["inputs"] = ["history", "mask"]


def _weight(model: onnx.ModelProto, kind: int) -> onnx.TensorProto:
    """The largest weight of a type."""
    return max((w for w in model.graph.initializer if w.data_type == kind), key=lambda w: len(w.raw_data))


def _change(weight: onnx.TensorProto, place: tuple[int, ...], number: float) -> None:
    values = numpy_helper.to_array(weight).copy()
    values[place] = number
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))


def _one_weight_off(model: onnx.ModelProto) -> None:
    """What item 1 adds to item 2, both in a golden case, becomes half of it."""
    _change(_weight(model, onnx.TensorProto.INT8), (1, 2), 63)


def _scale_not_finite(model: onnx.ModelProto) -> None:
    rows = numpy_helper.to_array(_weight(model, onnx.TensorProto.INT8)).shape[0]
    scale = next(w for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT and list(w.dims) == [rows])
    _change(scale, (0,), np.nan)


def _direct_parts_of_nothing(model: onnx.ModelProto) -> None:
    weight = _weight(model, onnx.TensorProto.INT8)
    weight.CopyFrom(numpy_helper.from_array(np.zeros(list(weight.dims), dtype=np.int8), weight.name))


def _history_without_direct_parts(model: onnx.ModelProto) -> None:
    """The second view is that of the latents alone, as in a model without the term."""
    (node,) = (node for node in model.graph.node if "history_contribution" in node.output)
    node.op_type = "Identity"
    del node.input[1]


def _four_outputs(folder: Path) -> None:
    def edit(model: onnx.ModelProto) -> None:
        del model.graph.output[4]

    graph_edit(EXPLAINER, edit)(folder)
    edit_manifest(folder, lambda manifest: manifest["graphs"]["explainer"]["outputs"].pop())


_KINDS: dict[str, tuple[str, Damage]] = {
    "missing": ("files", _missing),
    "flipped-bit": ("hash", _flip_bit),
    "listed-but-not-named": ("files", manifest_edit(_not_named)),
    "neither-listed-nor-named": ("files", manifest_edit(_extra)),
    "named-but-not-listed": ("manifest", manifest_edit(_not_listed)),
    "named-as-another-file": ("manifest", manifest_edit(_another_file)),
    "loop": ("graph", graph_edit(LINEAR, add_loop)),
    "renamed-output": ("graph", graph_edit(LINEAR, rename_output)),
    "manifest-without-condition": ("graph", manifest_edit(_no_condition)),
    "explainer-of-four-outputs": ("graph", _four_outputs),
    "scale-not-finite": ("golden", graph_edit(LINEAR, _scale_not_finite)),
    "one-weight-off": ("golden", graph_edit(LINEAR, _one_weight_off)),
    "direct-parts-of-nothing": ("golden", graph_edit(EXPLAINER, _direct_parts_of_nothing)),
    "history-without-direct-parts": ("golden", graph_edit(EXPLAINER, _history_without_direct_parts)),
}

LINEAR_DAMAGES: dict[str, str] = {kind: reason for kind, (reason, _) in _KINDS.items()}
"""kind -> the `reason` of the BundleError that must refuse it."""
