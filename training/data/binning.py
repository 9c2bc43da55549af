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
            names = list(_texts(distinct).values())
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
    shown = _texts(np.unique(np.array(ends)))
    return placed, [shown[low] if low == high else f"{shown[low]} to {shown[high]}" for low, high in ends]


def _texts(numbers: NDArray[np.float64]) -> dict[float, str]:
    """A text for each of some distinct numbers: whole numbers in full, others with the fewest digits that tell them
    apart (three at least).
    """
    if np.all(numbers == np.round(numbers)) and np.all(np.abs(numbers) < 1e15):
        return {float(n): str(int(n)) for n in numbers}
    for digits in range(3, 18):
        texts = [np.format_float_positional(n, digits, unique=False, fractional=False, trim="-") for n in numbers]
        if len(set(texts)) == len(texts):
            break
    return dict(zip(numbers.tolist(), texts, strict=True))
