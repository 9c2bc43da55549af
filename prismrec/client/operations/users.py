# Made by `make client` from openapi/openapi.json; do not edit.
"""Operations of `users`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from prismrec.client.asking import Asks, AsyncAsks
from prismrec.client.calls import Call, CallOptions, segment
from prismrec.client.models.shared import Steer
from prismrec.client.models.users import (
    Erased,
    InteractionAsked,
    InteractionsReply,
    InteractionsRequest,
    PreferencesFound,
    PreferencesRequest,
    UserEntry,
    UserExport,
    UserFound,
    UserList,
)
from prismrec.client.pages import async_pages, pages


class UsersCalls(Asks):
    """Operations of `users`."""

    def list_users(
        self, *, limit: int | None = None, cursor: str | None = None, options: CallOptions | None = None
    ) -> UserList:
        """The users of whom anything is stored, in the order of their ids.

        limit: How many at most. Default: 20.

        cursor: The `next_cursor` of the page before.

        Problems: malformed, unauthorized, forbidden, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, storage-unavailable, deadline.
        """
        return self._ask(
            Call("list_users", "GET", "/users", UserList, query={"limit": limit, "cursor": cursor}), options
        )

    def iter_users(self, *, limit: int | None = None, options: CallOptions | None = None) -> Iterator[UserEntry]:
        """Every entry of `list_users`, page after page; `limit` is the size of a page."""
        return pages(lambda cursor: self.list_users(limit=limit, cursor=cursor, options=options))

    def get_user(self, user_id: str | int, *, options: CallOptions | None = None) -> UserFound:
        """A user's history, oldest first, and whether preferences are stored.

        user_id: Id of a user.

        Problems: malformed, unauthorized, unknown-user, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle, storage-unavailable, deadline.
        """
        return self._ask(Call("get_user", "GET", f"/users/{segment(user_id)}", UserFound), options)

    def erase_user(self, user_id: str | int, *, options: CallOptions | None = None) -> Erased:
        """Remove everything that is known of a user, preferences included.

        Loading the same data again does not bring the user back; a write with a new key is a new beginning.

        user_id: Id of a user.

        Problems: malformed, unauthorized, forbidden, cross-site, unknown-user, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, storage-unavailable, deadline, storage-full.
        """
        return self._ask(Call("erase_user", "DELETE", f"/users/{segment(user_id)}", Erased), options)

    def export_user(self, user_id: str | int, *, options: CallOptions | None = None) -> UserExport:
        """Everything that is kept of a user, in one document: for the user, before an erasure, or for a move elsewhere.

        Needs no bundle. A history is bounded, and receipts of writes are kept for a day, so there are no pages.

        user_id: Id of a user.

        Problems: malformed, unauthorized, forbidden, unknown-user, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, storage-unavailable, deadline.
        """
        return self._ask(Call("export_user", "GET", f"/users/{segment(user_id)}/export", UserExport), options)

    def append_interactions(
        self,
        user_id: str | int,
        interactions: Sequence[InteractionAsked],
        *,
        idempotency_key: str | None = None,
        options: CallOptions | None = None,
    ) -> InteractionsReply:
        """Add to a user's history. The answer comes once the write is durable; a repeat of the key gets the same
        answer.

        A key that came with another write, or for a user who was erased since, is a `conflict`.

        user_id: Id of a user.

        idempotency_key: Made by the client, new for every write, the same for a retry of it.

        The other arguments are the members of InteractionsRequest.

        Problems: malformed, unauthorized, forbidden, cross-site, conflict, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle, storage-unavailable, deadline, storage-full.
        """
        return self._ask(
            Call(
                "append_interactions",
                "POST",
                f"/users/{segment(user_id)}/interactions",
                InteractionsReply,
                headers={"Idempotency-Key": idempotency_key},
                body=InteractionsRequest(interactions=interactions),
            ),
            options,
        )

    def get_preferences(self, user_id: str | int, *, options: CallOptions | None = None) -> PreferencesFound:
        """What steers this user's lists where a request does not say. `unknown-preferences` where nothing was put.

        user_id: Id of a user.

        Problems: malformed, unauthorized, unknown-user, unknown-preferences, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, storage-unavailable, deadline.
        """
        return self._ask(
            Call("get_preferences", "GET", f"/users/{segment(user_id)}/preferences", PreferencesFound), options
        )

    def put_preferences(
        self, user_id: str | int, steer: Steer, *, model: str | None = None, options: CallOptions | None = None
    ) -> PreferencesFound:
        """Keep how this user wants to be steered, in place of what was kept; no history is needed.

        Checked as in a request, against the bundle of `model` or, left out, the one that answers this user, whose
        factors it then speaks of. The answer comes once the write is durable; the last write wins, and the same
        again changes nothing.

        user_id: Id of a user.

        model: Name of the served model that is to answer; null = that of the user's arm where users are split
        between models, else the default one.

        The other arguments are the members of PreferencesRequest.

        Problems: malformed, unauthorized, forbidden, cross-site, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle, storage-unavailable, deadline, storage-full.
        """
        return self._ask(
            Call(
                "put_preferences",
                "PUT",
                f"/users/{segment(user_id)}/preferences",
                PreferencesFound,
                query={"model": model},
                body=PreferencesRequest(steer=steer),
            ),
            options,
        )

    def erase_preferences(self, user_id: str | int, *, options: CallOptions | None = None) -> Erased:
        """Remove a user's preferences; the history stays. `unknown-preferences` where nothing was put.

        user_id: Id of a user.

        Problems: malformed, unauthorized, forbidden, cross-site, unknown-user, unknown-preferences, too-large,
        unsupported-media-type, misdirected, invalid-request, internal, overloaded, storage-unavailable, deadline,
        storage-full.
        """
        return self._ask(Call("erase_preferences", "DELETE", f"/users/{segment(user_id)}/preferences", Erased), options)


class AsyncUsersCalls(AsyncAsks):
    """Operations of `users`."""

    async def list_users(
        self, *, limit: int | None = None, cursor: str | None = None, options: CallOptions | None = None
    ) -> UserList:
        """The users of whom anything is stored, in the order of their ids.

        limit: How many at most. Default: 20.

        cursor: The `next_cursor` of the page before.

        Problems: malformed, unauthorized, forbidden, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, storage-unavailable, deadline.
        """
        return await self._ask(
            Call("list_users", "GET", "/users", UserList, query={"limit": limit, "cursor": cursor}), options
        )

    def iter_users(self, *, limit: int | None = None, options: CallOptions | None = None) -> AsyncIterator[UserEntry]:
        """Every entry of `list_users`, page after page; `limit` is the size of a page."""
        return async_pages(lambda cursor: self.list_users(limit=limit, cursor=cursor, options=options))

    async def get_user(self, user_id: str | int, *, options: CallOptions | None = None) -> UserFound:
        """A user's history, oldest first, and whether preferences are stored.

        user_id: Id of a user.

        Problems: malformed, unauthorized, unknown-user, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle, storage-unavailable, deadline.
        """
        return await self._ask(Call("get_user", "GET", f"/users/{segment(user_id)}", UserFound), options)

    async def erase_user(self, user_id: str | int, *, options: CallOptions | None = None) -> Erased:
        """Remove everything that is known of a user, preferences included.

        Loading the same data again does not bring the user back; a write with a new key is a new beginning.

        user_id: Id of a user.

        Problems: malformed, unauthorized, forbidden, cross-site, unknown-user, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, storage-unavailable, deadline, storage-full.
        """
        return await self._ask(Call("erase_user", "DELETE", f"/users/{segment(user_id)}", Erased), options)

    async def export_user(self, user_id: str | int, *, options: CallOptions | None = None) -> UserExport:
        """Everything that is kept of a user, in one document: for the user, before an erasure, or for a move elsewhere.

        Needs no bundle. A history is bounded, and receipts of writes are kept for a day, so there are no pages.

        user_id: Id of a user.

        Problems: malformed, unauthorized, forbidden, unknown-user, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, storage-unavailable, deadline.
        """
        return await self._ask(Call("export_user", "GET", f"/users/{segment(user_id)}/export", UserExport), options)

    async def append_interactions(
        self,
        user_id: str | int,
        interactions: Sequence[InteractionAsked],
        *,
        idempotency_key: str | None = None,
        options: CallOptions | None = None,
    ) -> InteractionsReply:
        """Add to a user's history. The answer comes once the write is durable; a repeat of the key gets the same
        answer.

        A key that came with another write, or for a user who was erased since, is a `conflict`.

        user_id: Id of a user.

        idempotency_key: Made by the client, new for every write, the same for a retry of it.

        The other arguments are the members of InteractionsRequest.

        Problems: malformed, unauthorized, forbidden, cross-site, conflict, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle, storage-unavailable, deadline, storage-full.
        """
        return await self._ask(
            Call(
                "append_interactions",
                "POST",
                f"/users/{segment(user_id)}/interactions",
                InteractionsReply,
                headers={"Idempotency-Key": idempotency_key},
                body=InteractionsRequest(interactions=interactions),
            ),
            options,
        )

    async def get_preferences(self, user_id: str | int, *, options: CallOptions | None = None) -> PreferencesFound:
        """What steers this user's lists where a request does not say. `unknown-preferences` where nothing was put.

        user_id: Id of a user.

        Problems: malformed, unauthorized, unknown-user, unknown-preferences, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, storage-unavailable, deadline.
        """
        return await self._ask(
            Call("get_preferences", "GET", f"/users/{segment(user_id)}/preferences", PreferencesFound), options
        )

    async def put_preferences(
        self, user_id: str | int, steer: Steer, *, model: str | None = None, options: CallOptions | None = None
    ) -> PreferencesFound:
        """Keep how this user wants to be steered, in place of what was kept; no history is needed.

        Checked as in a request, against the bundle of `model` or, left out, the one that answers this user, whose
        factors it then speaks of. The answer comes once the write is durable; the last write wins, and the same
        again changes nothing.

        user_id: Id of a user.

        model: Name of the served model that is to answer; null = that of the user's arm where users are split
        between models, else the default one.

        The other arguments are the members of PreferencesRequest.

        Problems: malformed, unauthorized, forbidden, cross-site, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle, storage-unavailable, deadline, storage-full.
        """
        return await self._ask(
            Call(
                "put_preferences",
                "PUT",
                f"/users/{segment(user_id)}/preferences",
                PreferencesFound,
                query={"model": model},
                body=PreferencesRequest(steer=steer),
            ),
            options,
        )

    async def erase_preferences(self, user_id: str | int, *, options: CallOptions | None = None) -> Erased:
        """Remove a user's preferences; the history stays. `unknown-preferences` where nothing was put.

        user_id: Id of a user.

        Problems: malformed, unauthorized, forbidden, cross-site, unknown-user, unknown-preferences, too-large,
        unsupported-media-type, misdirected, invalid-request, internal, overloaded, storage-unavailable, deadline,
        storage-full.
        """
        return await self._ask(
            Call("erase_preferences", "DELETE", f"/users/{segment(user_id)}/preferences", Erased), options
        )
