"""From a request's words to the engine's: stored and given histories, ids to indices, names to conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bundle.idmap import IdMap
from service.engine import LoadedBundle
from service.errors import ServiceError, UnknownItemError, UnknownUserError
from service.limits import LIMITS
from service.query import Condition, FloatArray, Query
from service.schemas.recommend import ConditionAsked, RecommendRequest
from service.schemas.steering import SteeredBy
from service.state import State
from service.steering.preferences import apply, terms_of
from service.steering.steer import Terms, shift_of
from service.store.protocol import Known, Preferences

NO_HISTORY = "the store has no history of this user; send their items in `history`, or ask /coldstart"


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """What steers a query and where it comes from.

    shift     None: nothing does, as its terms cancel or all of it had to be ignored
    unlocked  the shift before anything locked was taken out of it; None where nothing is locked, or nothing moves
    """

    source: SteeredBy
    terms: Terms
    shift: FloatArray | None
    ignored: tuple[str, ...] = ()
    unlocked: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, the ids of the request that the bundle does not know, and what steers it (None: nothing was asked)."""

    query: Query
    unknown_items: list[str]
    steering: Steering | None = None

    @property
    def unsteered(self) -> Query | None:
        """The same query without its shift; None when it has none."""
        return None if self.query.shift is None else replace(self.query, shift=None)

    @property
    def unlocked(self) -> Query | None:
        """The same query with all of its shift, also what a lock takes out of it; None where nothing is locked."""
        free = None if self.steering is None else self.steering.unlocked
        return None if free is None else replace(self.query, shift=free)

    @property
    def steered_by(self) -> SteeredBy | None:
        """Where the query's shift comes from; None when it has none."""
        return None if self.steering is None or self.query.shift is None else self.steering.source


async def known_of(state: State, user_id: str | None, given: Sequence[str] | None) -> Known:
    """The stored history followed by the given one, each item once (where it came last), and stored preferences.

    More than LIMITS.history items are possible: `query_of` scores the latest and only masks the rest. Raises
    UnknownUserError when nothing is stored and nothing given.
    """
    stored = None if user_id is None else await state.read(state.store.known, user_id)
    if user_id is not None and stored is None and given is None:
        raise UnknownUserError(NO_HISTORY)
    return _joined(stored, given)


async def known_of_each(
    state: State, asked: Sequence[tuple[str | None, Sequence[str] | None]]
) -> list[Known | ServiceError]:
    """`known_of` for each (user_id, given), or why not, from one read of the store.

    A store that does not answer is the error of those who name a user, and of nobody else.
    """
    users = list(dict.fromkeys(user_id for user_id, _ in asked if user_id is not None))
    stored: dict[str | None, Known | None] = {}
    failed: ServiceError | None = None
    if users:
        try:
            found = await state.call_store(state.store.known_many, users)
            stored.update(zip(users, found, strict=True))
        except ServiceError as error:
            failed = error

    def one(user_id: str | None, given: Sequence[str] | None) -> Known | ServiceError:
        if user_id is not None and failed is not None:
            return failed
        if user_id is not None and stored[user_id] is None and given is None:
            return UnknownUserError(NO_HISTORY)
        return _joined(stored.get(user_id), given)

    return [one(user_id, given) for user_id, given in asked]


def _joined(stored: Known | None, given: Sequence[str] | None) -> Known:
    stored = stored or Known(())
    latest_first = dict.fromkeys(reversed((*stored.history, *(given or ()))))
    return Known(tuple(reversed(latest_first)), stored.preferences)


async def history_of(state: State, user_id: str | None, given: Sequence[str] | None) -> tuple[str, ...]:
    """The history of `known_of`, for what no preferences steer."""
    return (await known_of(state, user_id, given)).history


def query_of(
    loaded: LoadedBundle, request: RecommendRequest, history: Sequence[str], *, stored: Preferences | None = None
) -> Asked:
    """The query of a request for a list. Raises InvalidRequestError with pointers into the request.

    Of the known items of the history the latest LIMITS.history are scored; older ones are seen all the same.
    stored: the user's preferences, which steer where the request says nothing of steering.
    """
    steering = steering_of(loaded, request, stored)
    idmap = loaded.catalogue.idmap
    taken = idmap.split(history)
    excluded = idmap.split(request.exclude_items)
    candidates = None if request.candidates is None else idmap.split(request.candidates)
    unknown = [*taken.unknown, *excluded.unknown, *(candidates.unknown if candidates else ())]
    query = Query(
        history=tuple(taken.indices[-LIMITS.history :]),
        n=request.n,
        offset=request.offset,
        condition=condition_of(loaded, request.condition),
        exclude=frozenset(excluded.indices),
        exclude_seen=request.exclude_seen,
        older=frozenset(taken.indices[: -LIMITS.history]),
        candidates=None if candidates is None else tuple(candidates.indices),
        shift=None if steering is None else steering.shift,
    )
    return Asked(query, list(dict.fromkeys(unknown)), steering)


def condition_of(loaded: LoadedBundle, asked: ConditionAsked | None) -> Condition | None:
    """The condition of a request, or None."""
    return None if asked is None else loaded.condition(asked.genres, match=asked.match, mode=asked.mode)


def steering_of(loaded: LoadedBundle, request: RecommendRequest, stored: Preferences | None) -> Steering | None:
    """What steers: the request's `steer` ({}: nothing, this time), else the preferences unless it declines them.

    None when nothing was wished for. Terms that cancel, and preferences that had to be ignored, are a steering that
    moves nothing.
    """
    if request.steer is not None:
        terms = terms_of(request.steer)
        shift = shift_of(loaded, factors=terms.factors, attributes=terms.attributes, lock=terms.lock)
        found = Steering("request", terms, shift)
    elif stored is not None and request.preferences:
        applied = apply(loaded, stored)
        found = Steering("preferences", applied.terms, applied.shift, applied.ignored)
    else:
        return None
    if not found.terms.asks and not found.ignored:
        return None
    return replace(found, unlocked=_unlocked(loaded, found))


def _unlocked(loaded: LoadedBundle, found: Steering) -> FloatArray | None:
    if found.shift is None or not found.terms.lock:
        return None
    return shift_of(loaded, factors=found.terms.factors, attributes=found.terms.attributes)


def item_index(idmap: IdMap, item_id: str) -> int:
    """The index of an item; UnknownItemError when the catalogue does not have it."""
    item_ix = idmap.index(item_id)
    if item_ix is None:
        raise UnknownItemError("the catalogue has no such item")
    return item_ix
