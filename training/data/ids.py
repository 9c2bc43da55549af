"""The order of external ids and their numbers in that order."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_PLAIN_NUMBER = r"^(?:0|[1-9][0-9]{0,17})$"


def ascending(ids: pl.Series) -> pl.Series:
    """The distinct ids in ascending order: by number if every one is a plain whole number, else by code point.

    So "2" comes before "10" in MovieLens, and the order depends on the set of ids alone.
    """
    distinct = ids.unique().cast(pl.String)
    if distinct.str.contains(_PLAIN_NUMBER).all():
        return distinct.cast(pl.Int64).sort().cast(pl.String)
    return distinct.sort()


def codes(ids: pl.Series, order: pl.Series) -> NDArray[np.int32]:
    """[n] the position of each id in `order`, -1 where it is not there; ids may be a Categorical, which costs 4 bytes a
    row beside the result instead of 20."""
    own = numbers(ids)
    places = numbers(order)
    size = 1 + max(int(own.max(initial=0)), int(places.max(initial=0)))
    position = np.full(size, -1, dtype=np.int32)
    position[places] = np.arange(len(places), dtype=np.int32)
    return position[own]


def numbers(ids: pl.Series) -> NDArray[np.uint32]:
    """[n] a number for each id: equal for equal ids anywhere in this process, in no particular order, with gaps."""
    return ids.cast(pl.Categorical).to_physical().cast(pl.UInt32).to_numpy()
