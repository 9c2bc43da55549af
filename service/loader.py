"""From a folder to a bundle that may answer: verified bytes, scanned graphs, sessions, golden answers, a warm-up.

Nothing here trusts the file once it is verified: the bytes that were hashed are the bytes that onnxruntime gets.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime as ort

from bundle.errors import GoldenError, GraphError
from bundle.manifest import Dims, GoldenCase, Graph, Manifest
from bundle.reader import Bundle, read_bundle
from service.engine import LoadedBundle
from service.graphs import ORT_ERRORS, GraphRunner, open_session
from service.onnx_scan import scan
from service.query import Attribution, FloatArray

FLOAT, INT64 = "tensor(float)", "tensor(int64)"
BASE_TOLERANCE = 1e-3
EXPLAINED = 3
"""So many items are explained in the warm-up."""


def load_bundle(folder: Path) -> LoadedBundle:
    """Read, verify, check and warm up the bundle in `folder`; raises BundleError, and then nothing is kept.

    Costs one read and hash of its bytes, three sessions (memory: about 4.5 times the graphs at the peak) and one run
    per golden case. Most of it releases the interpreter lock, so requests go on meanwhile.
    """
    return prepare(read_bundle(folder))


def prepare(bundle: Bundle) -> LoadedBundle:
    """A verified bundle -> one that may answer. Raises GraphError or GoldenError."""
    manifest = bundle.manifest
    expected = _signatures(manifest.dims)
    graphs = manifest.graphs
    encoder = _session(bundle, graphs.encoder, expected["encoder"])
    decoder = _session(bundle, graphs.decoder, expected["decoder"])
    explainer = _session(bundle, graphs.explainer, expected["explainer"])
    runner = GraphRunner(graphs, manifest.dims, encoder=encoder, decoder=decoder, explainer=explainer)
    _check_golden(runner, manifest)
    for attribute in bundle.catalogue.attributes:
        _ = attribute.members  # made now, not during the first request
    _ = bundle.catalogue.idmap
    return LoadedBundle(dataclasses.replace(bundle, graphs={}), runner)  # onnxruntime has its own copy of the bytes


@dataclasses.dataclass(frozen=True, slots=True)
class _Signature:
    """(type, shape) of each tensor in order; a None in a shape is a dynamic dimension."""

    inputs: tuple[tuple[str, tuple[int | None, ...]], ...]
    outputs: tuple[tuple[str, tuple[int | None, ...]], ...]


def _signatures(dims: Dims) -> dict[str, _Signature]:
    """What bundle.manifest.Graphs promises of each graph."""
    batch = ((FLOAT, (None, dims.n_conditions)),) if dims.n_conditions else ()
    single = ((FLOAT, (1, dims.n_conditions)),) if dims.n_conditions else ()
    latent, scores = (FLOAT, (None, dims.n_latent)), (FLOAT, (None,))
    return {
        "encoder": _Signature(((INT64, (None, None)), (FLOAT, (None, None)), *batch), (latent,)),
        "decoder": _Signature((latent,), ((FLOAT, (None, dims.n_items)),)),
        "explainer": _Signature(
            ((INT64, (None,)), *single, (FLOAT, (1, dims.n_latent)), (INT64, (None,))),
            (latent, scores, (FLOAT, (None, None)), scores),
        ),
    }


def _session(bundle: Bundle, graph: Graph, expected: _Signature) -> ort.InferenceSession:
    content = bundle.graphs[graph.file]
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
    cases = manifest.golden
    try:
        for case in cases:
            history = tuple(sorted(set(case.history)))
            logits = _decoded(runner, runner.encode([history], [case.condition]), manifest.dims)
            _check_case(case, logits[0])
            _check_explained(runner, case, history, manifest.dims)
        mu = runner.encode([c.history for c in cases], [c.condition for c in cases])
        for case, row in zip(cases, _decoded(runner, mu, manifest.dims), strict=True):
            _check_case(case, row)
    except ORT_ERRORS as error:
        raise GraphError(f"a graph fails on a golden case ({type(error).__name__})") from error


def _decoded(runner: GraphRunner, mu: FloatArray, dims: Dims) -> FloatArray:
    """mu [B, n_latent] -> logits [B, n_items], with the shapes and finiteness that every later request relies on."""
    if mu.shape[1:] != (dims.n_latent,) or not np.isfinite(mu).all():
        raise GoldenError(f"the encoder must give {dims.n_latent} finite numbers for a golden case")
    logits = np.concatenate(list(runner.decode(mu)))
    if logits.shape != (len(mu), dims.n_items) or not np.isfinite(logits).all():
        raise GoldenError(f"the decoder must give {dims.n_items} finite scores for a golden case")
    return logits


def _check_case(case: GoldenCase, logits: FloatArray) -> None:
    if not case.top_items:
        raise GoldenError("a golden case names no items")
    listed = logits[list(case.top_items)]
    off = float(np.abs(listed - np.asarray(case.scores)).max())
    if not off <= case.tolerance:
        raise GoldenError(f"a golden score is off by {off:.2e}, at most {case.tolerance:.0e} is allowed")
    others = np.delete(logits, list(case.top_items))
    if others.size and float(others.max()) > float(listed.min()) + 2 * case.tolerance:
        raise GoldenError("an item outside the top of a golden case scores higher than those in it")


def _check_explained(runner: GraphRunner, case: GoldenCase, history: tuple[int, ...], dims: Dims) -> None:
    """The explainer's shapes, and that its base is the decoder's own answer at z = 0."""
    items = case.top_items[:EXPLAINED]
    origin = np.zeros((1, dims.n_latent), dtype=np.float32)
    found = runner.explain(history, case.condition, shift=origin[0], items=items)
    if _shapes(found) != ((len(items), dims.n_latent), (len(items),), (len(items), len(history)), (len(items),)):
        raise GraphError("the explainer's outputs do not have the shapes that the bundle format gives")
    parts = (found.latent, found.latent_base, found.history, found.history_base)
    if not all(np.isfinite(part).all() for part in parts):
        raise GoldenError("the explainer gives a number that is not finite for a golden case")
    base = _decoded(runner, origin, dims)[0, list(items)]
    if not np.allclose(found.latent_base, base, rtol=BASE_TOLERANCE, atol=BASE_TOLERANCE):
        raise GoldenError("the explainer and the decoder disagree at z = 0: they are not of one model")


def _shapes(found: Attribution) -> tuple[tuple[int, ...], ...]:
    return (found.latent.shape, found.latent_base.shape, found.history.shape, found.history_base.shape)
