"""Numbers into named bins: years into decades, anything else into quantiles or its few distinct values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_BINS = 5


@dataclass(frozen=True, slots=True)
class Bins:
    """names [n_bins] in ascending order, each held by some number; rows [n] the bin of each number, None = missing."""

    names: tuple[str, ...]
    rows: tuple[int | None, ...]


def bin_numbers(numbers: NDArray[np.float64], *, decades: bool = False) -> Bins:
    """Bin numbers [n] (NaN = missing, infinities not allowed).

    decades: "1980s" for 1980 <= number < 1990. Otherwise at most N_BINS distinct numbers are a bin each ("3"), and more
    are cut at the quantiles into N_BINS bins of about equal count, named by their least and greatest number
    ("3.2 to 3.8"); ties stay together, so there may be fewer bins.
    """
    given = ~np.isnan(numbers)
    values = numbers[given]
    if decades:
        edge = np.floor(values / 10.0) * 10.0
        edges = np.unique(edge)
        names = [f"{int(e)}s" for e in edges]
        placed = np.searchsorted(edges, edge)
    else:
        distinct = np.unique(values)
        if len(distinct) <= N_BINS:
            names = [_shown(v, distinct) for v in distinct]
            placed = np.searchsorted(distinct, values)
        else:
            placed, names = _quantile_bins(values)
    rows: list[int | None] = [None] * len(numbers)
    for position, b in zip(np.flatnonzero(given), placed, strict=True):
        rows[int(position)] = int(b)
    return Bins(tuple(names), tuple(rows))


def _quantile_bins(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], list[str]]:
    cuts = np.unique(np.quantile(values, np.linspace(0.0, 1.0, N_BINS + 1)[1:-1]))
    raw = np.searchsorted(cuts, values, side="left")
    placed = np.unique(raw, return_inverse=True)[1]  # numbers without the bins that ties left empty
    distinct = np.unique(values)
    ends = [(values[placed == b].min(), values[placed == b].max()) for b in range(int(placed.max()) + 1)]
    names = [
        _shown(low, distinct) if low == high else f"{_shown(low, distinct)} to {_shown(high, distinct)}"
        for low, high in ends
    ]
    return placed, names


def _shown(value: float, distinct: NDArray[np.float64]) -> str:
    """The shortest of 3 to 17 significant digits that does not confuse the value with its neighbours.

    Neighbours further than 1 % of the range are told apart in any case, so that "3.33" is not "3.3333".
    """
    for digits in (3, 4, 6, 9):
        text = f"{value:.{digits}g}"
        same = distinct[[f"{v:.{digits}g}" == text for v in distinct]] if len(distinct) <= N_BINS else distinct[:1]
        if len(same) <= 1 and "e" not in text:
            return text
    return f"{value:.17g}"
