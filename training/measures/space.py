"""A few figures of a whole space, for the factor map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bundle.factors import Space, TasteAxis
from training.measures.correlation import BestDimension, best_dimension
from training.measures.dci import Rows, dci_lasso
from training.measures.mutual_information import mutual_information_gap
from training.measures.sap import separated_predictability
from training.tastes import Taste

LEAST_USERS = 50
MOST_USERS = 5000
MOST_TASTES = 40


def varying_columns(*factors: ArrayLike) -> NDArray[np.int64]:
    """Which columns differ between the users of every table [n, g]: the others cannot be measured."""
    tables = [np.asarray(table, dtype=np.float64) for table in factors]
    return np.flatnonzero(
        [all(len(table) and np.ptp(table[:, j]) > 1e-9 for table in tables) for j in range(tables[0].shape[1])]
    )


def space_of(
    fitting: Rows, held_out: Rows, tastes: Sequence[Taste], *, active: int, rng: np.random.Generator
) -> Space | None:
    """The figures of the held-out users' codes against their tastes [g]; the lasso of DCI is fitted on training users.

    active: how many dimensions are in use. None when fewer than 50 users on either side or two tastes are left. To stay
    quick it looks at 5,000 users of each side, drawn by rng, and at the 40 tastes that vary most, and asks the lasso
    alone for DCI: three seconds with 200 dimensions and 20 tastes.
    """
    fitting, held_out = _some(fitting, rng), _some(held_out, rng)
    if min(len(fitting.codes), len(held_out.codes)) < LEAST_USERS:
        return None
    kept = varying_columns(fitting.factors, held_out.factors)
    kept = np.sort(kept[np.argsort(-held_out.factors[:, kept].var(axis=0), kind="stable")][:MOST_TASTES])
    if len(kept) < 2:
        return None
    codes, factors = held_out.codes, held_out.factors[:, kept]
    best = best_dimension(codes, factors)
    dci = dci_lasso(Rows(fitting.codes, fitting.factors[:, kept]), Rows(codes, factors), rng)
    return Space(
        n_users=len(codes),
        tastes=_axes([tastes[place] for place in kept.tolist()], best),
        mean_r2=float(best.r2.mean()),
        mean_gap=float(best.gap.mean()),
        mig=float(mutual_information_gap(codes, factors, rng).mean()),
        sap=float(separated_predictability(codes, factors).mean()),
        dci_disentanglement=dci.disentanglement,
        dci_completeness=dci.completeness,
        dci_informativeness=dci.informativeness,
        active=active,
    )


def _some(rows: Rows, rng: np.random.Generator) -> Rows:
    if len(rows.codes) <= MOST_USERS:
        return rows
    drawn = np.sort(rng.choice(len(rows.codes), MOST_USERS, replace=False))
    return Rows(rows.codes[drawn], rows.factors[drawn])


def _axes(tastes: Sequence[Taste], best: BestDimension) -> tuple[TasteAxis, ...]:
    return tuple(
        TasteAxis(
            attribute=taste.attribute,
            value=taste.value,
            factor=int(best.dimension[at]),
            r2=float(best.r2[at]),
            runner_up=float(best.runner_up[at]),
        )
        for at, taste in enumerate(tastes)
    )
