"""Search in the catalogue: by words of the title, the most popular items first."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from bundle.catalogue import Catalogue
from service.engine import LoadedBundle

KEPT = 2
"""The bundle that is served and the one before it."""


class TitleIndex:
    """The items of one catalogue by popularity (ties by index), with their titles folded for comparison."""

    def __init__(self, catalogue: Catalogue) -> None:
        popularity = catalogue.popularity
        self._order = sorted(range(len(catalogue)), key=lambda item_ix: (-popularity[item_ix], item_ix))
        self._folded = [(catalogue.titles[item_ix] or "").casefold() for item_ix in self._order]

    def search(self, words: str, *, offset: int, limit: int) -> list[int]:
        """Item indices whose title has every word of `words` in it (all items for none). O(n_items)."""
        return list(islice(self._matching(words.casefold().split()), offset, offset + limit))

    def _matching(self, words: list[str]) -> Iterator[int]:
        if not words:
            yield from self._order
            return
        for item_ix, title in zip(self._order, self._folded, strict=True):
            if all(word in title for word in words):
                yield item_ix


class Titles:
    """The index of each bundle in use, made on its first search."""

    def __init__(self) -> None:
        self._indexes: dict[str, TitleIndex] = {}

    def of(self, loaded: LoadedBundle) -> TitleIndex:
        """The index of a bundle's catalogue."""
        found = self._indexes.get(loaded.bundle_id)
        if found is None:
            while len(self._indexes) >= KEPT:
                del self._indexes[next(iter(self._indexes))]
            found = self._indexes[loaded.bundle_id] = TitleIndex(loaded.catalogue)
        return found
