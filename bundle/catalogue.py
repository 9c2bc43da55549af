"""The items of a bundle and their attributes, in columns (file `items.json`)."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bundle.errors import ContentError
from bundle.idmap import IdMap

Kind = Literal["categorical", "multilabel", "numeric"]


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """One attribute of the items.

    name      what the API calls it in `attribute` ("genre")
    field     the item column it came from and under which an item shows it ("genres")
    kind      categorical: one value an item; multilabel: several; numeric: a number, binned into `values`
    values    the value names, in order; for a numeric attribute the bins' names ("1980s")
    rows      [n_items] the value indices of each item; an empty row means that the item's value is missing
    numbers   [n_items] the number itself (None = missing) for a numeric attribute, otherwise empty
    """

    name: str
    field: str
    kind: Kind
    values: tuple[str, ...]
    rows: tuple[tuple[int, ...], ...]
    numbers: tuple[float | None, ...] = ()

    @cached_property
    def shares(self) -> NDArray[np.float32]:
        """A_a [n_items, n_values]: a multi-label row sums to 1, a missing one to 0. Costs n_items * n_values floats."""
        table = np.zeros((len(self.rows), len(self.values)), dtype=np.float32)
        for item_ix, row in enumerate(self.rows):
            if row:
                table[item_ix, list(row)] = 1.0 / len(row)
        return table

    @cached_property
    def members(self) -> NDArray[np.bool_]:
        """[n_items, n_values]: whether the item has the value at all."""
        return self.shares > 0

    @cached_property
    def column(self) -> NDArray[np.float64]:
        """[n_items] the numbers of a numeric attribute, NaN where missing; empty for the others."""
        return np.array([np.nan if number is None else number for number in self.numbers], dtype=np.float64)

    def shown(self, item_ix: int) -> list[str] | str | float | None:
        """The item's value as the API shows it: a list for multi-label, else one value; None when missing.

        A whole number comes as an int, so that a year reads 1995 and not 1995.0.
        """
        if self.kind == "numeric":
            number = self.numbers[item_ix]
            return int(number) if number is not None and number.is_integer() else number
        named = [self.values[v] for v in self.rows[item_ix]]
        if self.kind == "multilabel":
            return named
        return named[0] if named else None


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """ids [n_items], titles [n_items] (None = no title), popularity [n_items] (share of the training interactions)."""

    ids: tuple[str, ...]
    titles: tuple[str | None, ...]
    popularity: tuple[float, ...]
    attributes: tuple[Attribute, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def idmap(self) -> IdMap:
        return IdMap(self.ids)

    def attribute(self, name: str) -> Attribute | None:
        """The attribute of that name ("genre") or None."""
        return next((a for a in self.attributes if a.name == name), None)

    def members_of(self, name: str, value: str) -> NDArray[np.bool_]:
        """[n_items]: which items have the value. KeyError for an attribute or a value that is not of the catalogue."""
        attribute = self.attribute(name)
        if attribute is None or value not in attribute.values:
            raise KeyError(f"{name}:{value}")
        return np.asarray(attribute.members[:, attribute.values.index(value)])

    def check(self) -> None:
        """Raise ContentError when columns disagree in length or refer to values that do not exist."""
        n = len(self.ids)
        if n == 0:
            raise ContentError("the catalogue has no items")
        _ = self.idmap
        for column, values in (("titles", self.titles), ("popularity", self.popularity)):
            if len(values) != n:
                raise ContentError(f"{column} has {len(values)} entries for {n} items")
        if any(share < 0 for share in self.popularity):
            raise ContentError("popularity has a negative share")
        names = [a.name for a in self.attributes]
        if len(set(names)) != len(names):
            raise ContentError(f"attribute names repeat: {sorted(names)}")
        for a in self.attributes:
            _check_attribute(a, n)


def _check_attribute(a: Attribute, n_items: int) -> None:
    if len(a.rows) != n_items:
        raise ContentError(f"attribute {a.name!r} has {len(a.rows)} rows for {n_items} items")
    if a.kind == "numeric" and len(a.numbers) != n_items:
        raise ContentError(f"attribute {a.name!r} has {len(a.numbers)} numbers for {n_items} items")
    if a.kind != "numeric" and a.numbers:
        raise ContentError(f"attribute {a.name!r} is {a.kind} but has numbers")
    if len(set(a.values)) != len(a.values):
        raise ContentError(f"attribute {a.name!r} names a value twice")
    bad = next((v for row in a.rows for v in row if not 0 <= v < len(a.values)), None)
    if bad is not None:
        raise ContentError(f"attribute {a.name!r} refers to value {bad} of {len(a.values)}")
    if any(len(set(row)) != len(row) for row in a.rows):
        raise ContentError(f"attribute {a.name!r} gives an item the same value twice")
    if a.kind != "multilabel" and any(len(row) > 1 for row in a.rows):
        raise ContentError(f"attribute {a.name!r} is {a.kind} but an item has several values")
