"""The figures of one latent space: as it is, and with its axes turned at random, which says what the axes add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.measures.correlation import BestDimension, best_dimension, chance, standardised
from training.measures.dci import Rows, dci_forest, dci_lasso
from training.measures.mutual_information import mutual_information_gap

Found = tuple[dict[str, float], dict[str, float], BestDimension]
"""Figures, those of the turned axes, and R2 by factor."""

PERFECT, NOISE = "control: one dimension a factor", "control: noise"


@dataclass(frozen=True)
class Axes:
    """Codes [n, d] and factors [n, g] of fitting and of held-out users; n_axes: how many dimensions DCI may see."""

    fitting: Rows
    held_out: Rows
    n_axes: int

    @cached_property
    def kept(self) -> NDArray[np.int64]:
        """The n_axes dimensions that vary most over the fitting users, in their order: of a longer code, a part."""
        codes = np.asarray(self.fitting.codes, dtype=np.float64)
        return np.sort(np.argsort(-codes.var(axis=0), kind="stable")[: self.n_axes])

    def cut(self) -> tuple[Rows, Rows]:
        return tuple(Rows(rows.codes[:, self.kept], rows.factors) for rows in (self.fitting, self.held_out))  # type: ignore[return-value]

    def turned(self, rng: np.random.Generator) -> Axes:
        """All d dimensions, each in its standard deviations, turned together by a random rotation."""
        d = self.fitting.codes.shape[1]
        codes = np.asarray(self.fitting.codes, dtype=np.float64)
        spread = codes.std(axis=0)
        rotation = np.linalg.qr(rng.normal(size=(d, d)))[0] / np.where(spread > 0, spread, 1.0)[:, None]
        fitting, held_out = (Rows(rows.codes @ rotation, rows.factors) for rows in (self.fitting, self.held_out))
        return Axes(fitting, held_out, self.n_axes)


def figures_of(axes: Axes, seed: int) -> Found:
    """All figures; a forest for each factor is most of the cost, and the turned axes are measured without it."""
    rng = np.random.default_rng(seed)
    figures, best = _figures(axes, rng)
    forest = dci_forest(*axes.cut(), rng)
    figures |= {
        "forest_disentanglement": forest.disentanglement,
        "forest_completeness": forest.completeness,
        "forest_informativeness": forest.informativeness,
        "chance_r2": chance(axes.held_out.codes, axes.held_out.factors, rng),
    }
    return figures, _figures(axes.turned(rng), rng)[0], best


def control_figures(
    fitting: NDArray[np.float64], held_out: NDArray[np.float64], n_axes: int, seed: int
) -> dict[str, Found]:
    """Of codes of n_axes dimensions that say everything, each in one dimension (the rest is noise), and nothing."""
    rng = np.random.default_rng(seed)
    known, g = standardised(np.vstack([fitting, held_out])), fitting.shape[1]
    drawn = rng.normal(size=(len(known), n_axes))
    perfect = drawn.copy()
    perfect[:, : min(g, n_axes)] = known[:, :n_axes]
    at = len(fitting)
    return {
        name: figures_of(Axes(Rows(codes[:at], fitting), Rows(codes[at:], held_out), n_axes), seed)
        for name, codes in ((PERFECT, perfect), (NOISE, drawn))
    }


def _figures(axes: Axes, rng: np.random.Generator) -> tuple[dict[str, float], BestDimension]:
    codes, factors = axes.held_out.codes, axes.held_out.factors
    best, dci = best_dimension(codes, factors), dci_lasso(*axes.cut(), rng)
    return {
        "r2": float(best.r2.mean()),
        "gap": float(best.gap.mean()),
        "mig": float(mutual_information_gap(codes, factors, rng).mean()),
        "disentanglement": dci.disentanglement,
        "completeness": dci.completeness,
        "informativeness": dci.informativeness,
    }, best
