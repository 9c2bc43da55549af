"""/users: stored histories."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Request
from starlette.responses import Response

from service.cursors import decode_cursor, encode_cursor
from service.errors import UnknownUserError
from service.openapi import errors
from service.operation import reply, resource
from service.schemas.base import PageCursor, PageLimit, UserId
from service.schemas.users import (
    Erased,
    HistoryEntry,
    InteractionsReply,
    InteractionsRequest,
    UserEntry,
    UserFound,
    UserList,
)
from service.showing import title_of
from service.state import state_of
from service.store.protocol import Interaction, Write

router = resource("users")
STORE_ERRORS = ("storage-unavailable", "overloaded", "deadline")
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
    """The users with a history, in the order of their ids."""
    state = state_of(request)
    after = "" if cursor is None else decode_cursor(cursor, "users")
    found = await state.storage.run(state.store.users, limit + 1, after)
    page = found[:limit]
    more = len(found) > limit
    return reply(
        UserList(
            items=[UserEntry(user_id=user.user_id, n_items=user.n_items) for user in page],
            next_cursor=encode_cursor("users", page[-1].user_id) if more else None,
        )
    )


@router.get("/users/{user_id}", response_model=UserFound, responses=errors("unknown-user", "no-bundle", *STORE_ERRORS))
async def get_user(request: Request, user_id: Annotated[UserId, Path()]) -> Response:
    """A user's history, oldest first."""
    state = state_of(request)
    catalogue = state.slot.require().catalogue
    found = await state.read(state.store.interactions, user_id)
    if found is None:
        raise UnknownUserError("the store has no history of this user")
    entries = []
    for taken in found:
        ix = catalogue.idmap.index(taken.item_id)
        title = None if ix is None else title_of(catalogue, ix)
        entries.append(
            HistoryEntry(item_id=taken.item_id, title=title, timestamp=taken.timestamp or 0, known=ix is not None)
        )
    return reply(UserFound(user_id=user_id, n_items=len(entries), history=entries))


@router.post(
    "/users/{user_id}/interactions",
    response_model=InteractionsReply,
    responses=errors("conflict", "storage-full", "no-bundle", *STORE_ERRORS),
)
async def append_interactions(
    request: Request, user_id: Annotated[UserId, Path()], asked: InteractionsRequest, idempotency_key: Key
) -> Response:
    """Add to a user's history. The answer comes once the write is durable; a repeat of the key gets the same answer."""
    state = state_of(request)
    catalogue = state.slot.require().catalogue
    interactions = tuple(Interaction(taken.item_id, taken.timestamp) for taken in asked.interactions)
    unknown = catalogue.idmap.split(taken.item_id for taken in interactions).unknown
    write = Write(user_id, interactions, idempotency_key, tuple(unknown))
    receipt = await state.storage.run(state.store.append, write)
    return reply(
        InteractionsReply(
            stored=receipt.stored, duplicates=receipt.duplicates, unknown_items=list(receipt.unknown_items)
        )
    )


@router.delete("/users/{user_id}", response_model=Erased, responses=errors("unknown-user", *STORE_ERRORS))
async def erase_user(request: Request, user_id: Annotated[UserId, Path()]) -> Response:
    """Remove everything that is known of a user."""
    state = state_of(request)
    if not await state.storage.run(state.store.erase, user_id):
        raise UnknownUserError("the store has no history of this user")
    return reply(Erased(erased=True))
