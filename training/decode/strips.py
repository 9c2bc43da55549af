"""Traversal strips: what the model recommends as one z_i goes from one end of its spectrum to the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bundle.catalogue import Catalogue
from bundle.factors import N_QUANTILES, Factor, Half
from training.decode.attribute_table import AttributeTable
from training.decode.lists import TopLists, top_lists
from training.decode.magnitude_of_change import HALVES
from training.models.base import LatentModel

LEVELS = (2.5, 20.0, 50.0, 80.0, 97.5)
"""Percentiles of the aggregated posterior at which a strip stops."""


@dataclass(frozen=True, slots=True)
class Share:
    """The share of the list that has the value a half is read as, at each stop, [len(LEVELS)], in [0, 1]."""

    half: Half
    attribute: str
    value: str
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """At each stop: positions = z_i, titles = the items that stand out, shares = those of the values it reads as."""

    factor: Factor
    positions: tuple[float, ...]
    titles: tuple[tuple[str, ...], ...]
    shares: tuple[Share, ...]


def strip_of(
    model: LatentModel, factor: Factor, catalogue: Catalogue, table: AttributeTable, *, k: int, n: int
) -> Strip:
    """z = 0 but for z_i at the LEVELS of its spectrum; at each stop the n items furthest above their mean weight."""
    levels = np.linspace(0.0, 100.0, N_QUANTILES)
    positions = np.interp(LEVELS, levels, factor.quantiles)
    z = np.zeros((len(positions), model.n_latent), np.float32)
    z[:, factor.factor] = positions
    lists = top_lists(model, z, k=k)
    return Strip(factor, tuple(positions.tolist()), _titles(lists, catalogue, n), _shares(lists, factor, table))


def _titles(lists: TopLists, catalogue: Catalogue, n: int) -> tuple[tuple[str, ...], ...]:
    weights = lists.matrix.toarray()
    gain = weights - weights.mean(axis=0)
    best = np.argsort(-gain, axis=1, kind="stable")[:, :n]
    return tuple(tuple(catalogue.titles[i] or catalogue.ids[i] for i in row) for row in best.tolist())


def _shares(lists: TopLists, factor: Factor, table: AttributeTable) -> tuple[Share, ...]:
    read = table.read(lists.matrix, table.prior())
    column_of = {column.name: column for column in table.columns}
    found: list[Share] = []
    for half in HALVES:
        reading = factor.reading(half)
        column = column_of.get(reading.attribute or "")
        if column is None or reading.value is None or any(s.value == reading.value for s in found):
            continue
        at = column.start + column.values.index(reading.value)
        found.append(Share(half, column.name, reading.value, tuple(read[:, at].tolist())))
    return tuple(found)
