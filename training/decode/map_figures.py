"""Pictures of the map: magnitude of change, dimension x attribute heat map, users on the principal axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bundle.factors import Evidence, Factor, Half
from training.decode.figures import BLUE, INK, MARKERS, MUTED, ORANGE, SERIES, new_figure, style, svg_of
from training.decode.magnitude_of_change import HALVES
from training.decode.options import DecodeOptions
from training.decode.projection import Projection

_HALF_COLOURS = {"negative": ORANGE, "positive": BLUE}
_POINTS = 150  # users drawn per condition: more only makes a heavier page


def cell(factor: Factor, attribute: str, half: Half) -> Evidence | None:
    """The evidence of one cell, None where it was not tested."""
    return next((e for e in factor.evidence if e.attribute == attribute and e.half == half), None)


def change_bars(factors: Sequence[Factor], attributes: Sequence[str]) -> str:
    """Magnitude of change of the information gain, one row of bars per attribute, both halves, 95 % intervals."""
    with style("change"):
        figure = new_figure(11.0, 0.6 + 1.75 * len(attributes))
        rows = figure.subplots(len(attributes), 1, sharex=True, squeeze=False)[:, 0]
        x = np.arange(len(factors))
        for axes, attribute in zip(rows, attributes, strict=True):
            for half, offset in zip(HALVES, (-0.2, 0.2), strict=True):
                cells = [cell(f, attribute, half) for f in factors]
                mc = np.array([e.mc if e else 0.0 for e in cells])
                around = np.array([[e.mc - e.mc_low, e.mc_high - e.mc] if e else [0.0, 0.0] for e in cells]).T
                axes.bar(x + offset, mc, 0.38, color=_HALF_COLOURS[half], label=f"{half} half",
                         yerr=np.maximum(around, 0.0), error_kw={"ecolor": INK, "elinewidth": 0.8})  # fmt: skip
            axes.axhline(0.0, color=MUTED, linewidth=0.8)
            axes.set_title(attribute)
            axes.grid(visible=False, axis="x")
        rows[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.0)
        rows[-1].set_xticks(x, [f"z{f.factor}" for f in factors])
        rows[-1].set_xlim(-0.6, len(factors) - 0.4)
        figure.supylabel("change of information gain", fontsize=9)
        return svg_of(figure, label="Magnitude of change of each factor and attribute")


def heat_map(factors: Sequence[Factor], attributes: Sequence[str], *, options: DecodeOptions) -> str:
    """Jensen-Shannon divergence (bits) of each factor's halves by attribute; a dot marks what counts (q and size)."""
    with style("heat"):
        columns = [(a, h) for a in attributes for h in HALVES]
        figure = new_figure(min(11.0, 2.2 + 1.15 * len(columns)), 1.3 + 0.27 * len(factors))
        axes = figure.subplots()
        cells = [[cell(f, a, h) for a, h in columns] for f in factors]
        js = np.array([[e.js if e else np.nan for e in row] for row in cells])
        top = max(float(np.nanmax(js, initial=0.0)), 1e-3)
        digits = 2 if top >= 0.1 else 3
        image = axes.pcolormesh(js, cmap="cividis", vmin=0.0, vmax=top, edgecolors="white", linewidth=0.6)
        for i, row in enumerate(cells):
            for j, e in enumerate(row):
                if e is not None:
                    mark = "\u25cf " if e.q_value <= options.level and e.js >= options.min_effect else ""
                    ink = "#ffffff" if e.js < 0.55 * top else INK
                    axes.text(
                        j + 0.5, i + 0.5, f"{mark}{e.js:.{digits}f}", ha="center", va="center", color=ink, fontsize=8
                    )
        axes.set_xticks(np.arange(len(columns)) + 0.5, [f"{a}\n{h}" for a, h in columns])
        axes.set_yticks(np.arange(len(factors)) + 0.5, [f"z{f.factor}" for f in factors])
        axes.invert_yaxis()
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        for edge in range(2, len(columns), 2):
            axes.axvline(edge, color="white", linewidth=3)
        figure.colorbar(image, ax=axes, label="Jensen-Shannon divergence, bits", shrink=0.9, pad=0.02)
        return svg_of(figure, label="Factors by attributes: Jensen-Shannon divergence")


def users_map(projection: Projection) -> str:
    """Users on the first principal axes, alone (grey) and under each condition, with the conditions' centroids.

    With more than eight conditions their clouds would hide each other: then only the centroids are drawn, close up.
    """
    with style("users"):
        n_axes = projection.unconditioned.shape[1]
        pairs = [(0, 1), (2, 3)] if n_axes >= 4 else [(0, min(1, n_axes - 1))]
        n_legend = len(projection.conditions) + 1
        figure = new_figure(11.0 if len(pairs) == 2 else 6.5, 4.4 + 0.22 * max(0, (n_legend - 1) // 6))
        panels = figure.subplots(1, len(pairs), squeeze=False)[0]
        for axes, pair in zip(panels, pairs, strict=True):
            _users(axes, projection, pair)
            _conditions(axes, projection, pair)
            axes.set_xlabel(f"component {pair[0] + 1} ({projection.explained[pair[0]]:.0%} of the variance)")
            axes.set_ylabel(f"component {pair[1] + 1} ({projection.explained[pair[1]]:.0%})")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(6, n_legend))
        return svg_of(figure, label="Principal components of users under each condition")


def _users(axes: Axes, projection: Projection, pair: tuple[int, int]) -> None:
    own = projection.unconditioned[:, list(pair)]
    shown = own[: 3 * _POINTS]
    axes.plot(shown[:, 0], shown[:, 1], "o", color="#b8c1ca", markersize=2.5, alpha=0.7, linestyle="none")
    _centre(axes, own, ("X", "#6b7780"), "no condition")


def _conditions(axes: Axes, projection: Projection, pair: tuple[int, int]) -> None:
    for c, name in enumerate(projection.conditions):
        colour, marker = SERIES[c % len(SERIES)], MARKERS[(c // len(SERIES)) % len(MARKERS)]
        cloud = projection.conditioned[c][:, list(pair)]
        if len(projection.conditions) <= len(SERIES):
            shown = cloud[:_POINTS]
            axes.plot(shown[:, 0], shown[:, 1], marker, color=colour, markersize=2.2, alpha=0.35, linestyle="none")
        _centre(axes, cloud, (marker, colour), name)
    if len(projection.conditions) > len(SERIES):
        centres = np.vstack([projection.conditioned.mean(axis=1), projection.unconditioned.mean(axis=0)])[:, list(pair)]
        margin = 0.25 * np.maximum(np.ptp(centres, axis=0), 1e-3)
        low, high = centres.min(axis=0) - margin, centres.max(axis=0) + margin
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def _centre(axes: Axes, cloud: NDArray[np.float64], look: tuple[str, str], name: str) -> None:
    """A large mark at the mean of cloud [n, 2]; look = (marker, colour)."""
    x, y = cloud.mean(axis=0)
    marker, colour = look
    axes.plot([x], [y], marker, color=colour, markersize=9, markeredgecolor="white", linestyle="none", zorder=5,
              label=name)  # fmt: skip
