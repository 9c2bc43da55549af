"""Pictures of the map: magnitude of change by attribute, and how steady the factors are over retrainings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bundle.factors import Evidence, Factor, Half
from training.decode.figures import BLUE, INK, MUTED, ORANGE, RULE, new_figure, style, svg_of
from training.decode.magnitude_of_change import HALVES

_HALF_COLOURS = {"negative": ORANGE, "positive": BLUE}


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
            axes.set_title(attribute, parse_math=False)  # a dollar sign is not the start of a formula
            axes.grid(visible=False, axis="x")
        rows[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.0)
        rows[-1].set_xticks(x, [f"{f.factor}" for f in factors])
        rows[-1].set_xlabel("factor")
        rows[-1].set_xlim(-0.6, len(factors) - 0.4)
        figure.supylabel("change of information gain", fontsize=9)
        return svg_of(figure, label="Magnitude of change of each factor and attribute")


def steadiness(factors: Sequence[Factor]) -> str | None:
    """Match and stability of each factor over retrainings, None where neither was measured for any."""
    known = [f for f in factors if f.match is not None or f.stability is not None]
    if not known:
        return None
    with style("steadiness"):
        figure = new_figure(11.0, 2.5)
        axes = figure.subplots()
        x = np.arange(len(known))
        match = [np.nan if f.match is None else f.match for f in known]
        stability = [np.nan if f.stability is None else f.stability for f in known]
        axes.vlines(x, 0.0, 1.0, color=RULE, linewidth=0.8)
        axes.plot(x, match, "o", color=BLUE, markersize=6, label="match: |correlation| with its counterpart")
        axes.plot(x, stability, "D", color=ORANGE, markersize=6, markeredgecolor=INK, markeredgewidth=0.6,
                  label="stability: share of retrainings that read it the same")  # fmt: skip
        axes.set_xticks(x, [f"{f.factor}" for f in known], rotation=90 if len(known) > 40 else 0)
        axes.set(ylim=(-0.04, 1.06), xlim=(-0.7, len(known) - 0.3), xlabel="factor")
        axes.grid(visible=False, axis="x")
        figure.legend(loc="outside upper left", ncols=2)
        return svg_of(figure, label="Match and stability of each factor over retrainings")
