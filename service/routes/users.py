"""/users: stored histories and preferences."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import Header, Path, Request
from pydantic import ValidationError
from starlette.responses import Response

from service.errors import NotFoundError, StorageUnavailableError, UnknownPreferencesError, UnknownUserError
from service.http.cursors import decode_cursor, encode_cursor
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.http.showing import title_of
from service.schemas.base import A_USER, Model, PageCursor, PageLimit, UserId
from service.schemas.steering import PreferencesFound, PreferencesRequest, Steer
from service.schemas.users import (
    Erased,
    HistoryEntry,
    InteractionsReply,
    InteractionsRequest,
    KeptInteraction,
    KeptPreferences,
    KeptReceipt,
    UserEntry,
    UserExport,
    UserFound,
    UserList,
)
from service.state import answering, state_of
from service.steering.preferences import UNREADABLE
from service.steering.steer import shift_of
from service.store import Store
from service.store.protocol import Interaction, Known, Preferences, Write

router = resource("users")
NOTHING_STORED = "the store has no history and no preferences of this user"
STORE_ERRORS = ("storage-unavailable", "overloaded", "deadline")
WRITE_ERRORS = (*STORE_ERRORS, "storage-full")
"""An erasure is a write, too: it needs room in the log."""
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Made by the client, new for every write, the same for a retry of it.",
    ),
]


@router.get("/users", response_model=UserList, responses=errors(*STORE_ERRORS))
async def list_users(
    request: Request,
    limit: PageLimit = 20,
    cursor: PageCursor = None,
) -> Response:
    """The users of whom anything is stored, in the order of their ids."""
    state = state_of(request)
    after = "" if cursor is None else decode_cursor(cursor, "users")
    found = await state.call_store(state.store.users, limit + 1, after)
    page = found[:limit]
    more = len(found) > limit
    return reply(
        UserList(
            items=[UserEntry(user_id=user.user_id, n_items=user.n_items) for user in page],
            next_cursor=encode_cursor("users", page[-1].user_id) if more else None,
        )
    )


@router.get("/users/{user_id}", response_model=UserFound, responses=errors("unknown-user", "no-bundle", *STORE_ERRORS))
async def get_user(request: Request, user_id: Annotated[UserId, Path(description=A_USER)]) -> Response:
    """A user's history, oldest first, and whether preferences are stored."""
    state = state_of(request)
    catalogue = answering(request, user_id=user_id).loaded.catalogue
    known = await state.read(state.store.known, user_id)
    if known is None:
        raise UnknownUserError(NOTHING_STORED)
    entries = []
    for taken in await state.read(state.store.interactions, user_id) or ():
        ix = catalogue.idmap.index(taken.item_id)
        title = None if ix is None else title_of(catalogue, ix)
        entries.append(
            HistoryEntry(item_id=taken.item_id, title=title, timestamp=taken.timestamp or 0, known=ix is not None)
        )
    has = known.preferences is not None
    return reply(UserFound(user_id=user_id, n_items=len(entries), history=entries, preferences=has))


@router.get("/users/{user_id}/export", response_model=UserExport, responses=errors("unknown-user", *STORE_ERRORS))
async def export_user(request: Request, user_id: Annotated[UserId, Path(description=A_USER)]) -> Response:
    """Everything that is kept of a user, in one document: for the user, before an erasure, or for a move elsewhere.

    Needs no bundle. A history is bounded, and receipts of writes are kept for a day, so there are no pages.
    """
    state = state_of(request)
    found = await state.call_store(_exported, state.store, user_id, int(state.clock()))
    if found is None:
        raise UnknownUserError(NOTHING_STORED)
    return reply(found)


def _exported(store: Store, user_id: str, now: int) -> UserExport | None:
    """None of a user of whom nothing is kept. Three reads: a write between them may be in some of the parts only."""
    known, taken, writes = store.known(user_id), store.interactions(user_id) or (), store.writes(user_id)
    if known is None and not taken and not writes:
        return None
    return UserExport(
        user_id=user_id,
        exported=now,
        history=[KeptInteraction(item_id=one.item_id, timestamp=one.timestamp or 0) for one in taken],
        preferences=None if known is None or known.preferences is None else _kept(known.preferences),
        writes=[
            KeptReceipt(
                key=write.key,
                at=write.at,
                stored=write.stored,
                duplicates=write.duplicates,
                unknown_items=list(write.unknown_items),
            )
            for write in writes
        ],
    )


def _kept(kept: Preferences) -> KeptPreferences:
    try:
        return KeptPreferences(steer=json.loads(kept.steer), bundle_id=kept.bundle_id, updated=kept.updated)
    except ValueError as error:
        raise StorageUnavailableError(UNREADABLE, hint="PUT or DELETE the preferences") from error


@router.post(
    "/users/{user_id}/interactions",
    response_model=InteractionsReply,
    responses=errors("conflict", "no-bundle", *WRITE_ERRORS),
)
async def append_interactions(
    request: Request,
    user_id: Annotated[UserId, Path(description=A_USER)],
    asked: InteractionsRequest,
    idempotency_key: Key,
) -> Response:
    """Add to a user's history. The answer comes once the write is durable; a repeat of the key gets the same answer.

    A key that came with another write, or for a user who was erased since, is a `conflict`.
    """
    state = state_of(request)
    catalogue = answering(request, user_id=user_id).loaded.catalogue
    interactions = tuple(Interaction(taken.item_id, taken.timestamp) for taken in asked.interactions)
    unknown = catalogue.idmap.split(taken.item_id for taken in interactions).unknown
    write = Write(user_id, interactions, idempotency_key, tuple(unknown))
    receipt = await state.call_store(state.store.append, write)
    return reply(
        InteractionsReply(
            stored=receipt.stored, duplicates=receipt.duplicates, unknown_items=list(receipt.unknown_items)
        )
    )


@router.delete("/users/{user_id}", response_model=Erased, responses=errors("unknown-user", *WRITE_ERRORS))
async def erase_user(request: Request, user_id: Annotated[UserId, Path(description=A_USER)]) -> Response:
    """Remove everything that is known of a user, preferences included.

    Loading the same data again does not bring the user back; a write with a new key is a new beginning.
    """
    state = state_of(request)
    if not await state.call_store(state.store.erase, user_id):
        raise UnknownUserError(NOTHING_STORED)
    return reply(Erased(erased=True))


@router.get(
    "/users/{user_id}/preferences",
    response_model=PreferencesFound,
    responses=errors("unknown-user", "unknown-preferences", *STORE_ERRORS),
)
async def get_preferences(request: Request, user_id: Annotated[UserId, Path(description=A_USER)]) -> Response:
    """What steers this user's lists where a request does not say. `unknown-preferences` where nothing was put."""
    state = state_of(request)
    known = await state.read(state.store.known, user_id)
    if known is None or known.preferences is None:
        raise _no_preferences(known)
    return reply(_preferences_found(user_id, known.preferences))


@router.put(
    "/users/{user_id}/preferences",
    response_model=PreferencesFound,
    responses=errors("unknown-model", "no-bundle", *WRITE_ERRORS),
)
async def put_preferences(
    request: Request,
    user_id: Annotated[UserId, Path(description=A_USER)],
    asked: PreferencesRequest,
    model: Model = None,
) -> Response:
    """Keep how this user wants to be steered, in place of what was kept; no history is needed.

    Checked as in a request, against the bundle of `model` or, left out, the one that answers this user, whose factors
    it then speaks of. The answer comes once the write is durable; the last write wins, and the same again changes
    nothing.
    """
    state = state_of(request)
    loaded = answering(request, model, user_id).loaded
    steer = asked.steer
    shift_of(loaded, factors=steer.factors, attributes=steer.attributes, lock=steer.lock)
    text = steer.model_dump_json()
    kept = await state.call_store(state.store.put_preferences, user_id, text, loaded.bundle_id)
    return reply(_preferences_found(user_id, kept))


@router.delete(
    "/users/{user_id}/preferences",
    response_model=Erased,
    responses=errors("unknown-user", "unknown-preferences", *WRITE_ERRORS),
)
async def erase_preferences(request: Request, user_id: Annotated[UserId, Path(description=A_USER)]) -> Response:
    """Remove a user's preferences; the history stays. `unknown-preferences` where nothing was put."""
    state = state_of(request)
    if not await state.call_store(state.store.erase_preferences, user_id):
        raise _no_preferences(await state.read(state.store.known, user_id))
    return reply(Erased(erased=True))


def _no_preferences(known: Known | None) -> NotFoundError:
    """Of a user of whom nothing at all is stored it is the user who is unknown."""
    if known is None:
        return UnknownUserError(NOTHING_STORED)
    return UnknownPreferencesError("no preferences of this user are stored")


def _preferences_found(user_id: str, kept: Preferences) -> PreferencesFound:
    try:
        steer = Steer.model_validate_json(kept.steer)
    except ValidationError as error:
        raise StorageUnavailableError(UNREADABLE, hint="PUT or DELETE the preferences") from error
    return PreferencesFound(user_id=user_id, steer=steer, bundle_id=kept.bundle_id, updated=kept.updated)
