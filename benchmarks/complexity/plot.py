"""The plot of the page: epochs against the length of an epoch, and how each figure goes with them. SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("agg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.complexity.outcomes import Outcome
from benchmarks.complexity.predict import Going, Judged, Line

COLOURS: Final = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#999999", "#dd8833", "#222222")
INK: Final = "#333333"
STYLE: Final[dict[str, Any]] = {
    "svg.hashsalt": "prismrec",
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def write_plot(
    path: Path, data: Sequence[Outcome], real: Sequence[Outcome], going: Sequence[Going], verdict: tuple[Line, Judged]
) -> None:
    """Write the SVG. verdict: the line drawn, a constant number of steps, and its held-out errors."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10.5, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1.0])
        _epochs(left, data, real, verdict)
        _correlations(right, going)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _epochs(axes: Axes, data: Sequence[Outcome], real: Sequence[Outcome], verdict: tuple[Line, Judged]) -> None:
    line, errors = verdict
    lengths = np.array([one.steps_per_epoch for one in [*data, *real]])
    span = np.geomspace(lengths.min() * 0.8, lengths.max() * 1.25, 50)
    expected = np.exp(line.intercept) / span
    axes.fill_between(span, expected * errors.low, expected * errors.high, color="#dddddd", lw=0, label="90 % interval")
    axes.plot(span, expected, color=INK, lw=1, label="a constant number of steps")
    families = list(dict.fromkeys(one.family for one in data))
    for family, colour in zip(families, COLOURS, strict=False):
        some = [one for one in data if one.family == family]
        axes.scatter(
            [one.steps_per_epoch for one in some],
            [one.typical_epochs for one in some],
            s=26 if family == "base" else 18,
            color=colour,
            alpha=0.85,
            lw=0,
            label=family,
            zorder=3,
        )
    axes.scatter(
        [one.steps_per_epoch for one in real],
        [one.typical_epochs for one in real],
        s=60,
        marker="*",
        facecolor="white",
        edgecolor=INK,
        label="MovieLens",
        zorder=4,
    )
    axes.set(
        xscale="log", yscale="log", xlabel="optimiser steps in an epoch", ylabel="epochs until the latents are active"
    )
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left")


def _correlations(axes: Axes, going: Sequence[Going]) -> None:
    places = np.arange(len(going))[::-1]
    for place, one in zip(places, going, strict=True):
        axes.plot([one.low, one.high], [place, place], color="#4477aa", lw=3, solid_capstyle="butt", alpha=0.4)
        axes.plot(one.rho, place, "o", color="#4477aa", ms=5)
    axes.axvline(0.0, color=INK, lw=0.8)
    axes.set_yticks(places, [one.figure for one in going])
    axes.set(xlim=(-1.02, 1.02), xlabel="rank correlation with these epochs, 95 % interval")
