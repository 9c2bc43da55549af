"""Which items are alike to the model: cosine of what each item alone does to an empty history.

The representation of item j is encode({j}) - encode({}), float32 [n_latent]. The decoder's rows would be the other
natural choice; they lie inside the graph, and the encoder's view needs nothing but what the bundle promises.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np

from service.query import FloatArray, SimilarItem
from service.ranking import top_n


class ItemSpace:
    """Unit rows [n_items, n_latent], made on first use (one encoder run of every item) and kept: 4 n_items n_latent B.

    The lock lets one thread make them while others wait. Who encodes comes with the question and is not kept: a bundle
    that holds what holds it would outlive its swap until the collector of cycles comes by.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: FloatArray | None = None

    def nearest(self, item_ix: int, n: int, *, encode: Callable[[], FloatArray]) -> tuple[SimilarItem, ...]:
        """The n other items of highest cosine, ties by index; an item that moves nothing has cosine 0 with all.

        encode: gives float32 [n_items, n_latent], one row an item; asked once.
        """
        rows = self._unit_rows(encode)
        cosine = np.clip(rows @ rows[item_ix], -1.0, 1.0)
        others = np.ones(len(rows), dtype=np.bool_)
        others[item_ix] = False
        found = top_n(cosine, others, n)
        return tuple(SimilarItem(int(j), rank, float(cosine[j])) for rank, j in enumerate(found, start=1))

    def _unit_rows(self, encode: Callable[[], FloatArray]) -> FloatArray:
        if self._rows is None:
            with self._lock:
                if self._rows is None:
                    self._rows = _unit(encode())
        return self._rows


def _unit(rows: FloatArray) -> FloatArray:
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True, dtype=np.float32))
    return np.asarray(rows / np.where(length > 0, length, 1), dtype=np.float32)
