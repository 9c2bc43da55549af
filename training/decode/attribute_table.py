"""The attributes that can be decoded, side by side: A_a of every attribute in one table, so one product reads all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.catalogue import Attribute, Catalogue
from training.decode.information_gain import Floats


@dataclass(frozen=True, slots=True)
class Column:
    """One attribute's place in the table: columns start:stop. known [n_known]: indices of items that have a value."""

    name: str
    values: tuple[str, ...]
    ordered: bool
    start: int
    stop: int
    known: NDArray[np.int64]

    @property
    def span(self) -> slice:
        return slice(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class AttributeTable:
    """shares float32 [n_items, n_columns] (rows of an attribute sum to 1, or 0 where missing), popularity [n_items].

    left_out says, in plain words, which attributes of the catalogue cannot be decoded and why.
    """

    columns: tuple[Column, ...]
    shares: NDArray[np.float32]
    popularity: NDArray[np.float32]
    left_out: tuple[str, ...]

    @property
    def n_columns(self) -> int:
        return int(self.shares.shape[1])

    def prior(self) -> NDArray[np.float32]:
        """p_a(v) [n_columns]: the value shares under training popularity (uniform if no known item was ever taken)."""
        return self.normalised(self.popularity @ self.shares, self._uniform())

    def read(self, weights: sparse.csr_matrix, prior: Floats) -> Floats:
        """p_a(v|z) [n, n_columns] of list weights [n, n_items] ; see `normalised` for missing values."""
        return self.normalised(np.asarray(weights @ self.shares), prior)

    def normalised(self, mass: Floats, prior: Floats) -> Floats:
        """Make each attribute's block of mass [..., n_columns] sum to 1: shares among the items whose value is known.

        A list without a single known item says nothing about the attribute and reads as the prior (IG 0).
        """
        out = np.array(mass)
        for column in self.columns:
            block = out[..., column.span]
            total = block.sum(axis=-1, keepdims=True)
            if (total > 0).all():
                block /= total
            else:
                np.divide(block, total, out=block, where=total > 0)
                out[..., column.span] = np.where(total > 0, block, prior[..., column.span])
        return out

    def per_attribute(self, measure: Callable[..., Floats], *shares: Floats) -> Floats:
        """Apply a measure of information_gain to each attribute's block -> [..., n_attributes]."""
        if not self.columns:
            return np.zeros((*shares[-1].shape[:-1], 0), np.float32)
        return np.stack([measure(*(s[..., c.span] for s in shares)) for c in self.columns], axis=-1)

    def _uniform(self) -> NDArray[np.float32]:
        uniform = np.empty(self.n_columns, np.float32)
        for column in self.columns:
            uniform[column.span] = 1.0 / len(column.values)
        return uniform


def attribute_table(catalogue: Catalogue, *, max_values: int) -> AttributeTable:
    """The catalogue's decodable attributes in order. Costs n_items * n_columns floats."""
    columns: list[Column] = []
    blocks: list[NDArray[np.float32]] = []
    left_out: list[str] = []
    for attribute in catalogue.attributes:
        reason = _unfit(attribute, max_values)
        if reason is not None:
            left_out.append(f"attribute {attribute.name!r} is left out: {reason}")
            continue
        start = columns[-1].stop if columns else 0
        known = np.array([i for i, row in enumerate(attribute.rows) if row], dtype=np.int64)
        ordered = attribute.kind == "numeric"
        columns.append(Column(attribute.name, attribute.values, ordered, start, start + len(attribute.values), known))
        blocks.append(attribute.shares)
    shares = np.concatenate(blocks, axis=1) if blocks else np.zeros((len(catalogue), 0), np.float32)
    popularity = np.array(catalogue.popularity, dtype=np.float32)
    return AttributeTable(tuple(columns), shares, popularity, tuple(left_out))


def _unfit(attribute: Attribute, max_values: int) -> str | None:
    used = {v for row in attribute.rows for v in row}
    if not used:
        return "no item has a value"
    if len(used) == 1:
        return f"every item with a value has the same one ({attribute.values[next(iter(used))]})"
    if len(attribute.values) > max_values:
        return f"it has {len(attribute.values)} values; at most {max_values} can be told apart (option max_values)"
    return None
