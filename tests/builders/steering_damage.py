"""Every way in which a bundle with a steering graph can be bad because of it; one function each, as in damage.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tests.builders.damage import Damage, add_loop, edit_manifest, graph_edit, manifest_edit, rename_output

STEERING, LINEAR, EXPLAINER = "steering.onnx", "linear.onnx", "explainer.onnx"


def steering_damage(folder: Path, kind: str) -> Path:
    """Spoil a bundle made with steering=True in one named way (see STEERING_DAMAGES) and return the folder."""
    _KINDS[kind][1](folder)
    return folder


def _missing(folder: Path) -> None:
    (folder / STEERING).unlink()


def _not_named(manifest: dict[str, Any]) -> None:
    del manifest["graphs"]["steering"]


def _not_listed(manifest: dict[str, Any]) -> None:
    del manifest["files"][STEERING]


def _dropped(folder: Path) -> None:
    """File, name and entry are gone: all fits, but for the explainer, which still follows."""
    _missing(folder)

    def edit(manifest: dict[str, Any]) -> None:
        _not_named(manifest)
        _not_listed(manifest)

    edit_manifest(folder, edit)


def _without_linear(folder: Path) -> None:
    (folder / LINEAR).unlink()

    def edit(manifest: dict[str, Any]) -> None:
        del manifest["graphs"]["linear"]
        del manifest["files"][LINEAR]

    edit_manifest(folder, edit)


def _change(model: onnx.ModelProto, factor: float) -> None:
    (weight,) = model.graph.initializer
    weight.CopyFrom(numpy_helper.from_array(factor * numpy_helper.to_array(weight), weight.name))


def _explainer_that_stays(model: onnx.ModelProto) -> None:
    """Its first view is that of the latents alone."""
    (node,) = (node for node in model.graph.node if "latent" in node.output)
    node.op_type = "Identity"
    del node.input[1]


def _history_that_stays(model: onnx.ModelProto) -> None:
    (node,) = (node for node in model.graph.node if "history_base" in node.output)
    node.op_type = "Identity"
    del node.input[1]


_KINDS: dict[str, tuple[str, Damage]] = {
    "missing": ("files", _missing),
    "listed-but-not-named": ("files", manifest_edit(_not_named)),
    "named-but-not-listed": ("manifest", manifest_edit(_not_listed)),
    "without-a-linear-graph": ("manifest", _without_linear),
    "loop": ("graph", graph_edit(STEERING, add_loop)),
    "renamed-output": ("graph", graph_edit(STEERING, rename_output)),
    "not-finite": ("golden", graph_edit(STEERING, lambda model: _change(model, np.nan))),
    "another-scale": ("golden", graph_edit(STEERING, lambda model: _change(model, 1.5))),
    "dropped": ("golden", _dropped),
    "explainer-that-stays": ("golden", graph_edit(EXPLAINER, _explainer_that_stays)),
    "history-that-stays": ("golden", graph_edit(EXPLAINER, _history_that_stays)),
}

STEERING_DAMAGES: dict[str, str] = {kind: reason for kind, (reason, _) in _KINDS.items()}
"""kind -> the `reason` of the BundleError that must refuse it."""
