"""The halves of a factor as a histogram of where users lie on it: what "low" and "high" mean for this factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.factors import N_QUANTILES, Factor

_WIDTH, _HEIGHT = 240.0, 98.0  # of the picture
_TOP, _BASE = 18.0, 80.0  # where its bars reach to, and stand
_BARS = 32
_ROOM = 26.0  # that a number takes
_LEVELS = np.linspace(0.0, 1.0, N_QUANTILES)


@dataclass(frozen=True, slots=True)
class Histogram:
    """edges [n + 1], shares [n] of the users between them; the median is one of the edges."""

    edges: NDArray[np.float64]
    shares: NDArray[np.float64]
    median: float


def histogram(quantiles: Sequence[float], *, bars: int = _BARS) -> Histogram | None:
    """The density behind 101 quantiles, from the 1st to the 99th percentile and a little beyond; None for a point.

    Between two percentiles users are taken to be spread evenly: the picture needs no user, only factors.json.
    """
    q = np.asarray(quantiles, dtype=np.float64)
    median = float(q[N_QUANTILES // 2])
    reach = 0.2 * float(q[-2] - q[1])
    low, high = max(float(q[0]), float(q[1]) - reach), min(float(q[-1]), float(q[-2]) + reach)
    if not low < median < high:
        return None
    below = min(max(round(bars * (median - low) / (high - low)), 1), bars - 1)
    edges = np.concatenate([np.linspace(low, median, below + 1), np.linspace(median, high, bars - below + 1)[1:]])
    return Histogram(edges, np.diff(np.interp(edges, q, _LEVELS)), median)


def picture_of(factor: Factor, *, tail: float) -> str | None:
    """An <svg> of the factor's halves, coloured, with the median and the two ends that decoding moves z_i to.

    tail: the quantile of the lower end; the upper one is 1 - tail. Only numbers are written into it.
    """
    found = histogram(factor.quantiles)
    if found is None:
        return None
    low, high = float(found.edges[0]), float(found.edges[-1])
    heights = found.shares / np.diff(found.edges)
    x = 4.0 + (_WIDTH - 8.0) * (found.edges - low) / (high - low)
    y = _BASE - (_BASE - _TOP) * heights / heights.max()
    n_below = int((found.edges[1:] <= found.median).sum())
    middle = float(x[n_below])
    anchor, text = ("start", middle + 4.0) if middle < _WIDTH / 2 else ("end", middle - 4.0)
    ends = np.interp([tail, 1.0 - tail], _LEVELS, factor.quantiles)
    at = 4.0 + (_WIDTH - 8.0) * (np.clip(ends, low, high) - low) / (high - low)
    label = (
        f"Where users lie on factor {factor.factor}: median {found.median:.2f}, ends {ends[0]:.2f} and {ends[1]:.2f}"
    )
    return (
        f'<svg class="halves" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{label}">'
        f'<path class="neg" d="{_bars(x[: n_below + 1], y[:n_below])}"/>'
        f'<path class="pos" d="{_bars(x[n_below:], y[n_below:])}"/>'
        f'<path class="mid" d="M{middle:.1f} 4V{_BASE:g}"/>'
        f"{_end(float(at[0]), float(ends[0]), 'neg')}{_end(float(at[1]), float(ends[1]), 'pos')}"
        f'<text x="{text:.1f}" y="11" text-anchor="{anchor}">median {_told(found.median)}</text></svg>'
    )


def _bars(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """The outline of bars: x [n + 1] their edges, y [n] their tops."""
    steps = "".join(f"V{top:.1f}H{right:.1f}" for top, right in zip(y, x[1:], strict=True))
    return f"M{x[0]:.1f} {_BASE:g}{steps}V{_BASE:g}Z"


def _end(x: float, value: float, side: str) -> str:
    """A mark under the axis at one end, its number on the outer side, away from the median's."""
    anchor, text = ("end", max(x + 6.0, _ROOM)) if side == "neg" else ("start", min(x - 6.0, _WIDTH - _ROOM))
    return (
        f'<path class="end {side}" d="M{x:.1f} {_BASE:g}l-4 6h8z"/>'
        f'<text x="{text:.1f}" y="{_HEIGHT - 4:g}" text-anchor="{anchor}">{_told(value)}</text>'
    )


def _told(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}"  # never -0.00
