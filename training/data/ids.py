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
    """[n] the position of each id in `order`, -1 where it is not there. Either may be text or a Categorical; of a
    Categorical it costs 4 bytes a row beside the result."""
    known, asked = order.cast(pl.Categorical), ids.cast(pl.Categorical)  # both held, so that they share their numbers
    places, own = numbers(known), numbers(asked)
    size = 1 + max(int(own.max(initial=0)), int(places.max(initial=0)))
    position = np.full(size, -1, dtype=np.int32)
    position[places] = np.arange(len(places), dtype=np.int32)
    return position[own]


def numbers(ids: pl.Series) -> NDArray[np.uint32]:
    """[n] a number for each id of a Categorical, in no particular order and with gaps.

    Equal ids have equal numbers in all Categoricals that are alive at the same time, and only in those: Polars forgets
    its numbers with the last of them.
    """
    assert ids.dtype == pl.Categorical, f"{ids.name} is {ids.dtype}: its numbers would be gone already"
    return ids.to_physical().cast(pl.UInt32).to_numpy()
