"""Deletion and insertion curves of one item: history items through the whole model, factors through its decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prismrec.explaining.found import MEASURES, Curve
from prismrec.explaining.orders import LEAVE_ONE_OUT, OTHER, OURS, POPULARITY, SIMILARITY, SIZE, Known, orders_of
from service.engine import LoadedBundle
from service.explaining.trials import run_trials
from service.query import Attribution, FloatArray, Query
from service.ranking import log_normaliser, ranks_of

KS = (5, 10, 20)
"""Where curves are cut. The service's own figures stop at the last of them, too (LIMITS.fidelity_k)."""

LEAST = 1e-300
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
        LEAVE_ONE_OUT: _left_out(loaded, asked, items),
        SIMILARITY: known.similarity(asked.target, items),
        POPULARITY: known.popularity[items],
        OTHER: _wide(found.history[1]),
    }
    orders = orders_of(items, values, rng)
    k = min(KS[-1], len(items))
    histories = [items] + [history for _, order in orders for history in _altered(order, k)]
    trials = run_trials(loaded, asked.query, asked.target, histories)
    listed = trials.rank <= asked.query.offset + asked.query.n
    return _by_order([label for label, _ in orders], _log(trials.probability), listed, k)


def factor_curves(loaded: LoadedBundle, asked: Asked, found: Attribution, rng: np.random.Generator) -> dict[str, Curve]:
    """The same with coordinates of z: away means 0, where the explanation's base is. The history stays as it is.

    Cost: one run of the decoder for each coordinate (leave-one-out) and 3 K for each order.
    """
    query = asked.query
    mu = loaded.encode(query.history, query.condition)
    names = list(range(loaded.n_latent))
    alone = np.where(np.eye(len(mu), dtype=bool), np.float32(0), mu)
    values = {
        OURS: _wide(found.latent[0]),
        LEAVE_ONE_OUT: -_fates(loaded, asked, alone)[0],
        SIZE: np.abs(_wide(mu)),
    }
    orders = orders_of(names, values, rng)
    k = min(KS[-1], len(names))
    points = np.zeros((1 + 3 * k * len(orders), len(mu)), dtype=np.float32)
    points[0] = mu
    kept = [kept for _, order in orders for kept in _altered(order, k)]
    for row, left in enumerate(kept, start=1):
        points[row, left] = mu[left]
    return _by_order([label for label, _ in orders], *_fates(loaded, asked, points), k)


def _left_out(loaded: LoadedBundle, asked: Asked, items: Sequence[int]) -> Values:
    """[L]: how far the target's log probability falls without each item alone (less a constant)."""
    without = [[ix for ix in items if ix != left] for left in items]
    return -_log(run_trials(loaded, asked.query, asked.target, without).probability)


def _fates(loaded: LoadedBundle, asked: Asked, points: FloatArray) -> tuple[Values, NDArray[np.bool_]]:
    """[B], [B]: the target's log probability, and whether it is listed, where points [B, n_latent] are decoded."""
    query, logs, listed = asked.query, [], []
    allowed = loaded.allowed(query)
    for scores in loaded.scores_many(points, [query.history], query.condition, shift=None):
        logs.append(scores[:, asked.target].astype(np.float64) - log_normaliser(scores))
        listed.append(ranks_of(asked.target, scores, allowed) <= query.offset + query.n)
    return np.concatenate(logs), np.concatenate(listed)


def _altered(order: Sequence[int], k: int) -> list[list[int]]:
    """What is left, 3 k times: without the first j, only the first j, without the last j; j = 1..k."""
    steps = range(1, k + 1)
    without_first, only_first = [list(order[j:]) for j in steps], [list(order[:j]) for j in steps]
    return without_first + only_first + [list(order[: len(order) - j]) for j in steps]


def _by_order(labels: Sequence[str], logs: Values, listed: NDArray[np.bool_], k: int) -> dict[str, Curve]:
    """logs, listed [1 + orders * 3 k], the first with everything there. Several orders of one label are averaged."""
    relative = (logs[1:] - logs[0]).reshape(len(labels), 3, k)
    inside = listed[1:].reshape(len(labels), 3, k).astype(np.float64)
    rows = [np.exp(relative[:, 0]), np.exp(relative[:, 1]), inside[:, 0], inside[:, 2], relative[:, 0], relative[:, 1]]
    found = {}
    for label in dict.fromkeys(labels):
        same = [i for i, one in enumerate(labels) if one == label]
        found[label] = {name: _short(row[same].mean(axis=0)) for name, row in zip(MEASURES, rows, strict=True)}
    return found


def _short(values: Values) -> list[float]:
    """To six digits: there are a thousand for each user."""
    return [float(f"{value:.6g}") for value in values]


def _log(probability: Values) -> Values:
    return np.log(np.maximum(probability, LEAST))


def _wide(values: FloatArray) -> Values:
    return np.asarray(values, dtype=np.float64)
