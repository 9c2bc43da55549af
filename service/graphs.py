"""The three graphs of a bundle, run by onnxruntime: padding, chunking and the checks that onnxruntime does not make.

onnxruntime's Gather takes -1 for the last row without a word, so no index goes in unchecked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from bundle.manifest import Dims, Graphs
from service.limits import LIMITS
from service.query import Attribution, FloatArray

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
    return ort.InferenceSession(content, sess_options=options, providers=["CPUExecutionProvider"])


class GraphRunner:
    """Encoder, decoder and explainer of one bundle. Safe to use from several threads at once."""

    def __init__(
        self,
        graphs: Graphs,
        dims: Dims,
        *,
        encoder: ort.InferenceSession,
        decoder: ort.InferenceSession,
        explainer: ort.InferenceSession,
    ) -> None:
        self._graphs, self._dims = graphs, dims
        self._encoder, self._decoder, self._explainer = encoder, decoder, explainer

    def encode(self, histories: Sequence[Sequence[int]], conditions: Sequence[Sequence[int]]) -> FloatArray:
        """Item indices (each once) and condition inputs per row -> mu float32 [B, n_latent].

        Rows of like length run together, at most LIMITS.encode_cells padded indices at a time; memory is that times
        the model's hidden width.
        """
        mu = np.empty((len(histories), self._dims.n_latent), dtype=np.float32)
        order = sorted(range(len(histories)), key=lambda row: len(histories[row]))
        for rows in _chunks(order, [len(histories[row]) for row in order]):
            inputs = self._padded([histories[row] for row in rows])
            if self._dims.n_conditions:
                inputs.append(self._multi_hot([conditions[row] for row in rows]))
            feed = dict(zip(self._graphs.encoder.inputs, inputs, strict=True))
            mu[rows] = self._encoder.run(list(self._graphs.encoder.outputs), feed)[0]
        return mu

    def decode(self, z: FloatArray) -> Iterator[FloatArray]:
        """z float32 [B, n_latent] -> logits float32 [b, n_items] in chunks, in order, LIMITS.decode_cells at a time."""
        step = max(1, LIMITS.decode_cells // self._dims.n_items)
        name, outputs = self._graphs.decoder.inputs[0], list(self._graphs.decoder.outputs)
        for start in range(0, len(z), step):
            yield self._decoder.run(outputs, {name: z[start : start + step]})[0]

    def explain(
        self, history: Sequence[int], condition: Sequence[int], *, shift: FloatArray, items: Sequence[int]
    ) -> Attribution:
        """Both views of the scores of `items`; K * hidden * path nodes floats are held at once."""
        self._check(history)
        self._check(items)
        inputs: list[NDArray[np.generic]] = [np.asarray(history, dtype=np.int64)]
        if self._dims.n_conditions:
            inputs.append(self._multi_hot([condition]))
        inputs += [shift[None, :], np.asarray(items, dtype=np.int64)]
        graph = self._graphs.explainer
        found = self._explainer.run(list(graph.outputs), dict(zip(graph.inputs, inputs, strict=True)))
        latent, latent_base, history_part, history_base = found
        return Attribution(tuple(items), tuple(history), latent, latent_base, history_part, history_base)

    def _padded(self, histories: Sequence[Sequence[int]]) -> list[NDArray[np.generic]]:
        """history int64 [B, L] padded with item 0, mask float32 [B, L]; L is at least 1."""
        width = max(1, *(len(row) for row in histories))
        history = np.zeros((len(histories), width), dtype=np.int64)
        mask = np.zeros((len(histories), width), dtype=np.float32)
        for b, row in enumerate(histories):
            history[b, : len(row)] = row
            mask[b, : len(row)] = 1.0
        self._check(history)
        return [history, mask]

    def _multi_hot(self, conditions: Sequence[Sequence[int]]) -> FloatArray:
        """float32 [B, n_conditions], 1 for each value asked for."""
        table = np.zeros((len(conditions), self._dims.n_conditions), dtype=np.float32)
        for b, values in enumerate(conditions):
            if any(not 0 <= v < self._dims.n_conditions for v in values):
                raise IndexError("a condition index lies outside the model's condition inputs")
            table[b, list(values)] = 1.0
        return table

    def _check(self, indices: NDArray[np.int64] | Sequence[int]) -> None:
        array = np.asarray(indices, dtype=np.int64)
        if array.size and (array.min() < 0 or array.max() >= self._dims.n_items):
            raise IndexError("an item index lies outside the catalogue")


def _chunks(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Cut rows sorted by length so that rows * longest stays within LIMITS.encode_cells (one row always goes)."""
    chunk: list[int] = []
    for row, length in zip(order, lengths, strict=True):
        if chunk and (len(chunk) + 1) * max(1, length) > LIMITS.encode_cells:
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk
