"""Our own look into an ONNX file before onnxruntime sees it: no external data, no operator off the list, no NaN.

Field numbers are those of onnx.proto (ONNX 1.x). Whatever a message may say twice is refused if either saying is bad,
so it does not matter which of them a parser would believe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bundle.errors import GoldenError, GraphError
from service.bundles.wire import BYTES, Field, Walker
from service.limits import LIMITS

_DENSE = """
Abs Add And Cast Clip Concat Constant ConstantOfShape CumSum Div Einsum Elu Equal Erf Exp Expand Flatten Floor
Gather GatherElements GatherND Gelu Gemm Greater GreaterOrEqual HardSigmoid Identity LayerNormalization LeakyRelu
Less LessOrEqual Log LogSoftmax MatMul MatMulInteger Max Mean Min Mul Neg Not OneHot Or Pow Range Reciprocal ReduceL1
ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape
ScatterElements Selu Shape Sigmoid Sign Size Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Swish Tanh Tile TopK
Transpose Trilu Unsqueeze Where Xor
"""
OPERATORS = frozenset(_DENSE.split())
"""Dense, deterministic arithmetic. Left out: control flow, randomness, sequences, strings, ScatterND (its adding form
races between threads) and everything of another domain."""

DOMAINS = frozenset({"", "ai.onnx"})
FIELD_BUDGET = 1_000_000
FLOAT_KINDS: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 10: np.dtype("<f2"), 11: np.dtype("<f8")}
BFLOAT16 = 16


@dataclass(frozen=True, slots=True)
class Scan:
    """What a graph file holds: opset of the default domain, number of nodes, operators used."""

    opset: int
    n_nodes: int
    operators: frozenset[str]


@dataclass(slots=True)
class _Found:
    name: str
    walker: Walker
    opsets: set[int] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    n_nodes: int = 0


def scan(content: bytes, name: str) -> Scan:
    """Look through the ONNX file `name`. Raises GraphError (refused), GoldenError (a weight is NaN or infinite).

    Bounded by FIELD_BUDGET fields, LIMITS.onnx_nodes nodes and LIMITS.onnx_depth nested graphs; weights are read once.
    """
    found = _Found(name, Walker(FIELD_BUDGET))
    graphs = 0
    for part in found.walker.fields(memoryview(content)):
        if part.tag == 7:
            graphs += 1
            _scan_graph(_message(part, found), found, depth=1)
        elif part.tag == 8:
            _scan_opset(_message(part, found), found)
        elif part.tag in {20, 25}:
            raise GraphError(f"{name} holds training steps or functions of its own; a bundle's graph has neither")
    if graphs != 1 or found.n_nodes == 0:
        raise GraphError(f"{name} does not hold one ONNX graph with nodes")
    if len(found.opsets) != 1:
        raise GraphError(f"{name} does not import exactly one version of the ONNX operators")
    return Scan(opset=next(iter(found.opsets)), n_nodes=found.n_nodes, operators=frozenset(found.operators))


def _scan_opset(message: memoryview, found: _Found) -> None:
    domain, version = "", 0
    for part in found.walker.fields(message):
        if part.tag == 1:
            domain = _text(part, found)
        elif part.tag == 2:
            version = part.number
    if domain in DOMAINS:
        found.opsets.add(version)


def _scan_graph(message: memoryview, found: _Found, *, depth: int) -> None:
    if depth > LIMITS.onnx_depth:
        raise GraphError(f"{found.name} nests graphs more than {LIMITS.onnx_depth} deep")
    for part in found.walker.fields(message):
        if part.tag == 1:
            _scan_node(_message(part, found), found, depth=depth)
        elif part.tag == 5:
            _scan_tensor(_message(part, found), found)
        elif part.tag == 15:
            raise GraphError(f"{found.name} holds sparse weights; a bundle's weights are dense")


def _scan_node(message: memoryview, found: _Found, *, depth: int) -> None:
    found.n_nodes += 1
    if found.n_nodes > LIMITS.onnx_nodes:
        raise GraphError(f"{found.name} has more than {LIMITS.onnx_nodes} nodes")
    operators: list[str] = []
    for part in found.walker.fields(message):
        if part.tag == 4:
            operators.append(_text(part, found))
        elif part.tag == 7 and _text(part, found) not in DOMAINS:
            raise GraphError(f"{found.name} uses an operator outside the ONNX standard's own domain")
        elif part.tag == 5:
            _scan_attribute(_message(part, found), found, depth=depth)
    if not operators or not OPERATORS.issuperset(operators):
        named = ", ".join(sorted(o for o in operators if o.isidentifier() and o not in OPERATORS)) or "without a name"
        raise GraphError(
            f"{found.name} uses an operator that this service does not run: {named[:80]}",
            hint="export the model again with dense ONNX operators only (service/bundles/onnx_scan.py lists them)",
        )
    found.operators.update(operators)


def _scan_attribute(message: memoryview, found: _Found, *, depth: int) -> None:
    for part in found.walker.fields(message):
        if part.tag in {5, 10}:
            _scan_tensor(_message(part, found), found)
        elif part.tag in {6, 11}:
            _scan_graph(_message(part, found), found, depth=depth + 1)
        elif part.tag in {22, 23}:
            raise GraphError(f"{found.name} holds sparse weights; a bundle's weights are dense")


def _scan_tensor(message: memoryview, found: _Found) -> None:
    """Refuse external data in any spelling; then look at the numbers."""
    kinds: set[int] = set()
    values: list[tuple[int, memoryview]] = []
    for part in found.walker.fields(message):
        if part.tag == 13 or (part.tag == 14 and part.number != 0):
            raise GraphError(
                f"{found.name} keeps weights in another file; a bundle's graphs are self-contained",
                hint="export the graph with its weights inside",
            )
        if part.tag == 2:
            kinds.add(part.number)
        elif part.tag in {4, 9, 10}:
            values.append((part.tag, part.payload))
    if not all(_finite(tag, payload, kind) for tag, payload in values for kind in kinds):
        raise GoldenError(f"a weight of {found.name} is NaN or infinite")


def _finite(tag: int, payload: memoryview, kind: int) -> bool:
    """Whether the floats of one value field are finite; float_data 4, raw_data 9, double_data 10."""
    kind = {4: 1, 10: 11}.get(tag, kind) if kind in FLOAT_KINDS else kind
    if kind == BFLOAT16 and tag == 9:
        return _whole(payload, 2, lambda raw: bool(((np.frombuffer(raw, "<u2") & 0x7F80) != 0x7F80).all()))
    if kind not in FLOAT_KINDS:
        return True
    dtype = FLOAT_KINDS[kind]
    return _whole(payload, dtype.itemsize, lambda raw: bool(np.isfinite(np.frombuffer(raw, dtype)).all()))


def _whole(payload: memoryview, width: int, check: Callable[[memoryview], bool]) -> bool:
    if len(payload) % width:
        raise GraphError("a weight's bytes do not make whole numbers")
    return check(payload)


def _message(part: Field, found: _Found) -> memoryview:
    if part.wire != BYTES:
        raise GraphError(f"{found.name} is not an ONNX file")
    return part.payload


def _text(part: Field, found: _Found) -> str:
    return bytes(_message(part, found)).decode("utf-8", "replace")
