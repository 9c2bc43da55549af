"""From a folder to a bundle that may answer: verified bytes, scanned graphs, sessions, golden answers, a warm-up.

Nothing here trusts the file once it is verified: the bytes that were hashed are the bytes that onnxruntime gets.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from bundle.errors import GoldenError, GraphError
from bundle.manifest import Dims, GoldenCase, Graph, Manifest
from bundle.reader import Admit, Bundle, read_bundle
from service.bundles.onnx_scan import scan
from service.engine import LoadedBundle
from service.graphs import ORT_ERRORS, GraphRunner, Sessions, condition_row, open_session
from service.query import Attribution, FloatArray
from service.telemetry.stages import Observer, timed

FLOAT, INT64 = "tensor(float)", "tensor(int64)"
BASE_TOLERANCE = 1e-3
"""How far the explainer's base and direct parts may be from the other graphs' answers, relative to them or absolute."""
VIEW_TOLERANCE = 1e-2
"""How much of a score the history view of a model with a linear term may miss, relative to the score (and to 1).

Quadrature misses a hundredth of that; a view that leaves the direct parts out misses far more.
"""
EXPLAINED = 3
"""So many items are explained in the warm-up."""


def load_bundle(folder: Path, observe: Observer | None = None, admit: Admit | None = None) -> LoadedBundle:
    """Read, verify, check and warm up the bundle in `folder`; raises BundleError, and then nothing is kept.

    admit: shown the manifest before the rest is read (service.bundles.room: is there memory for it?).
    Costs one read and hash of its bytes, a session per graph (memory: their bytes, twice the largest graph's again at
    the peak) and one run per golden case. Most of it releases the interpreter lock, so requests go on meanwhile.
    """
    return prepare(read_bundle(folder, admit), observe)


def prepare(bundle: Bundle, observe: Observer | None = None) -> LoadedBundle:
    """A verified bundle -> one that may answer, each run of its graphs observed. Raises GraphError or GoldenError."""
    manifest, contents = bundle.manifest, dict(bundle.graphs)
    bundle = dataclasses.replace(bundle, graphs={})  # a session has its own copy: a graph's bytes go once it is made
    graphs = manifest.graphs
    expected = _signatures(manifest.dims, has_linear=graphs.linear is not None)
    sessions = Sessions(
        encoder=_session(contents, graphs.encoder, expected["encoder"]),
        decoder=_session(contents, graphs.decoder, expected["decoder"]),
        explainer=_session(contents, graphs.explainer, expected["explainer"]),
        linear=None if graphs.linear is None else _session(contents, graphs.linear, expected["linear"]),
        steering=None if graphs.steering is None else _session(contents, graphs.steering, expected["steering"]),
    )
    runner = GraphRunner(graphs, manifest.dims, sessions)
    _check_golden(runner, manifest)
    for attribute in bundle.catalogue.attributes:
        _ = attribute.members  # made now, not during the first request
    _ = bundle.catalogue.idmap
    if observe is not None:  # from now on: the warm-up is nobody's request
        runner = GraphRunner(graphs, manifest.dims, timed(sessions, observe))
    return LoadedBundle(bundle, runner)


@dataclasses.dataclass(frozen=True, slots=True)
class _Signature:
    """(type, shape) of each tensor in order; a None in a shape is a dynamic dimension."""

    inputs: tuple[tuple[str, tuple[int | None, ...]], ...]
    outputs: tuple[tuple[str, tuple[int | None, ...]], ...]


def _signatures(dims: Dims, *, has_linear: bool) -> dict[str, _Signature]:
    """What bundle.manifest.Graphs promises of each graph."""
    batch = ((FLOAT, (None, dims.n_conditions)),) if dims.n_conditions else ()
    single = ((FLOAT, (1, dims.n_conditions)),) if dims.n_conditions else ()
    latent, scores = (FLOAT, (None, dims.n_latent)), (FLOAT, (None,))
    every, by_item = (FLOAT, (None, dims.n_items)), (FLOAT, (None, None))
    histories = ((INT64, (None, None)), (FLOAT, (None, None)), *batch)
    return {
        "encoder": _Signature(histories, (latent,)),
        "decoder": _Signature((latent,), (every,)),
        "explainer": _Signature(
            ((INT64, (None,)), *single, (FLOAT, (1, dims.n_latent)), (INT64, (None,))),
            (latent, scores, by_item, scores, *((by_item,) if has_linear else ())),
        ),
        "linear": _Signature(histories, (every,)),
        "steering": _Signature((latent,), (every,)),
    }


def _session(contents: dict[str, bytes], graph: Graph, expected: _Signature) -> ort.InferenceSession:
    """The session of a graph, whose bytes are taken out of `contents`."""
    content = contents.pop(graph.file)
    found = scan(content, graph.file)
    if found.opset != graph.opset:
        raise GraphError(f"{graph.file} is of opset {found.opset}, the manifest says {graph.opset}")
    try:
        session = open_session(content)
    except ORT_ERRORS as error:
        raise GraphError(f"{graph.file} is refused by onnxruntime ({type(error).__name__})") from error
    _check_tensors(graph, "input", graph.inputs, session.get_inputs(), expected.inputs)
    _check_tensors(graph, "output", graph.outputs, session.get_outputs(), expected.outputs)
    return session


def _check_tensors(
    graph: Graph,
    side: str,
    names: tuple[str, ...],
    tensors: list[ort.NodeArg],
    expected: tuple[tuple[str, tuple[int | None, ...]], ...],
) -> None:
    """Names and order as in the manifest, types and shapes as bundle.manifest.Graphs; a graph may leave a size open."""
    if tuple(tensor.name for tensor in tensors) != names or len(names) != len(expected):
        raise GraphError(f"the {side}s of {graph.file} are not the {len(expected)} that the manifest names")
    for tensor, (kind, shape) in zip(tensors, expected, strict=True):
        sizes = list(tensor.shape or [])
        fits = len(sizes) == len(shape) and all(
            not isinstance(size, int) or size == wanted for size, wanted in zip(sizes, shape, strict=True)
        )
        if tensor.type != kind or not fits:
            wanted = ["any" if size is None else size for size in shape]
            raise GraphError(f"{side} {tensor.name!r} of {graph.file} must be {kind} of shape {wanted}")


def _check_golden(runner: GraphRunner, manifest: Manifest) -> None:
    """Every golden case, one by one and all at once, which also warms the sessions up."""
    cases, dims = manifest.golden, manifest.dims
    rows = np.stack([condition_row(dims.n_conditions, case.condition) for case in cases])
    try:
        for case, condition in zip(cases, rows, strict=True):
            asked = _Asked(tuple(sorted(set(case.history))), condition)
            scores = _scored(runner, [asked], dims)[0]
            _check_case(case, scores)
            _check_explained(runner, asked, scores, items=case.top_items[:EXPLAINED], dims=dims)
        together = [_Asked(case.history, condition) for case, condition in zip(cases, rows, strict=True)]
        for case, scores in zip(cases, _scored(runner, together, dims), strict=True):
            _check_case(case, scores)
    except ORT_ERRORS as error:
        raise GraphError(f"a graph fails on a golden case ({type(error).__name__})") from error


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A history and the condition input float32 [n_conditions] that it is scored under."""

    history: tuple[int, ...]
    condition: FloatArray


def _scored(
    runner: GraphRunner,
    asked: Sequence[_Asked],
    dims: Dims,
    *,
    at: FloatArray | None = None,
    shift: FloatArray | None = None,
) -> FloatArray:
    """Scores [B, n_items], at the encoder's points or at the one given; shapes and finiteness as requests rely on."""
    histories, conditions = [one.history for one in asked], np.stack([one.condition for one in asked])
    mu = runner.encode(histories, conditions) if at is None else at
    if mu.shape[1:] != (dims.n_latent,) or not np.isfinite(mu).all():
        raise GoldenError(f"the encoder must give {dims.n_latent} finite numbers for a golden case")
    scores = np.concatenate(list(runner.scores(mu, histories, conditions, shift=shift)))
    if scores.shape != (len(mu), dims.n_items) or not np.isfinite(scores).all():
        raise GoldenError(f"the model must give {dims.n_items} finite scores for a golden case")
    return scores


def _check_case(case: GoldenCase, scores: FloatArray) -> None:
    if not case.top_items:
        raise GoldenError("a golden case names no items")
    listed = scores[list(case.top_items)]
    off = float(np.abs(listed - np.asarray(case.scores)).max())
    if not off <= case.tolerance:
        raise GoldenError(f"a golden score is off by {off:.2e}, at most {case.tolerance:.0e} is allowed")
    others = np.delete(scores, list(case.top_items))
    if others.size and float(others.max()) > float(listed.min()) + 2 * case.tolerance:
        raise GoldenError("an item outside the top of a golden case scores higher than those in it")


def _check_explained(
    runner: GraphRunner, asked: _Asked, scores: FloatArray, *, items: tuple[int, ...], dims: Dims
) -> None:
    """The explainer's shapes, and that it is of the same model as the graphs that score.

    At z = 0 its base must be the decoder's own answer (with what linear() gives an empty history), and base and direct
    parts what the model gives this history there. For a model with a linear term the history view must hold it, too.
    """
    origin = np.zeros((1, dims.n_latent), dtype=np.float32)
    found = runner.explain(asked.history, asked.condition, shift=origin[0], items=items)
    by_item = (len(items), len(asked.history))
    if _shapes(found) != ((len(items), dims.n_latent), (len(items),), by_item, (len(items),), by_item):
        raise GraphError("the explainer's outputs do not have the shapes that the bundle format gives")
    if not found.is_finite:
        raise GoldenError("the explainer gives a number that is not finite for a golden case")
    nobody = _scored(runner, [_Asked((), asked.condition)], dims, at=origin)[0, list(items)]
    if not _close(found.latent_base, nobody, BASE_TOLERANCE):
        raise GoldenError("the explainer and the decoder disagree at z = 0: they are not of one model")
    if not runner.has_linear:
        return
    directly = _scored(runner, [asked], dims, at=origin)[0, list(items)]
    if not _close(found.latent_base + found.linear.sum(axis=1), directly, BASE_TOLERANCE):
        raise GoldenError("the explainer's direct parts are not what the linear graph adds: they are not of one model")
    if not _close(found.history_base + found.history.sum(axis=1), scores[list(items)], VIEW_TOLERANCE):
        raise GoldenError("the explainer's history contributions do not make the score: the linear term may be missing")
    _check_moved(runner, asked, items=items, dims=dims)


def _check_moved(runner: GraphRunner, asked: _Asked, *, items: tuple[int, ...], dims: Dims) -> None:
    """Both views of the explainer make the score of somebody who steers: it follows a shift as the scores do."""
    shift = np.linspace(-1.0, 1.0, dims.n_latent, dtype=np.float32)
    found = runner.explain(asked.history, asked.condition, shift=shift, items=items)
    scores = _scored(runner, [asked], dims, shift=shift[None, :])[0, list(items)]
    by_latent = found.latent_base + found.latent.sum(axis=1) + found.linear.sum(axis=1)
    by_item = found.history_base + found.history.sum(axis=1)
    if not _close(by_latent, scores, BASE_TOLERANCE) or not _close(by_item, scores, VIEW_TOLERANCE):
        raise GoldenError(
            "the explainer's parts do not make the score under a shift: it may follow another than scores do"
        )


def _close(found: FloatArray, expected: FloatArray, tolerance: float) -> bool:
    return np.allclose(found, expected, rtol=tolerance, atol=tolerance)


def _shapes(found: Attribution) -> tuple[tuple[int, ...], ...]:
    parts = (found.latent, found.latent_base, found.history, found.history_base, found.linear)
    return tuple(part.shape for part in parts)
