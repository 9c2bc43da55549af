"""Deletion and insertion curves of one item: history items through the whole model, factors through its decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prismrec.explaining.found import MEASURES, Curve
from prismrec.explaining.orders import LEAVE_ONE_OUT, OTHER, OURS, POPULARITY, SIMILARITY, SIZE, Known, orders_of
from service.engine import LoadedBundle
from service.explaining.curves import Steps, factor_steps, history_steps
from service.explaining.trials import Target, factors_tried
from service.query import Attribution, FloatArray, Query

KS = (5, 10, 20)
"""Where curves are cut. The service's own figures stop at the last of them, too (LIMITS.fidelity_k)."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and the two items of its list: the target, and the one whose explanation is borrowed."""

    query: Query
    target: int
    other: int


def history_curves(
    loaded: LoadedBundle, asked: Asked, found: Attribution, known: Known, rng: np.random.Generator
) -> dict[str, Curve]:
    """Order -> curve. found: of asked.target and asked.other, in this order.

    Cost: one scoring for each item of the history (leave-one-out) and 3 K for each order.
    """
    items = list(found.history_items)
    values = {
        OURS: _wide(found.history[0]),
        LEAVE_ONE_OUT: _left_out(loaded, asked),
        SIMILARITY: known.similarity(asked.target, items),
        POPULARITY: known.popularity[items],
        OTHER: _wide(found.history[1]),
    }
    orders = orders_of(items, values, rng)
    k = min(KS[-1], len(items))
    steps = history_steps(loaded, asked.query, asked.target, [order for _, order in orders], k=k)
    return _by_label([label for label, _ in orders], steps)


def factor_curves(loaded: LoadedBundle, asked: Asked, found: Attribution, rng: np.random.Generator) -> dict[str, Curve]:
    """The same with coordinates of z: away means 0, where the explanation's base is. The history stays as it is.

    Cost: one run of the decoder for each coordinate (leave-one-out) and 3 K for each order.
    """
    query = asked.query
    mu = loaded.encode(query.history, query.condition)
    names = list(range(loaded.n_latent))
    alone = factors_tried(loaded, query, asked.target, ~np.eye(len(names), dtype=np.bool_), mu=mu)
    values = {
        OURS: _wide(found.latent[0]),
        LEAVE_ONE_OUT: -alone.log_probability,
        SIZE: np.abs(_wide(mu)),
    }
    orders = orders_of(names, values, rng)
    k = min(KS[-1], len(names))
    steps = factor_steps(loaded, query, asked.target, [order for _, order in orders], k=k, mu=mu)
    return _by_label([label for label, _ in orders], steps)


def _left_out(loaded: LoadedBundle, asked: Asked) -> Values:
    """[L]: how far the target's log probability falls without each history item alone, sorted (less a constant)."""
    target = Target(loaded, asked.query, asked.target, asked.query.history)
    return -target.tried(~np.eye(len(target.history), dtype=np.bool_)).log_probability


def _by_label(labels: Sequence[str], steps: Steps) -> dict[str, Curve]:
    """Several orders of one label are averaged."""
    gone, alone = steps.without_first, steps.only_first
    rows = [np.exp(gone), np.exp(alone), steps.listed_without_first, steps.listed_without_last, gone, alone]
    found = {}
    for label in dict.fromkeys(labels):
        same = [i for i, one in enumerate(labels) if one == label]
        found[label] = {name: _short(row[same].mean(axis=0)) for name, row in zip(MEASURES, rows, strict=True)}
    return found


def _short(values: Values) -> list[float]:
    """To six digits: there are a thousand for each user."""
    return [float(f"{value:.6g}") for value in values]


def _wide(values: FloatArray) -> Values:
    return np.asarray(values, dtype=np.float64)
