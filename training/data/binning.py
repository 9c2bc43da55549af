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
            names = _names([(v, v) for v in distinct])
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
    placed = np.unique(raw, return_inverse=True)[1].astype(np.int64)  # without the bins that ties left empty
    ends = [(values[placed == b].min(), values[placed == b].max()) for b in range(int(placed.max()) + 1)]
    return placed, _names(ends)


def _names(ends: list[tuple[float, float]]) -> list[str]:
    """A distinct name for each bin: whole numbers in full, others with the fewest digits that do (three at least).

    Neighbours may meet in the same rounded number: "3.2 to 3.5", "3.5 to 3.9".
    """
    names: list[str] = []
    whole = all(float(n).is_integer() and abs(n) < 1e15 for pair in ends for n in pair)
    for digits in range(3, 18):
        texts = [tuple(str(int(n)) if whole else _rounded(n, digits) for n in pair) for pair in ends]
        names = [low if low == high else f"{low} to {high}" for low, high in texts]
        told_apart = all((a == b) == (low == high) for (a, b), (low, high) in zip(texts, ends, strict=True))
        if told_apart and len(set(names)) == len(names):
            break
    return names


def _rounded(number: float, digits: int) -> str:
    return np.format_float_positional(number, digits, unique=False, fractional=False, trim="-")
