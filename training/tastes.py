"""A user's taste by the items' attributes: what share of a history has each value, and the mean of a number.

The one definition behind guided latents, probes, and the measures of a latent space: whatever is tied to a taste is
measured against the same taste.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.catalogue import Attribute, Catalogue

MAX_VALUES = 200
"""An attribute with more values than this says too little of each: it has no tastes."""


@dataclass(frozen=True, slots=True, order=True)
class Taste:
    """One number per user. value: the share of the history that has it; None: the mean of a numeric attribute."""

    attribute: str
    value: str | None = None

    def __str__(self) -> str:
        return self.attribute if self.value is None else f"{self.attribute}:{self.value}"


@dataclass(frozen=True, slots=True)
class TasteTable:
    """What each item adds to each of g tastes.

    tastes   [g]
    amounts  float32 [n_items, g]: A_a[j, v] (an item's values share 1), or the item's number in deviations from
             the mean, in standard deviations over the items; 0 where it is missing
    known    float32 [n_items, g]: 1 where the item's value is known
    """

    tastes: tuple[Taste, ...]
    amounts: NDArray[np.float32]
    known: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.tastes)

    def of(self, histories: sparse.csr_matrix) -> NDArray[np.float64]:
        """[n, g]: the mean amount over the items of a history whose value is known; over all items where there is none.

        histories: CSR [n, n_items], whose values are not looked at. O(interactions * g).
        """
        ones = sparse.csr_matrix((np.ones(histories.nnz), histories.indices, histories.indptr), shape=histories.shape)
        counted = np.asarray(ones @ self.known.astype(np.float64))
        total = np.asarray(ones @ self.amounts.astype(np.float64))
        anybody = self.amounts.sum(axis=0) / np.maximum(self.known.sum(axis=0), 1.0)
        return np.where(counted > 0, total / np.maximum(counted, 1.0), anybody)

    def only(self, places: Sequence[int]) -> TasteTable:
        """The tastes at `places`, in that order."""
        chosen = list(places)
        return TasteTable(tuple(self.tastes[p] for p in chosen), self.amounts[:, chosen], self.known[:, chosen])


def taste_table(
    catalogue: Catalogue, attributes: Sequence[str] | None = None, *, max_values: int = MAX_VALUES
) -> TasteTable:
    """The tastes of these attributes (None = all), in the catalogue's order, values in the attribute's.

    A numeric attribute is one taste; one with two values is one, too (the second value: its share is one minus the
    other's); any other has one for each value. Attributes that no two items differ in, or with more than max_values
    values, have none. KeyError for a name that is not the catalogue's. Costs n_items * g floats.
    """
    chosen = [catalogue.attributes[i] for i in _places(catalogue, attributes)]
    tastes: list[Taste] = []
    amounts: list[NDArray[np.float32]] = []
    known: list[NDArray[np.float32]] = []
    for attribute in chosen:
        if attribute.kind == "numeric":
            columns = [_numbers(attribute)]
            named: list[str | None] = [None]
        else:
            first = 1 if len(attribute.values) == 2 and attribute.kind == "categorical" else 0
            columns = [attribute.shares[:, v] for v in range(first, len(attribute.values))]
            named = list(attribute.values[first:])
        if len(columns) > max_values or not any(np.ptp(column) > 0 for column in columns):
            continue
        there = np.array([bool(row) for row in attribute.rows], dtype=np.float32)
        for value, column in zip(named, columns, strict=True):
            tastes.append(Taste(attribute.name, value))
            amounts.append(column.astype(np.float32))
            known.append(there)
    if not tastes:
        nothing = np.zeros((len(catalogue), 0), dtype=np.float32)
        return TasteTable((), nothing, nothing)
    return TasteTable(tuple(tastes), np.column_stack(amounts), np.column_stack(known))


def _places(catalogue: Catalogue, attributes: Sequence[str] | None) -> list[int]:
    names = [a.name for a in catalogue.attributes]
    if attributes is None:
        return list(range(len(names)))
    unknown = [name for name in attributes if name not in names]
    if unknown:
        raise KeyError(unknown[0])
    return sorted({names.index(name) for name in attributes})


def _numbers(attribute: Attribute) -> NDArray[np.float32]:
    """In standard deviations over the items, 0 where missing."""
    numbers = np.array([np.nan if n is None else n for n in attribute.numbers], dtype=np.float64)
    given = ~np.isnan(numbers)
    if not given.any():
        return np.zeros(len(numbers), dtype=np.float32)
    spread = float(numbers[given].std())
    scaled = (numbers - numbers[given].mean()) / (spread if spread > 0 else 1.0)
    return np.where(given, scaled, 0.0).astype(np.float32)
