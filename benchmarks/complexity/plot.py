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
from matplotlib.ticker import FuncFormatter

from benchmarks.complexity.outcomes import Outcome
from benchmarks.complexity.predict import Going, Judged, Line

COLOURS: Final = ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#999999", "#dd8833", "#222222")
INK: Final = "#333333"
VARYING: Final = ("n_users", "mixtures")
"""Families whose epochs differ in length; the others are drawn side by side, each APART from the next."""
APART: Final = 1.04
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
    path: Path,
    data: Sequence[Outcome],
    real: Sequence[Outcome],
    going: tuple[Sequence[Going], Sequence[Going]],
    verdict: tuple[Line, Judged],
) -> None:
    """Write the SVG. going: with the epochs, with the steps. verdict: the line drawn, and its held-out errors."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(10.5, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1.0])
        _epochs(left, data, real, verdict)
        _correlations(right, *going)
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
    for place, (family, colour) in enumerate(zip(families, COLOURS, strict=False)):
        some = [one for one in data if one.family == family]
        apart = 1.0 if family in VARYING else APART ** (place - len(families) / 2)
        axes.scatter(
            [one.steps_per_epoch * apart for one in some],
            [one.typical_epochs for one in some],
            s=18,
            color=colour,
            alpha=0.85,
            lw=0,
            label=family,
            zorder=3,
        )
    stars: dict[str, Any] = {
        "s": 60,
        "marker": "*",
        "facecolor": "white",
        "edgecolor": INK,
        "label": "MovieLens",
        "zorder": 4,
    }
    axes.scatter([one.steps_per_epoch for one in real], [one.typical_epochs for one in real], **stars)
    axes.set(xscale="log", yscale="log", xlabel="optimiser steps in an epoch")
    axes.set_ylabel("epochs until the latents are active")
    axes.set_ylim(bottom=axes.get_ylim()[0] * 0.7)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.legend(frameon=False, fontsize=8, loc="lower left", labelspacing=0.25)


def _correlations(axes: Axes, going: Sequence[Going], in_steps: Sequence[Going]) -> None:
    """Each figure with the epochs, and below it with the steps."""
    by_name = {one.figure: one for one in in_steps}
    places = np.arange(len(going))[::-1]
    for place, one in zip(places, going, strict=True):
        for found, colour, shift, label in (
            (one, "#4477aa", 0.15, "with epochs until active"),
            (by_name[one.figure], "#aaaaaa", -0.2, "with steps until active"),
        ):
            height, name = place + shift, label if place == 0 else None
            axes.plot([found.low, found.high], [height] * 2, color=colour, lw=3, solid_capstyle="butt", alpha=0.5)
            axes.plot(found.rho, height, "o", color=colour, ms=5, label=name)
    axes.axvline(0.0, color=INK, lw=0.8)
    axes.set_yticks(places, [one.figure for one in going])
    axes.set(xlim=(-1.02, 1.02), xlabel="rank correlation, 95 % interval")
    axes.legend(frameon=False, fontsize=8, loc="upper right")
