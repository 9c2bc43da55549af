# Made by `make client` from openapi/openapi.json; do not edit.
"""Operations of `catalogue`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from prismrec.client.asking import Asks, AsyncAsks
from prismrec.client.calls import Call, CallOptions, Open, segment
from prismrec.client.models.catalogue import (
    ConditionFound,
    ConditionList,
    ItemDetail,
    ItemFound,
    ItemList,
    SimilarFound,
    SimilarList,
)
from prismrec.client.pages import async_pages, pages


class CatalogueCalls(Asks):
    """Operations of `catalogue`."""

    def list_items(
        self,
        *,
        title: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ItemList:
        """The catalogue, the most popular items first; `title` searches.

        title: Words that the title must have.

        limit: How many at most. Default: 20.

        cursor: The `next_cursor` of the page before.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle.
        """
        return self._ask(
            Call(
                "list_items",
                "GET",
                "/items",
                ItemList,
                query={"title": title, "limit": limit, "cursor": cursor, "model": model},
                opens=(Open(("items",), ItemFound),),
            ),
            options,
        )

    def iter_items(
        self,
        *,
        title: str | None = None,
        limit: int | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> Iterator[ItemFound]:
        """Every entry of `list_items`, page after page; `limit` is the size of a page."""
        return pages(
            lambda cursor: self.list_items(title=title, limit=limit, model=model, cursor=cursor, options=options)
        )

    def similar_items(
        self, item_id: str | int, *, n: int | None = None, model: str | None = None, options: CallOptions | None = None
    ) -> SimilarList:
        """The items nearest to one in the latent space.

        item_id: Id of an item; of all ids only these may hold slashes, sent as they are or as %2F.

        n: How many items are asked for. Default: 10.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-item, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle, deadline.
        """
        return self._ask(
            Call(
                "similar_items",
                "GET",
                f"/items/{segment(item_id)}/similar",
                SimilarList,
                query={"n": n, "model": model},
                opens=(Open(("items",), SimilarFound),),
            ),
            options,
        )

    def get_item(
        self, item_id: str | int, *, model: str | None = None, options: CallOptions | None = None
    ) -> ItemDetail:
        """One item with all its fields.

        item_id: Id of an item; of all ids only these may hold slashes, sent as they are or as %2F.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-item, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle.
        """
        return self._ask(
            Call(
                "get_item",
                "GET",
                f"/items/{segment(item_id)}",
                ItemDetail,
                query={"model": model},
                opens=(Open((), ItemDetail),),
            ),
            options,
        )

    def list_conditions(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ConditionList:
        """What `condition.genres` may name, and which of it the model itself understands.

        limit: How many at most. Default: 500.

        cursor: The `next_cursor` of the page before.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle.
        """
        return self._ask(
            Call(
                "list_conditions",
                "GET",
                "/conditions",
                ConditionList,
                query={"limit": limit, "cursor": cursor, "model": model},
            ),
            options,
        )

    def iter_conditions(
        self, *, limit: int | None = None, model: str | None = None, options: CallOptions | None = None
    ) -> Iterator[ConditionFound]:
        """Every entry of `list_conditions`, page after page; `limit` is the size of a page."""
        return pages(lambda cursor: self.list_conditions(limit=limit, model=model, cursor=cursor, options=options))


class AsyncCatalogueCalls(AsyncAsks):
    """Operations of `catalogue`."""

    async def list_items(
        self,
        *,
        title: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ItemList:
        """The catalogue, the most popular items first; `title` searches.

        title: Words that the title must have.

        limit: How many at most. Default: 20.

        cursor: The `next_cursor` of the page before.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle.
        """
        return await self._ask(
            Call(
                "list_items",
                "GET",
                "/items",
                ItemList,
                query={"title": title, "limit": limit, "cursor": cursor, "model": model},
                opens=(Open(("items",), ItemFound),),
            ),
            options,
        )

    def iter_items(
        self,
        *,
        title: str | None = None,
        limit: int | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> AsyncIterator[ItemFound]:
        """Every entry of `list_items`, page after page; `limit` is the size of a page."""
        return async_pages(
            lambda cursor: self.list_items(title=title, limit=limit, model=model, cursor=cursor, options=options)
        )

    async def similar_items(
        self, item_id: str | int, *, n: int | None = None, model: str | None = None, options: CallOptions | None = None
    ) -> SimilarList:
        """The items nearest to one in the latent space.

        item_id: Id of an item; of all ids only these may hold slashes, sent as they are or as %2F.

        n: How many items are asked for. Default: 10.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-item, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle, deadline.
        """
        return await self._ask(
            Call(
                "similar_items",
                "GET",
                f"/items/{segment(item_id)}/similar",
                SimilarList,
                query={"n": n, "model": model},
                opens=(Open(("items",), SimilarFound),),
            ),
            options,
        )

    async def get_item(
        self, item_id: str | int, *, model: str | None = None, options: CallOptions | None = None
    ) -> ItemDetail:
        """One item with all its fields.

        item_id: Id of an item; of all ids only these may hold slashes, sent as they are or as %2F.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-item, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle.
        """
        return await self._ask(
            Call(
                "get_item",
                "GET",
                f"/items/{segment(item_id)}",
                ItemDetail,
                query={"model": model},
                opens=(Open((), ItemDetail),),
            ),
            options,
        )

    async def list_conditions(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> ConditionList:
        """What `condition.genres` may name, and which of it the model itself understands.

        limit: How many at most. Default: 500.

        cursor: The `next_cursor` of the page before.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle.
        """
        return await self._ask(
            Call(
                "list_conditions",
                "GET",
                "/conditions",
                ConditionList,
                query={"limit": limit, "cursor": cursor, "model": model},
            ),
            options,
        )

    def iter_conditions(
        self, *, limit: int | None = None, model: str | None = None, options: CallOptions | None = None
    ) -> AsyncIterator[ConditionFound]:
        """Every entry of `list_conditions`, page after page; `limit` is the size of a page."""
        return async_pages(
            lambda cursor: self.list_conditions(limit=limit, model=model, cursor=cursor, options=options)
        )
