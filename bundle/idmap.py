"""External item ids <-> item indices. An unknown id is `None`, never -1.

(onnxruntime's Gather takes -1 for the last row, so a -1 here would be a silent wrong answer.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bundle.errors import ContentError


class Known(NamedTuple):
    """A list of external ids, told apart: indices of those known (first occurrence, in order) and the rest."""

    indices: list[int]
    unknown: list[str]


class IdMap:
    """A bijection between external ids (strings) and 0..n-1. Building it costs O(n) time and memory."""

    __slots__ = ("_index", "ids")

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = tuple(ids)
        self._index = {external: ix for ix, external in enumerate(self.ids)}
        if len(self._index) != len(self.ids):
            raise ContentError(f"{len(self.ids) - len(self._index)} item ids occur more than once")
        if "" in self._index:
            raise ContentError("an item id is empty")

    def __len__(self) -> int:
        return len(self.ids)

    def index(self, external: str) -> int | None:
        """The index of an external id, or None when the catalogue does not have it."""
        return self._index.get(external)

    def split(self, externals: Iterable[str]) -> Known:
        """Indices of the known ids, duplicates collapsed, beside the ids that are unknown (also once each)."""
        indices: dict[int, None] = {}
        unknown: dict[str, None] = {}
        for external in externals:
            ix = self._index.get(external)
            if ix is None:
                unknown[external] = None
            else:
                indices[ix] = None
        return Known(list(indices), list(unknown))
