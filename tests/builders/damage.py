"""Every way in which a bundle can be bad, one function each; `damage` applies one to a good bundle folder.

A kind that lies deeper than the hashes rewrites the manifest's file table, so that only the later checks can find it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from bundle.manifest import seal_bytes

Damage = Callable[[Path], None]


def damage(folder: Path, kind: str) -> Path:
    """Spoil the bundle in `folder` in one named way (see DAMAGES) and return the folder."""
    _KINDS[kind][1](folder)
    return folder


def edit_manifest(folder: Path, edit: Callable[[dict[str, Any]], None] | None = None) -> None:
    """Change the manifest (a dict of its JSON, in place), then make its file table and digest true again."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    if edit is not None:
        edit(manifest)
    for name, entry in manifest["files"].items():
        if (folder / name).is_file():
            content = (folder / name).read_bytes()
            entry.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    path.write_bytes(seal_bytes(json.dumps(manifest).encode()))


def _flip_bit(folder: Path) -> None:
    path = folder / "decoder.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def _manifest_digit(folder: Path) -> None:
    """A metric is one digit better than it was: well-formed, and only the manifest's own digest tells."""
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"mean": 0.31', '"mean": 0.91', 1))


def _truncate(folder: Path) -> None:
    path = folder / "decoder.onnx"
    path.write_bytes(path.read_bytes()[:-1])


def _empty(folder: Path) -> None:
    (folder / "items.json").write_bytes(b"")


def _missing(folder: Path) -> None:
    (folder / "factors.json").unlink()


def _extra(folder: Path) -> None:
    (folder / "weights.pkl").write_bytes(b"\x80\x04.")


def _fifo(folder: Path) -> None:
    (folder / "encoder.onnx").unlink()
    os.mkfifo(folder / "encoder.onnx")


def _manifest_fifo(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    os.mkfifo(folder / "manifest.json")


def _symlink(folder: Path) -> None:
    outside = folder.parent.parent / "outside.onnx"
    shutil.copy(folder / "encoder.onnx", outside)
    (folder / "encoder.onnx").unlink()
    (folder / "encoder.onnx").symlink_to(outside)


def _directory(folder: Path) -> None:
    (folder / "encoder.onnx").unlink()
    (folder / "encoder.onnx").mkdir()


def _manifest_text(text: str) -> Damage:
    return lambda folder: _write(folder / "manifest.json", text)


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def manifest_edit(edit: Callable[[dict[str, Any]], None]) -> Damage:
    return lambda folder: edit_manifest(folder, edit)


def _duplicate_keys(folder: Path) -> None:
    text = (folder / "manifest.json").read_text().replace("{", '{"format_version": 1, ', 1)
    (folder / "manifest.json").write_text(text)


def _huge_manifest(folder: Path) -> None:
    with (folder / "manifest.json").open("r+b") as handle:
        handle.truncate(1 << 30)  # sparse: takes no disk


def _json_edit(name: str, edit: Callable[[dict[str, Any]], None]) -> Damage:
    def spoil(folder: Path) -> None:
        content = json.loads((folder / name).read_bytes())
        edit(content)
        (folder / name).write_text(json.dumps(content))
        edit_manifest(folder)

    return spoil


def graph_edit(name: str, edit: Callable[[onnx.ModelProto], None]) -> Damage:
    def spoil(folder: Path) -> None:
        model = onnx.load(folder / name)
        edit(model)
        (folder / name).write_bytes(model.SerializeToString())
        edit_manifest(folder)

    return spoil


def _nan_weights(model: onnx.ModelProto) -> None:
    biggest = max(model.graph.initializer, key=lambda w: len(w.raw_data))
    values = numpy_helper.to_array(biggest).copy()
    values.flat[0] = np.nan
    biggest.CopyFrom(numpy_helper.from_array(values, biggest.name))


def _external_data(model: onnx.ModelProto) -> None:
    biggest = max(model.graph.initializer, key=lambda w: len(w.raw_data))
    biggest.ClearField("raw_data")
    biggest.data_location = onnx.TensorProto.EXTERNAL
    biggest.external_data.add(key="location", value="../../secret.bin")


def _unknown_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    output = model.graph.node[-1].output[0]
    model.graph.node[-1].output[0] = "before_custom"
    model.graph.node.append(helper.make_node("Steal", ["before_custom"], [output], domain="com.example"))


def add_loop(model: onnx.ModelProto) -> None:
    """A Loop of 2^62 rounds that does nothing."""
    output = model.graph.node[-1].output[0]
    model.graph.node[-1].output[0] = "before_loop"
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_out"]), helper.make_node("Identity", ["x"], ["x_out"])],
        "body",
        [
            helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_out", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("x_out", onnx.TensorProto.FLOAT, None),
        ],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(2**62, dtype=np.int64), "rounds"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "always"))
    model.graph.node.append(helper.make_node("Loop", ["rounds", "always", "before_loop"], [output], body=body))


def rename_output(model: onnx.ModelProto) -> None:
    old = model.graph.output[0].name
    model.graph.output[0].name = "scores"
    for node in model.graph.node:
        for i, name in enumerate(node.output):
            if name == old:
                node.output[i] = "scores"


def _golden_off(manifest: dict[str, Any]) -> None:
    manifest["golden"][0]["scores"][0] += 0.01


def _fewer_items(content: dict[str, Any]) -> None:
    for column in ("ids", "titles", "popularity"):
        content[column].pop()
    for attribute in content["attributes"]:
        attribute["rows"].pop()
        if attribute["numbers"]:
            attribute["numbers"].pop()


def _duplicate_id(content: dict[str, Any]) -> None:
    content["ids"][1] = content["ids"][0]


def _empty_id(content: dict[str, Any]) -> None:
    content["ids"][1] = ""


def _fewer_factors(content: dict[str, Any]) -> None:
    content["factors"].pop()


def _ghost_condition(manifest: dict[str, Any]) -> None:
    manifest["conditions"] = {"attribute": "genre", "values": ["Ghost"]}
    manifest["dims"]["n_conditions"] = 1


def _listed_pickle(manifest: dict[str, Any]) -> None:
    manifest["files"]["weights.pkl"] = {"size": 3, "sha256": hashlib.sha256(b"\x80\x04.").hexdigest()}


def _set(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda manifest: manifest.update({key: value})


_KINDS: dict[str, tuple[str, Damage]] = {
    "flipped-bit": ("hash", _flip_bit),
    "manifest-digit": ("hash", _manifest_digit),
    "truncated": ("files", _truncate),
    "empty-file": ("files", _empty),
    "missing-file": ("files", _missing),
    "extra-file": ("files", _extra),
    "fifo": ("files", _fifo),
    "manifest-fifo": ("files", _manifest_fifo),
    "symlink": ("files", _symlink),
    "directory": ("files", _directory),
    "listed-pickle": ("files", manifest_edit(_listed_pickle)),
    "huge-manifest": ("manifest", _huge_manifest),
    "missing-manifest": ("manifest", lambda folder: (folder / "manifest.json").unlink()),
    "manifest-not-json": ("manifest", _manifest_text("{")),
    "manifest-empty": ("manifest", _manifest_text("")),
    "manifest-array": ("manifest", _manifest_text("[1]")),
    "manifest-deep": ("manifest", _manifest_text("[" * 100_000)),
    "manifest-nan": ("manifest", _manifest_text('{"format_version": NaN}')),
    "duplicate-keys": ("manifest", _duplicate_keys),
    "unknown-format": ("manifest", manifest_edit(_set("format_version", 99))),
    "wrong-type": ("manifest", manifest_edit(_set("seeds", "twelve"))),
    "unknown-field": ("manifest", manifest_edit(_set("surprise", 1))),
    "fewer-items": ("content", _json_edit("items.json", _fewer_items)),
    "duplicate-id": ("content", _json_edit("items.json", _duplicate_id)),
    "empty-id": ("content", _json_edit("items.json", _empty_id)),
    "fewer-factors": ("content", _json_edit("factors.json", _fewer_factors)),
    "ghost-condition": ("content", manifest_edit(_ghost_condition)),
    "external-data": ("graph", graph_edit("decoder.onnx", _external_data)),
    "unknown-domain": ("graph", graph_edit("decoder.onnx", _unknown_domain)),
    "loop": ("graph", graph_edit("decoder.onnx", add_loop)),
    "renamed-output": ("graph", graph_edit("decoder.onnx", rename_output)),
    "nan-weights": ("golden", graph_edit("decoder.onnx", _nan_weights)),
    "golden-off": ("golden", manifest_edit(_golden_off)),
}

DAMAGES: dict[str, str] = {kind: reason for kind, (reason, _) in _KINDS.items()}
"""kind -> the `reason` of the BundleError that must refuse it. "graph" and "golden" need the service's loader."""
