"""The plot of the page: what becomes of the target's probability along each order. SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("agg")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from prismrec.explaining.curves import KS
from prismrec.explaining.figures import Users, View, curve, factors_of, history_of
from prismrec.explaining.orders import LEAVE_ONE_OUT, OTHER, OURS, POPULARITY, RANDOM, SHUFFLED, SIMILARITY, SIZE

COLOURS: Final = {
    OURS: "#4477aa",
    LEAVE_ONE_OUT: "#222222",
    SIMILARITY: "#228833",
    POPULARITY: "#ccbb44",
    OTHER: "#aa3377",
    SHUFFLED: "#ee6677",
    RANDOM: "#999999",
    SIZE: "#66ccee",
}
DOTTED: Final = (LEAVE_ONE_OUT, SHUFFLED)
"""They lie upon another line."""

STYLE: Final[dict[str, Any]] = {
    "svg.hashsalt": "prismrec",
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.edgecolor": "#333333",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def write_plot(path: Path, users: Users, label: str) -> None:
    """History items above, factors below; taken away on the left, put in on the right; means over users."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(10.5, 6.0), layout="constrained")
        above, below = figure.subplots(2, 2, sharex=True)
        figure.suptitle(f"{label}: probability of an item of the list, over that with everything there", fontsize=10)
        _pair(above, users, history_of, "history items")
        _pair(below, users, factors_of, "factors")
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def _pair(pair: tuple[Axes, Axes], users: Users, view: View, what: str) -> None:
    steps = np.arange(1, KS[-1] + 1)
    for axes, name, said in zip(pair, ("del", "ins"), ("the first j taken away", "only the first j"), strict=True):
        for label in view(users[0]):
            line = (0, (1, 1)) if label in DOTTED else "-"
            axes.plot(steps, curve(users, view, label, name=name), color=COLOURS[label], ls=line, label=label)
        axes.set(xlabel=f"j {what}", title=said)
        axes.set_ylim(bottom=0.0)
        axes.xaxis.set_major_locator(MultipleLocator(5))
    pair[1].legend(frameon=False, fontsize=8, labelspacing=0.25, loc="center left", bbox_to_anchor=(1.02, 0.5))
