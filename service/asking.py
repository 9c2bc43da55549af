"""From a request's words to the engine's: stored and given histories, ids to indices, names to conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundle.idmap import IdMap
from service.engine import LoadedBundle
from service.errors import UnknownItemError, UnknownUserError
from service.limits import LIMITS
from service.query import Condition, FloatArray, Query
from service.schemas.recommend import ConditionAsked, RecommendRequest
from service.schemas.steering import Steer
from service.state import State
from service.steer import shift_of

NO_HISTORY = "the store has no history of this user; send their items in `history`, or ask /coldstart"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, and the ids of the request that the bundle does not know."""

    query: Query
    unknown_items: list[str]


async def history_of(state: State, user_id: str | None, given: Sequence[str] | None) -> tuple[str, ...]:
    """The stored history followed by the given one, each item once (where it came last).

    More than LIMITS.history of them are possible: `query_of` scores the latest and only masks the rest. Raises
    UnknownUserError when there is neither.
    """
    stored = None
    if user_id is not None:
        stored = await state.read(state.store.history, user_id)
        if stored is None and given is None:
            raise UnknownUserError(NO_HISTORY)
    latest_first = dict.fromkeys(reversed((*(stored or ()), *(given or ()))))
    return tuple(reversed(latest_first))


def query_of(loaded: LoadedBundle, request: RecommendRequest, history: Sequence[str]) -> Asked:
    """The query of a request for a list. Raises InvalidRequestError with pointers into the request.

    Of the known items of the history the latest LIMITS.history are scored; older ones are seen all the same.
    """
    idmap = loaded.catalogue.idmap
    taken = idmap.split(history)
    excluded = idmap.split(request.exclude_items)
    candidates = None if request.candidates is None else idmap.split(request.candidates)
    unknown = [*taken.unknown, *excluded.unknown, *(candidates.unknown if candidates else ())]
    older = taken.indices[: -LIMITS.history] if request.exclude_seen else []
    query = Query(
        history=tuple(taken.indices[-LIMITS.history :]),
        n=request.n,
        offset=request.offset,
        condition=condition_of(loaded, request.condition),
        exclude=frozenset((*excluded.indices, *older)),
        exclude_seen=request.exclude_seen,
        candidates=None if candidates is None else tuple(candidates.indices),
        shift=steering_of(loaded, request.steer),
    )
    return Asked(query, list(dict.fromkeys(unknown)))


def condition_of(loaded: LoadedBundle, asked: ConditionAsked | None) -> Condition | None:
    """The condition of a request, or None."""
    return None if asked is None else loaded.condition(asked.genres, match=asked.match, mode=asked.mode)


def steering_of(loaded: LoadedBundle, asked: Steer | None) -> FloatArray | None:
    """The shift in the latent space that a request asks for, or None."""
    if asked is None:
        return None
    return shift_of(loaded, factors=asked.factors, attributes=asked.attributes, lock=asked.lock)


def item_index(idmap: IdMap, item_id: str) -> int:
    """The index of an item; UnknownItemError when the catalogue does not have it."""
    item_ix = idmap.index(item_id)
    if item_ix is None:
        raise UnknownItemError("the catalogue has no such item")
    return item_ix
