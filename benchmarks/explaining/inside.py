"""The same questions put to the engine in this process: what is left of the ratios without HTTP and JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.explaining.rounds import TOP, Times
from service.engine import LoadedBundle
from service.explaining.explain import Extras, explain_item
from service.explaining.fidelity import DEFAULT_K
from service.query import Query


def measure_inside(
    loaded: LoadedBundle, users: Sequence[Sequence[int]], rng: np.random.Generator
) -> dict[str, dict[str, float]]:
    """Question -> mean milliseconds, mean and 95th percentile in (mean) lists. One pass after a warm-up user."""
    asked: dict[str, Extras] = {
        "explain": Extras(fidelity_k=DEFAULT_K),
        "counterfactual": Extras(counterfactual=True),
        "no fidelity": Extras(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ("recommend", *asked)}
    for place, history in enumerate([users[0], *users]):
        query = Query(history=tuple(history), n=TOP)
        items = loaded.recommend(query).items
        item = items[int(rng.integers(len(items)))].item_ix
        for name, extras in asked.items():
            taken = _timed(lambda query=query: loaded.recommend(query))
            explained = _timed(
                lambda query=query, item=item, extras=extras: explain_item(loaded, query, item, extras=extras)
            )
            if place:
                seconds["recommend"].append(taken)
                seconds[name].append(explained)
    unit = float(np.mean(seconds["recommend"]))
    return {name: _figures(np.array(values), unit) for name, values in seconds.items()}


def _figures(values: Times, unit: float) -> dict[str, float]:
    return {
        "milliseconds": float(values.mean() * 1e3),
        "mean_in_lists": float(values.mean() / unit),
        "p95_in_lists": float(np.percentile(values, 95) / unit),
    }


def _timed(call: Callable[[], object]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before
