"""Does a list obey its condition, and is it still good? Over all pairs (user, value) with a held-out item of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bundle.catalogue import Attribute
from training.data.split import HeldOut
from training.evaluate.intervals import metric_of
from training.evaluate.lists import satisfaction
from training.evaluate.measure import measure
from training.evaluate.result import Conditioned, Metrics
from training.evaluate.scorer import ModelScorer, Scorer
from training.models.base import LatentModel

_Values = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask for a value: with the model's condition input or not, with a plain filter or not."""

    scorer: Scorer
    filtered: bool


def ways_for(model: LatentModel, value_ix: int, baselines: Mapping[str, Scorer]) -> dict[str, Way]:
    """The ways the API knows (soft, strict, both), the list nobody asked anything of (none), and filtered baselines."""
    plain, asked = ModelScorer(model), ModelScorer(model, (value_ix,))
    ways = {"none": Way(plain, False), "soft": Way(asked, False), "strict": Way(plain, True), "both": Way(asked, True)}
    return ways | {f"{name} strict": Way(scorer, True) for name, scorer in baselines.items()}


def restricted(heldout: HeldOut, satisfying: NDArray[np.bool_]) -> HeldOut:
    """The users with a satisfying target, their targets reduced to the satisfying items [n_items]."""
    target = heldout.target @ sparse.diags(satisfying.astype(np.float32), format="csr")
    target = sparse.csr_matrix(target)
    target.eliminate_zeros()
    rows = np.flatnonzero(np.diff(target.indptr))
    return HeldOut(tuple(heldout.users[row] for row in rows), heldout.fold_in[rows], target[rows])


def evaluate_conditions(
    model: LatentModel,
    heldout: HeldOut,
    *,
    attribute: Attribute,
    baselines: Mapping[str, Scorer],
    rng: np.random.Generator,
) -> Conditioned:
    """satisfaction@10 and ndcg@100 for every value of the attribute and every way; O(pairs) forward passes."""
    overall: dict[str, list[_Values]] = {}
    by_value: dict[str, dict[str, Metrics]] = {}
    for value_ix, value in enumerate(attribute.values):
        satisfying = attribute.members[:, value_ix]
        asking = restricted(heldout, satisfying)
        if not asking.users:
            continue
        for name, way in ways_for(model, value_ix, baselines).items():
            values = _figures(way, asking, satisfying)
            overall.setdefault(name, []).append(values)
            by_value.setdefault(value, {})[name] = _metrics(values, rng)
    pooled = {
        name: _metrics({metric: np.concatenate([part[metric] for part in parts]) for metric in parts[0]}, rng)
        for name, parts in overall.items()
    }
    return Conditioned(attribute=attribute.name, overall=pooled, by_value=by_value)


def _figures(way: Way, asking: HeldOut, satisfying: NDArray[np.bool_]) -> _Values:
    measured = measure(way.scorer, asking, allowed=satisfying if way.filtered else None)
    return {
        "satisfaction@10": satisfaction(measured.lists, satisfying),
        "ndcg@100": measured.values["ndcg@100"],
    }


def _metrics(values: _Values, rng: np.random.Generator) -> Metrics:
    return {name: metric_of(found, rng) for name, found in values.items()}
