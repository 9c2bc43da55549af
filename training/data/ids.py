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
    distinct = ids.unique()
    if distinct.str.contains(_PLAIN_NUMBER).all():
        return distinct.cast(pl.Int64).sort().cast(pl.String)
    return distinct.sort()


def codes(ids: pl.Series, order: pl.Series) -> NDArray[np.int64]:
    """[n] the position of each id in `order`, which must hold them all (an assertion, not a -1, says otherwise)."""
    numbered = pl.DataFrame({"id": order}).with_row_index("code")
    found = pl.DataFrame({"id": ids}).join(numbered, on="id", how="left", maintain_order="left")["code"]
    assert found.null_count() == 0, "an id is not in the order it is coded by"
    return found.cast(pl.Int64).to_numpy()
