"""The report's pictures as SVG text: Matplotlib without a display, no outside references, the same bytes each time.

Colours are those of Okabe and Ito, which the colour-blind can tell apart; where there are more series than colours, the
marker changes too. The sequential map is cividis, for the same reason.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#B5A500",
)  # fmt: skip
INK, MUTED, RULE = "#1f2933", "#5f6b76", "#d5dbe1"
SERIES = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, YELLOW, "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P")

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # shipped with Matplotlib: the same widths on every machine
    "font.size": 9.0,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e9edf1",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "svg.fonttype": "path",
}
_FONTS = logging.getLogger("matplotlib.font_manager")
_OUTSIDE = re.compile(r'<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|\sxmlns(:\w+)?="[^"]*"', re.DOTALL)


@contextmanager
def style(name: str) -> Iterator[None]:
    """Our look; `name` salts the ids inside the SVG so that two pictures of one page never share one.

    Matplotlib opens every font that a formula could need, and says of each that is not there (its list of fonts may be
    another installation's). No picture has a formula, so nobody need hear of it.
    """
    look: Any = {**_STYLE, "svg.hashsalt": name}
    before = _FONTS.level
    _FONTS.setLevel(logging.ERROR)
    try:
        with mpl.rc_context(look):
            yield
    finally:
        _FONTS.setLevel(before)


def new_figure(width: float, height: float) -> Figure:
    """width and height in inches; the layout keeps labels from being cut or overlapping."""
    return Figure(figsize=(width, height), layout="constrained")


def svg_of(figure: Figure, *, label: str) -> str:
    """The figure as an <svg> element for an HTML page: no outside references, and a label for screen readers."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    bare = _OUTSIDE.sub("", out.getvalue()).strip()
    escaped = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return bare.replace("<svg", f'<svg role="img" aria-label="{escaped}"', 1)


def empty(axes: Axes, message: str) -> None:
    """An axes that says why it shows nothing."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, ha="center", va="center", color=MUTED, transform=axes.transAxes)
