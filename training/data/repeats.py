"""Pairs of user and item that come again: of each the latest row is kept, the others are counted.

A pair is one whole number here, and the numbers are sorted: 8 bytes a row, where a table of hashed pairs takes 50.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.data.ids import numbers
from training.data.rejects import REPEATED, RERATED, Tally

ROWS_AT_ONCE = 1_000_000


def without_repeats(table: pl.DataFrame, tally: Tally) -> pl.DataFrame:
    """The rows (user_id, item_id, rating, timestamp, `_line`) but those of pairs that have a later one.

    Later: by the timestamp, among equal ones by the place. What is dropped goes to the tally, pairs that were rated
    anew apart from mere repeats. Costs a sort, and 9 bytes a row; more only for the rows of pairs that repeat.
    """
    pair = pair_numbers(table)
    again = repeated(pair)
    if len(again) == 0:
        return table
    pair = pair_numbers(table)  # the other one was sorted
    several = np.concatenate([np.isin(part, again) for part in _parts(pair)])
    place = np.flatnonzero(several)
    rows = table.filter(pl.Series(several)).with_columns(pl.Series("pair", pair[place]), pl.Series("position", place))
    rows = rows.sort(pl.col("timestamp").fill_null(-1), "position").with_columns(
        latest=pl.col("position").last().over("pair"), rating_kept=pl.col("rating").last().over("pair")
    )
    dropped = rows.filter(pl.col("position") != pl.col("latest")).with_columns(
        _reason=pl.when(pl.col("rating").eq_missing(pl.col("rating_kept")))
        .then(pl.lit(REPEATED))
        .otherwise(pl.lit(RERATED))
    )
    tally.add(dropped)
    keep = np.ones(len(table), dtype=np.bool_)
    keep[dropped["position"].to_numpy()] = False
    return table.filter(pl.Series(keep))


def pair_numbers(table: pl.DataFrame) -> NDArray[np.uint64]:
    """[n] one number for each (user_id, item_id) pair of Categoricals; comparable as training.data.ids.numbers are."""
    found = np.empty(len(table), dtype=np.uint64)
    for start in range(0, len(table), ROWS_AT_ONCE):
        part = table.slice(start, ROWS_AT_ONCE)
        found[start : start + ROWS_AT_ONCE] = numbers(part["user_id"])
        found[start : start + ROWS_AT_ONCE] <<= np.uint64(32)
        found[start : start + ROWS_AT_ONCE] |= numbers(part["item_id"])
    return found


def repeated(pair: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The numbers that occur more than once, each once, ascending. Sorts `pair` in its place."""
    pair.sort()
    same = pair[1:] == pair[:-1]
    return np.unique(pair[1:][same])


def _parts(pair: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    return [pair[start : start + ROWS_AT_ONCE] for start in range(0, len(pair), ROWS_AT_ONCE)]
