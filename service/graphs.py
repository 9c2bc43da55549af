"""The graphs of a bundle, run by onnxruntime: padding, chunking and the checks that onnxruntime does not make.

onnxruntime's Gather takes -1 for the last row without a word, so no index goes in unchecked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from bundle.manifest import Dims, Graph, Graphs
from service.limits import LIMITS
from service.query import Attribution, FloatArray

Histories = Sequence[Sequence[int] | NDArray[np.int64]]
Direct = Callable[[slice], FloatArray | None]
"""What is added to the decoder's logits of some rows, float32 [b, n_items]; None: there is no such term."""

LITTLE = 8
"""Histories up to this much longer than twice the shortest are padded to one length: two runs would cost more."""

ORT_ERRORS: tuple[type[Exception], ...] = (
    ort_state.Fail,
    ort_state.EPFail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.NoModel,
    ort_state.NoSuchFile,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
    RuntimeError,
    ValueError,
)
"""What onnxruntime raises: its own errors have no common base."""


def open_session(content: bytes) -> ort.InferenceSession:
    """A session over verified bytes: CPU, one thread, no spinning (serving measurements: the default doubles CPU)."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = ort.InferenceSession(content, sess_options=options, providers=["CPUExecutionProvider"])
    session._model_bytes = None  # the wrapper keeps them for `set_providers`, which nobody calls: twice the memory
    return session


@dataclass(frozen=True, slots=True)
class Sessions:
    """One session per graph of a bundle; linear and steering are None for a model without those terms."""

    encoder: ort.InferenceSession
    decoder: ort.InferenceSession
    explainer: ort.InferenceSession
    linear: ort.InferenceSession | None = None
    steering: ort.InferenceSession | None = None


def condition_row(n_conditions: int, inputs: Sequence[int], weight: float = 1.0) -> FloatArray:
    """float32 [n_conditions]: `weight` in each of the inputs named, 0 elsewhere. Raises IndexError outside of them."""
    if any(not 0 <= c < n_conditions for c in inputs):
        raise IndexError("a condition index lies outside the model's condition inputs")
    row = np.zeros(n_conditions, dtype=np.float32)
    row[list(inputs)] = weight
    return row


class GraphRunner:
    """The graphs of one bundle. Safe to use from several threads at once.

    Conditions are rows float32 [B, n_conditions] (see condition_row), [B, 0] for a model without any.
    """

    def __init__(self, graphs: Graphs, dims: Dims, sessions: Sessions) -> None:
        self._graphs, self._dims, self._sessions = graphs, dims, sessions

    @property
    def n_items(self) -> int:
        return self._dims.n_items

    @property
    def has_linear(self) -> bool:
        """Whether the model has a linear term beside its decoder."""
        return self._graphs.linear is not None

    def encode(self, histories: Histories, conditions: FloatArray) -> FloatArray:
        """Item indices (each once) and a condition per row -> mu float32 [B, n_latent].

        Rows of like length run together, at most LIMITS.encode_cells padded indices at a time; memory is that times
        the model's hidden width.
        """
        mu = np.empty((len(histories), self._dims.n_latent), dtype=np.float32)
        for rows in _chunks(histories, LIMITS.encode_cells, alike=True):
            feed = self._feed(self._graphs.encoder, [histories[row] for row in rows], conditions[rows])
            mu[rows] = self._sessions.encoder.run(list(self._graphs.encoder.outputs), feed)[0]
        return mu

    def scores(
        self,
        mu: FloatArray,
        histories: Histories,
        conditions: FloatArray,
        *,
        shift: FloatArray | None,
        direct: Direct | None = None,
    ) -> Iterator[FloatArray]:
        """The scores at mu + shift, float32 [B, n_latent] each: float32 [b, n_items] in chunks, decode_cells at a time.

        mu     where the history (and a condition) put somebody; shift: how far they are moved from there, by steering
               or a cold start's picks; None = nobody is. Either may be one row for all
        direct what the linear graph adds, from who has worked it out already (service.subsets); None = it is run
        The decoder's logits, plus what the linear graph (if there is one) adds for the history and condition, and the
        steering graph for the shift. All belong to the score, so none can be left out: a history and a condition per
        row, or one of each for all rows. There is no other way to the decoder.
        """
        z = mu if shift is None else mu + shift
        if not len(histories) == len(conditions) or len(histories) not in {1, len(z)}:
            raise ValueError(f"{len(histories)} histories and {len(conditions)} conditions for {len(z)} points")
        shared = self.linear(histories, conditions) if direct is None and len(histories) == 1 else None
        step = max(1, LIMITS.decode_cells // self._dims.n_items)
        name, outputs = self._graphs.decoder.inputs[0], list(self._graphs.decoder.outputs)
        for start in range(0, len(z), step):
            part = slice(start, start + step)
            found: FloatArray = self._sessions.decoder.run(outputs, {name: z[part]})[0]
            if direct is not None:
                added = direct(part)
            else:
                added = shared if len(histories) == 1 else self.linear(histories[part], conditions[part])
            if added is not None:
                found += added
            if shift is not None:
                self._follow(found, shift if len(shift) == 1 else shift[part])
            yield found

    def _follow(self, scores: FloatArray, shift: FloatArray) -> None:
        """Add to scores [b, n_items] what the steering graph gives their shifts ([b, n_latent], or one for all).

        Rows that nobody moved are left as they are, to the bit, and cost nothing.
        """
        graph, session = self._graphs.steering, self._sessions.steering
        moved = np.flatnonzero(shift.any(axis=1))
        if graph is None or session is None or not len(moved):
            return
        followed: FloatArray = session.run(list(graph.outputs), {graph.inputs[0]: shift[moved]})[0]
        if len(shift) == 1:
            scores += followed
        else:
            scores[moved] += followed

    def linear(self, histories: Histories, conditions: FloatArray) -> FloatArray | None:
        """What is added to the logits, float32 [B, n_items]; None without the graph.

        At most LIMITS.linear_cells bytes of weights are gathered at a time (one row always goes).
        """
        graph, session = self._graphs.linear, self._sessions.linear
        if graph is None or session is None:
            return None
        found = np.empty((len(histories), self._dims.n_items), dtype=np.float32)
        for rows in _chunks(histories, LIMITS.linear_cells // self._dims.n_items):
            feed = self._feed(graph, [histories[row] for row in rows], conditions[rows])
            found[rows] = session.run(list(graph.outputs), feed)[0]
        return found

    def explain(
        self, history: Sequence[int], condition: FloatArray, *, shift: FloatArray, items: Sequence[int]
    ) -> Attribution:
        """Both views of the scores of `items`; K * hidden * path nodes floats are held at once."""
        self._check(history)
        self._check(items)
        inputs: list[NDArray[np.generic]] = [np.asarray(history, dtype=np.int64)]
        if self._dims.n_conditions:
            inputs.append(condition[None, :])
        inputs += [shift[None, :], np.asarray(items, dtype=np.int64)]
        graph = self._graphs.explainer
        found = self._sessions.explainer.run(list(graph.outputs), dict(zip(graph.inputs, inputs, strict=True)))
        latent, latent_base, history_part, history_base = found[:4]
        nothing = np.broadcast_to(np.float32(0), (len(items), len(history)))
        direct = nothing if self._graphs.linear is None else found[4]
        return Attribution(tuple(items), tuple(history), latent, latent_base, history_part, history_base, direct)

    def _feed(self, graph: Graph, histories: Histories, conditions: FloatArray) -> dict[str, NDArray[np.generic]]:
        """The inputs of a graph that reads a batch of histories (encoder and linear)."""
        inputs = self._padded(histories)
        if self._dims.n_conditions:
            inputs.append(conditions)
        return dict(zip(graph.inputs, inputs, strict=True))

    def _padded(self, histories: Histories) -> list[NDArray[np.generic]]:
        """history int64 [B, L] padded with item 0, mask float32 [B, L]; L is at least 1."""
        width = max(1, *(len(row) for row in histories))
        history = np.zeros((len(histories), width), dtype=np.int64)
        mask = np.zeros((len(histories), width), dtype=np.float32)
        for b, row in enumerate(histories):
            history[b, : len(row)] = row
            mask[b, : len(row)] = 1.0
        self._check(history)
        return [history, mask]

    def _check(self, indices: NDArray[np.int64] | Sequence[int]) -> None:
        array = np.asarray(indices, dtype=np.int64)
        if array.size and (array.min() < 0 or array.max() >= self._dims.n_items):
            raise IndexError("an item index lies outside the catalogue")


def _chunks(histories: Histories, cells: int, *, alike: bool = False) -> Iterator[list[int]]:
    """Row numbers, those of like length together, so that rows * longest is at most `cells` (one row always goes).

    alike: no row more than twice as long as the chunk's shortest (and LITTLE), so that little of what runs is padding.
    """
    chunk: list[int] = []
    for row in sorted(range(len(histories)), key=lambda row: len(histories[row])):
        length = len(histories[row])
        full = (len(chunk) + 1) * max(1, length) > cells
        if chunk and (full or (alike and length > 2 * len(histories[chunk[0]]) + LITTLE)):
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk
