"""A bundle is loaded only when everything about it is true."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bundle.errors import BundleError, GoldenError, GraphError
from bundle.manifest import GoldenCase
from bundle.writer import write_bundle
from service.bundles.loader import load_bundle
from service.graphs import open_session
from tests.builders import (
    DAMAGES,
    LINEAR_DAMAGES,
    STEERING_DAMAGES,
    BuilderModel,
    builder_model,
    damage,
    edit_manifest,
    linear_damage,
    make_bundle,
    make_payload,
    steering_damage,
)


@pytest.mark.parametrize("kind", DAMAGES)
def test_load_bundle_damaged_in_any_way_is_refused_with_its_reason(tmp_path: Path, kind: str) -> None:
    folder = damage(make_bundle(tmp_path / "models"), kind)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert caught.value.reason == DAMAGES[kind]


@pytest.mark.parametrize("kind", LINEAR_DAMAGES)
def test_load_bundle_whose_linear_term_is_damaged_is_refused_with_its_reason(tmp_path: Path, kind: str) -> None:
    folder = linear_damage(make_bundle(tmp_path / "models", linear=True), kind)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert caught.value.reason == LINEAR_DAMAGES[kind]


def test_load_bundle_undamaged_loads_and_keeps_no_second_copy_of_the_graphs(folder: Path) -> None:
    loaded = load_bundle(folder)
    assert len(loaded.bundle_id) == 16
    assert dict(loaded.bundle.graphs) == {}


def test_session_of_a_graph_keeps_none_of_the_bytes_that_it_was_made_of(folder: Path) -> None:
    content = (folder / "decoder.onnx").read_bytes()
    held = sys.getrefcount(content)
    session = open_session(content)
    assert sys.getrefcount(content) == held
    assert session.get_inputs()[0].name == "z"


def _written(root: Path, model: BuilderModel, **changes: object) -> Path:
    """A bundle whose manifest is changed before the hashes are made."""
    payload, manifest_of = make_payload(model)

    def edited(entries):
        manifest = manifest_of(entries)
        return type(manifest)(**{f: changes.get(f, getattr(manifest, f)) for f in manifest.__struct_fields__})

    return write_bundle(root / "demo", "1", payload, edited)


def test_load_bundle_whose_golden_top_is_not_the_top_is_refused(tmp_path: Path) -> None:
    model = builder_model()
    logits = model.logits(model.encode((0, 1)))
    worst = int(np.argmin(logits))
    case = GoldenCase(history=(0, 1), condition=(), top_items=(worst,), scores=(float(logits[worst]),), tolerance=1e-4)
    with pytest.raises(GoldenError, match="outside the top"):
        load_bundle(_written(tmp_path, model, golden=(case,)))


def test_load_bundle_of_another_opset_than_it_says_is_refused(tmp_path: Path) -> None:
    folder = make_bundle(tmp_path)
    edit_manifest(folder, lambda manifest: manifest["graphs"]["decoder"].update(opset=19))
    with pytest.raises(GraphError, match="opset"):
        load_bundle(folder)


@pytest.mark.parametrize("kind", STEERING_DAMAGES)
def test_load_bundle_with_a_bad_steering_graph_is_refused_with_its_reason(tmp_path: Path, kind: str) -> None:
    folder = steering_damage(make_bundle(tmp_path / "models", steering=True), kind)
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    assert caught.value.reason == STEERING_DAMAGES[kind]


@pytest.mark.parametrize("file", ["encoder.onnx", "decoder.onnx", "explainer.onnx", "linear.onnx", "steering.onnx"])
def test_load_bundle_with_a_graph_of_another_size_is_refused(tmp_path: Path, file: str) -> None:
    terms = {"linear": file == "linear.onnx", "steering": file == "steering.onnx"}
    model, other = (builder_model(**terms, **sizes) for sizes in ({}, {"n_latent": 5, "n_items": 51}))
    payload, manifest_of = make_payload(model)
    payload = {**payload, file: make_payload(other)[0][file]}
    with pytest.raises(GraphError, match="shape"):
        load_bundle(write_bundle(tmp_path / "demo", "1", payload, manifest_of))


def test_load_bundle_with_the_explainer_of_another_model_is_refused(tmp_path: Path) -> None:
    payload, manifest_of = make_payload(builder_model())
    payload = {**payload, "explainer.onnx": make_payload(builder_model(seed=1))[0]["explainer.onnx"]}
    with pytest.raises(GoldenError, match="not of one model"):
        load_bundle(write_bundle(tmp_path / "demo", "1", payload, manifest_of))


def test_load_bundle_whose_golden_scores_are_those_of_the_decoder_alone_is_refused(tmp_path: Path) -> None:
    """The exporter that forgets the linear term in its golden cases; the whole score is the control."""
    model = builder_model(linear=True)
    alone, whole = model.logits(model.encode((0, 1))), model.scores((0, 1))
    for name, scores in (("alone", alone), ("whole", whole)):
        top = tuple(int(j) for j in np.argsort(-scores, kind="stable")[:5])
        case = GoldenCase(
            history=(0, 1), condition=(), top_items=top, scores=tuple(map(float, scores[list(top)])), tolerance=1e-4
        )
        folder = _written(tmp_path / name, model, golden=(case,))
        if name == "whole":
            load_bundle(folder)
        else:
            with pytest.raises(GoldenError, match="off by"):
                load_bundle(folder)
