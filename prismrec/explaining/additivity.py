"""Whether contributions and base make the score: what is left over, beside what is explained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prismrec.explaining.found import Residuals
from service.engine import LoadedBundle
from service.explaining.bases import bases_of
from service.query import FloatArray, Query
from service.steering.steer import shift_of

PLAIN = "as it is"
CONDITION = "soft condition"
BY_FACTOR = "steered by a factor"
BY_VALUE = "steered by a value"
STRENGTH = 2.0
"""Standard deviations, either way."""


@dataclass(frozen=True, slots=True)
class Situation:
    name: str
    query: Query


def situations_of(loaded: LoadedBundle, query: Query, rng: np.random.Generator) -> list[Situation]:
    """The query as it is and, where the bundle can, under a drawn condition, moved along a drawn factor, and value."""
    found = [Situation(PLAIN, query)]
    if loaded.soft_values:
        value = loaded.soft_values[int(rng.integers(len(loaded.soft_values)))]
        found.append(Situation(CONDITION, replace(query, condition=loaded.condition([value], mode="soft"))))
    factors, directions = loaded.factors.factors, loaded.factors.directions
    if factors:
        factor = str(int(rng.integers(len(factors))))
        found.append(Situation(BY_FACTOR, _moved(query, shift_of(loaded, factors={factor: _strength(rng)}))))
    if directions:
        to = directions[int(rng.integers(len(directions)))]
        shift = shift_of(loaded, attributes={f"{to.attribute}:{to.value}": _strength(rng)})
        found.append(Situation(BY_VALUE, _moved(query, shift)))
    return found


def residuals_of(loaded: LoadedBundle, situation: Situation) -> Residuals:
    """Of every item of the list that the query gives, with the bases that the service returns: one explainer run."""
    query = situation.query
    items = [item.item_ix for item in loaded.recommend(query).items]
    mu = loaded.encode(query.history, query.condition)
    scores = loaded.scores(mu, query.history, query.condition, shift=query.shift)[items].astype(np.float64)
    found = loaded.explainer(query.history, query.condition, query.shift, items)
    bases = bases_of(loaded, query, found, scores.tolist())
    latent = scores - np.array([base.value for base in bases])
    history = scores - np.array([base.history for base in bases])
    latent_left = np.abs(latent - _sum(found.latent) - _sum(found.linear))
    history_left = np.abs(history - _sum(found.history))
    return Residuals(
        situation=situation.name,
        latent=_relative(latent_left, latent),
        history=_relative(history_left, history),
        latent_left=latent_left.tolist(),
        history_left=history_left.tolist(),
    )


def _strength(rng: np.random.Generator) -> float:
    return STRENGTH if rng.integers(2) else -STRENGTH


def _moved(query: Query, shift: FloatArray | None) -> Query:
    return replace(query, shift=shift)


def _sum(parts: FloatArray) -> NDArray[np.float64]:
    return np.asarray(parts.astype(np.float64).sum(axis=1))


def _relative(left: NDArray[np.float64], way: NDArray[np.float64]) -> list[float]:
    """A way of nothing at all is missed by nothing, or by more than any bound."""
    nowhere = np.where(left > 0, np.finfo(float).max, 0.0)
    found: list[float] = np.divide(left, np.abs(way), out=nowhere, where=way != 0).tolist()
    return found
