"""The exported bundle, scored from outside, gives the figures of the run; a damaged one does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.outside import main
from tests.test_house import ROOT, isolated
from training.evaluate.evaluate import evaluate
from training.evaluate.result import Evaluation
from training.run_folder import RunFolder

METRICS = ("ndcg@100", "recall@20", "recall@50")


@pytest.fixture
def run(demo) -> RunFolder:
    return RunFolder(demo.root / "runs" / "demo")


@pytest.fixture
def copied(demo, tmp_path) -> Path:
    """A bundle that a test may damage; outside it no digest is looked at."""
    return Path(shutil.copytree(demo.bundle, tmp_path / "bundle"))


def scored(capsys, bundle: Path, split: Path, *words: str, code: int = 0) -> dict:
    assert main([str(bundle), str(split), *words]) == code
    return json.loads(capsys.readouterr().out)


def test_outside_gives_the_figures_of_the_run(demo, run, capsys):
    document = scored(capsys, demo.bundle, run.split)
    ours = Evaluation.load(run.evaluation).model
    assert document["users"] == ours["ndcg@100"].n
    for name in METRICS:
        assert document["found"][name]["mean"] == pytest.approx(ours[name].mean, abs=1e-6)
        assert document["found"][name]["se"] == pytest.approx(ours[name].se, abs=1e-6)
        assert document["claimed"][name] == pytest.approx(ours[name].mean, abs=1e-12)
    assert document["difference"] < 1e-6
    assert document["graphs"] == ["encoder", "decoder"]


def test_outside_on_validation_users_too(demo, run, capsys):
    document = scored(capsys, demo.bundle, run.split, "--part", "validation", "--batch", "7")
    ours = evaluate(run.load(), part="validation", baselines=()).model
    assert [document["found"][name]["mean"] for name in METRICS] == pytest.approx(
        [ours[name].mean for name in METRICS], abs=1e-6
    )
    assert document["difference"] is None


def test_outside_reads_the_reference_form_of_a_split(demo, run, tmp_path, capsys):
    arrays = dict(np.load(run.split, allow_pickle=False))
    arrays["item_movie_id"] = arrays.pop("item_id")
    del arrays["protocol"], arrays["fingerprint"], arrays["format"]
    np.savez(tmp_path / "reference.npz", **arrays)
    assert scored(capsys, demo.bundle, tmp_path / "reference.npz") == scored(capsys, demo.bundle, run.split)


def test_outside_notices_items_in_another_order(copied, run, capsys):
    items = json.loads((copied / "items.json").read_text())
    items["ids"] = items["ids"][1:] + items["ids"][:1]
    (copied / "items.json").write_text(json.dumps(items))
    assert scored(capsys, copied, run.split, code=1)["difference"] > 0.01


def test_outside_notices_damaged_weights(copied, run, capsys):
    model = onnx.load(copied / "decoder.onnx")
    weight = max(model.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
    weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), weight.name))
    onnx.save(model, copied / "decoder.onnx")
    assert scored(capsys, copied, run.split, code=1)["difference"] > 0.01


def linear_graph(weights: np.ndarray) -> onnx.ModelProto:
    """history, mask -> sum over the history of weights [n_items, n_items]."""
    nodes = [
        helper.make_node("Gather", ["weights", "history"], ["rows"], axis=0),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["rows", "wide"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["logits"], keepdims=0),
    ]
    given = [
        helper.make_tensor_value_info("history", TensorProto.INT64, ["b", "l"]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["b", "l"]),
    ]
    made = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", len(weights)])]
    constants = {"weights": weights, "last": np.array([2]), "middle": np.array([1])}
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "linear", given, made, stored)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


@pytest.mark.parametrize(("size", "code"), [(0.0, 0), (5.0, 1)])
def test_outside_adds_the_linear_graph(copied, run, capsys, size, code):
    n_items = len(json.loads((copied / "items.json").read_text())["ids"])
    weights = (size * np.random.default_rng(0).normal(size=(n_items, n_items))).astype(np.float32)
    onnx.save(linear_graph(weights), copied / "linear.onnx")
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["graphs"]["linear"] = {"file": "linear.onnx", "opset": 20, "inputs": ["history", "mask"]}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert scored(capsys, copied, run.split, code=code)["graphs"] == ["encoder", "decoder", "linear"]


def test_outside_refuses_a_manifest_that_claims_nothing(copied, run, capsys):
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["metrics"] = {}
    (copied / "manifest.json").write_text(json.dumps(manifest))
    assert main([str(copied), str(run.split)]) == 2
    assert "nothing to compare" in capsys.readouterr().err


def test_outside_refuses_what_does_not_fit(copied, run, tmp_path, capsys):
    assert main([str(copied), str(tmp_path / "none.npz")]) == 2
    assert main([str(tmp_path), str(run.split)]) == 2
    arrays = dict(np.load(run.split, allow_pickle=False))
    arrays["item_id"][0] = "gone"
    np.savez(tmp_path / "other.npz", **arrays)
    assert main([str(copied), str(tmp_path / "other.npz")]) == 2
    assert "1 of the split's items are not in the bundle, e.g. 'gone'" in capsys.readouterr().err
    (copied / "encoder.onnx").write_bytes(b"\x00" * 50)
    assert main([str(copied), str(run.split)]) == 2
    assert capsys.readouterr().out == ""


def test_outside_needs_nothing_of_ours_and_no_torch(demo, run):
    ours = ("bundle", "service", "training", "prismrec", "torch", "onnx", "scipy", "polars", "msgspec", "lightning")
    code = f"from benchmarks.outside import main; raise SystemExit(main([{str(demo.bundle)!r}, {str(run.split)!r}]))"
    done = isolated(code, blocked=ours, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["difference"] < 1e-6
