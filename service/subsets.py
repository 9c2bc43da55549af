"""Many subsets of one history, scored by the whole model, with what they share worked out once.

The encoder reads every subset anew: it is not linear. The linear term is: what it says of a history is what it says of
none and a part for each item (bundle.manifest.Graphs), so that a subset's row is that of the whole history less the
parts of what is missing, or that of no history and the parts of what is left, whichever is less to add up. A part is
asked of the graph once. So the rows that are gathered are those of the history once and of the items that come and go,
and not those of every subset again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.errors import NonFiniteScoreError
from service.graphs import GraphRunner
from service.limits import LIMITS
from service.query import FloatArray

Keep = NDArray[np.bool_]
"""[B, L]: which items of the history each subset has."""


class Subsets:
    """Subsets of one history under one condition. Not for use from several threads at once."""

    def __init__(self, graphs: GraphRunner, history: tuple[int, ...], condition: FloatArray) -> None:
        """history: sorted indices, each once; condition float32 [n_conditions]."""
        self._graphs = graphs
        self._history, self._condition = np.asarray(history, dtype=np.int64), condition
        self._parts = _Parts(graphs, self._history, condition)

    def scores(self, keep: Keep, *, shift: FloatArray | None) -> Iterator[FloatArray]:
        """The scores of each subset, float32 [b, n_items] in chunks, in order; shift [1, n_latent] or None.

        The figures are those of GraphRunner.scores to float32 precision. Raises NonFiniteScoreError.
        """
        histories = [self._history[row] for row in keep]
        conditions = np.broadcast_to(self._condition, (len(histories), len(self._condition)))
        mu = self._graphs.encode(histories, conditions)
        known = self._parts.rows_of(keep)
        direct = None if known is None else known.__getitem__
        for chunk in self._graphs.scores(mu, histories, conditions, shift=shift, direct=direct):
            if not np.isfinite(chunk).all():
                raise NonFiniteScoreError("the model gave a score that is not finite")
            yield chunk


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """How each subset's row is put together: chained [B], from the row before it; else from the whole history's (less
    [B]) or nobody's. items [B, L]: those whose parts come or go on the way.
    """

    chained: NDArray[np.bool_]
    less: NDArray[np.bool_]
    items: Keep


def _way(keep: Keep) -> _Way:
    """The one with fewest parts for each row."""
    less = keep.sum(axis=1) * 2 > keep.shape[1]
    moved = keep ^ less[:, None]
    step = moved.copy()
    step[1:] = keep[1:] ^ keep[:-1]
    chained = step.sum(axis=1) < moved.sum(axis=1)
    return _Way(chained, less, np.where(chained[:, None], step, moved))


class _Parts:
    """What the linear graph adds for each item of a history, asked for when it is first needed."""

    def __init__(self, graphs: GraphRunner, history: NDArray[np.int64], condition: FloatArray) -> None:
        self._graphs, self._history, self._condition = graphs, history, condition
        self._base: FloatArray | None = None
        self._known: dict[int, int] = {}
        self._parts: list[FloatArray] = []

    def rows_of(self, keep: Keep) -> FloatArray | None:
        """What the term adds to each subset, float32 [B, n_items]; None: it is cheaper, or leaner, to ask the graph.

        Memory: a row for each item that comes or goes and for each subset, LIMITS.decode_cells floats at most.
        """
        if not self._graphs.has_linear or not len(keep):
            return None
        way = _way(keep)
        needed = np.flatnonzero(way.items.any(axis=0))
        rows = (len(keep) + len(needed) + len(self._known)) * self._graphs.n_items
        if rows > LIMITS.decode_cells or len(needed) + len(self._history) >= keep.sum():
            return None
        self._ask(needed)
        return self._added_up(keep, way)

    def _added_up(self, keep: Keep, way: _Way) -> FloatArray:
        """Row by row and not as a matrix product: numpy's has threads, which go on spinning when it is done."""
        assert self._base is not None
        rows = np.empty((len(keep), self._graphs.n_items), dtype=np.float32)
        for row, items in enumerate(way.items):
            rows[row] = rows[row - 1] if way.chained[row] else self._base[int(way.less[row])]
            for place in np.flatnonzero(items).tolist():
                part = self._parts[self._known[place]]
                if keep[row, place]:
                    rows[row] += part
                else:
                    rows[row] -= part
        return rows

    def _ask(self, needed: NDArray[np.int64]) -> None:
        """Have the rows of no history and of the whole one, and the parts of these items."""
        if self._base is None:
            self._base = self._linear([self._history[:0], self._history])
        new = [i for i in needed.tolist() if i not in self._known]
        if not new:
            return
        parts = self._linear([self._history[i : i + 1] for i in new]) - self._base[0]
        self._known.update({i: len(self._known) + place for place, i in enumerate(new)})
        self._parts.extend(parts)

    def _linear(self, histories: list[NDArray[np.int64]]) -> FloatArray:
        conditions = np.broadcast_to(self._condition, (len(histories), len(self._condition)))
        found = self._graphs.linear(histories, conditions)
        assert found is not None, "the graph is there: has_linear was asked"
        return found
