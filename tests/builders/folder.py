"""From the planted parts to a bundle folder, through bundle.writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from bundle.catalogue import Catalogue
from bundle.manifest import (
    Conditions,
    Data,
    Dims,
    FileEntry,
    GoldenCase,
    Graph,
    Graphs,
    Manifest,
    Metric,
    Trainer,
    encode,
)
from bundle.writer import write_bundle
from tests.builders.catalogue import GENRES, catalogue_of
from tests.builders.factor_map import factor_map_of, latent_map_of
from tests.builders.graphs import OPSET, build_graphs
from tests.builders.model import BuilderModel, builder_model

ManifestOf = Callable[[dict[str, FileEntry]], Manifest]
TOLERANCE = 1e-4


def builder_catalogue(*, n_items: int = 50, attributes: bool = True) -> Catalogue:
    """The catalogue that `make_bundle` writes."""
    return catalogue_of(n_items, attributes=attributes)


def make_bundle(
    root: Path,
    *,
    name: str = "demo",
    version: str = "1",
    n_items: int = 50,
    n_latent: int = 4,
    n_conditions: int = 3,
    seed: int = 0,
    attributes: bool = True,
    linear: bool = False,
    steering: bool = False,
) -> Path:
    """Write root/<name>/<version>, point `current` to it and return its folder. Without attributes: no conditions.

    linear: a model with the fourth graph; steering: with the fourth and the fifth.
    """
    sizes = {"n_items": n_items, "n_latent": n_latent, "n_conditions": n_conditions}
    model = builder_model(**sizes, seed=seed, linear=linear, steering=steering)
    payload, manifest_of = make_payload(model, name=name, version=version, attributes=attributes)
    return write_bundle(root / name, version, payload, manifest_of)


def make_payload(
    model: BuilderModel, *, name: str = "demo", version: str = "1", attributes: bool = True
) -> tuple[Mapping[str, bytes], ManifestOf]:
    """The files and the function that makes their manifest, for tests of the writer and of odd contents."""
    if not attributes and model.n_conditions:
        raise ValueError("conditions are values of an attribute: without attributes pass n_conditions=0")
    catalogue = catalogue_of(model.n_items, attributes=attributes)
    conditions = GENRES[: model.n_conditions]
    payload = {
        **build_graphs(model),
        "items.json": encode(catalogue),
        "factors.json": encode(factor_map_of(model, catalogue)),
        "latent_map.json": encode(latent_map_of(model, conditions)),
    }

    def manifest_of(entries: dict[str, FileEntry]) -> Manifest:
        return _manifest(model, name, version, entries)

    return payload, manifest_of


def _manifest(model: BuilderModel, name: str, version: str, entries: dict[str, FileEntry]) -> Manifest:
    conditions = GENRES[: model.n_conditions]
    metrics = {"recall@20": _metric(0.31), "recall@50": _metric(0.45), "ndcg@100": _metric(0.38)}
    if conditions:
        metrics["satisfaction@10"] = _metric(0.87)
    return Manifest(
        format_version=1,
        name=name,
        version=version,
        created="2026-01-02T03:04:05Z",
        model="additive-vae" if model.linear is not None else "c-vae" if conditions else "mult-vae",
        config={"hidden": model.item_in.shape[1], "latent": model.n_latent, "dropout": 0.5},
        dims=Dims(n_items=model.n_items, n_latent=model.n_latent, n_conditions=model.n_conditions),
        graphs=_graphs(("condition",) if conditions else (), model),
        conditions=Conditions(attribute="genre" if conditions else None, values=conditions),
        data=Data(
            name="planted",
            fingerprint="0" * 64,
            n_users=200,
            n_items=model.n_items,
            n_interactions=4000,
            threshold=4.0,
            min_items=5,
        ),
        seeds={"training": 0, "split": 98765},
        metrics=metrics,
        baselines={"popularity": {"ndcg@100": _metric(0.19)}, "ease": {"ndcg@100": _metric(0.37)}},
        golden=golden_cases(model),
        trainer=Trainer(version="0.1.0", libraries={"numpy": np.__version__}),
        files=entries,
    )


def golden_cases(model: BuilderModel) -> tuple[GoldenCase, ...]:
    """Three made-up histories (one of them empty), and one under a condition where the model has any."""
    asked: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((0, 1, 2), ()), ((0,), ()), ((), ())]
    if model.n_conditions:
        asked.append(((1, 2), (0,)))
    return tuple(_golden(model, history, condition) for history, condition in asked)


def _golden(model: BuilderModel, history: tuple[int, ...], condition: tuple[int, ...]) -> GoldenCase:
    scores = model.scores(history, condition)
    top = np.argsort(-scores, kind="stable")[:10]
    return GoldenCase(
        history=history,
        condition=condition,
        top_items=tuple(int(j) for j in top),
        scores=tuple(float(scores[j]) for j in top),
        tolerance=TOLERANCE,
    )


def _graphs(condition: tuple[str, ...], model: BuilderModel) -> Graphs:
    linear, steering = model.linear is not None, model.along is not None

    def graph(name: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Graph:
        return Graph(file=f"{name}.onnx", opset=OPSET, inputs=inputs, outputs=outputs)

    histories = ("history", "mask", *condition)
    explained = ("latent", "latent_base", "history_contribution", "history_base", *(("linear",) if linear else ()))
    return Graphs(
        encoder=graph("encoder", histories, ("mu",)),
        decoder=graph("decoder", ("z",), ("logits",)),
        explainer=graph("explainer", ("history", *condition, "shift", "item_ix"), explained),
        linear=graph("linear", histories, ("linear",)) if linear else None,
        steering=graph("steering", ("shift",), ("followed",)) if steering else None,
    )


def _metric(mean: float) -> Metric:
    return Metric(mean=mean, se=0.01, low=mean - 0.02, high=mean + 0.02, n=40)
