"""Lists for someone without a history: z sampled from a chosen half of chosen factors, the samples' lists merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service import ranking
from service.engine import LoadedBundle
from service.errors import InvalidRequestError
from service.limits import LIMITS
from service.picks import Pick, ResolvedPick, resolve_picks, sample_points
from service.query import Condition, FloatArray, Query, RankedItem

MERGED_BY = "mean over the samples of the softmax over the catalogue"
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class AttributeShare:
    """in_list: share of the list's items that have the value; in_catalogue: the same of all items."""

    attribute: str
    value: str
    in_list: float
    in_catalogue: float


@dataclass(frozen=True, slots=True)
class ColdStart:
    """probability of an item: mean over the samples of the softmax over the catalogue; score: its natural logarithm."""

    items: tuple[RankedItem, ...]
    picks: tuple[ResolvedPick, ...]
    shares: tuple[AttributeShare, ...]
    samples: int
    seed: int
    requested: int
    condition_satisfied: float | None
    short_reason: str | None = None
    merged_by: str = MERGED_BY


def sample_coldstart(
    loaded: LoadedBundle,
    picks: Sequence[Pick],
    *,
    n: int = 10,
    samples: int = 32,
    seed: int = 0,
    condition: Condition | None = None,
    exclude: frozenset[int] = frozenset(),
) -> ColdStart:
    """n items for the picks; see service.picks for how they are resolved and sampled.

    A soft condition moves every sample by what it does to an empty history (encode({}, c) - encode({})); a strict one
    masks. The same arguments give the same answer. Cost: one decoder run of `samples` rows.
    Raises InvalidRequestError (bounds, unknown or contradictory picks) and NonFiniteScoreError.
    """
    query = Query(history=(), n=n, condition=condition, exclude=exclude)
    loaded.check(query)
    if not 1 <= samples <= LIMITS.samples:
        raise InvalidRequestError.field("/samples", f"must be between 1 and {LIMITS.samples}")
    if not 0 <= seed <= MAX_SEED:
        raise InvalidRequestError.field("/seed", f"must be between 0 and {MAX_SEED}")
    resolved = resolve_picks(loaded, picks)
    z = sample_points(loaded, resolved, samples=samples, seed=seed)
    if condition is not None and condition.is_soft:
        z = z + (loaded.encode((), condition) - loaded.encode(()))
    merged = _merged(loaded, z)
    found = ranking.top_n(merged, loaded.allowed(query), n)
    items = tuple(
        RankedItem(item_ix=int(ix), rank=rank, score=float(np.log(merged[ix])), probability=float(merged[ix]))
        for rank, ix in enumerate(found, start=1)
    )
    listed = [item.item_ix for item in items]
    return ColdStart(
        items=items,
        picks=resolved,
        shares=_shares(loaded, resolved, listed),
        samples=samples,
        seed=seed,
        requested=n,
        condition_satisfied=loaded.satisfied(condition, listed),
        short_reason=ranking.shortage(len(items), n, 0),
    )


def _merged(loaded: LoadedBundle, z: FloatArray) -> NDArray[np.float64]:
    """[n_items]: the mean of the samples' probabilities, never quite 0, so that its logarithm is finite."""
    total = np.zeros(loaded.n_items)
    for logits in loaded.logits_many(z):
        total += np.exp(logits - ranking.log_normaliser(logits)[:, None]).sum(axis=0)
    return np.asarray(np.maximum(total / len(z), np.finfo(np.float64).tiny), dtype=np.float64)


def _shares(loaded: LoadedBundle, picks: Sequence[ResolvedPick], listed: list[int]) -> tuple[AttributeShare, ...]:
    """One entry for each value that was picked or that a picked half decodes to, in order, each once."""
    found: dict[tuple[str, str], AttributeShare] = {}
    for pick in picks:
        attribute = loaded.catalogue.attribute(pick.attribute) if pick.attribute is not None else None
        if attribute is None or pick.value is None or pick.value not in attribute.values:
            continue
        has = attribute.members[:, attribute.values.index(pick.value)]
        in_list = float(has[listed].mean()) if listed else 0.0
        found[attribute.name, pick.value] = AttributeShare(attribute.name, pick.value, in_list, float(has.mean()))
    return tuple(found.values())


__all__ = ["AttributeShare", "ColdStart", "Pick", "ResolvedPick", "sample_coldstart"]
