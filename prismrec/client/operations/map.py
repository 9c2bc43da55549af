# Made by `make client` from openapi/openapi.json; do not edit.
"""Operations of `map`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from prismrec.client.asking import Asks, AsyncAsks
from prismrec.client.calls import Call, CallOptions, segment
from prismrec.client.models.map import FactorDetail, FactorFound, FactorList, LatentMapReply
from prismrec.client.pages import async_pages, pages


class MapCalls(Asks):
    """Operations of `map`."""

    def list_factors(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> FactorList:
        """The decoded map: every factor with what its halves encode, and (on every page) the directions of values.

        limit: How many at most. Default: 500.

        cursor: The `next_cursor` of the page before.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle.
        """
        return self._ask(
            Call(
                "list_factors", "GET", "/factors", FactorList, query={"limit": limit, "cursor": cursor, "model": model}
            ),
            options,
        )

    def iter_factors(
        self, *, limit: int | None = None, model: str | None = None, options: CallOptions | None = None
    ) -> Iterator[FactorFound]:
        """Every entry of `list_factors`, page after page; `limit` is the size of a page."""
        return pages(lambda cursor: self.list_factors(limit=limit, model=model, cursor=cursor, options=options))

    def get_factor(self, factor: int, *, model: str | None = None, options: CallOptions | None = None) -> FactorDetail:
        """One factor with all its evidence.

        factor: Number of the factor, from 0.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-factor, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle.
        """
        return self._ask(
            Call("get_factor", "GET", f"/factors/{segment(factor)}", FactorDetail, query={"model": model}), options
        )

    def latent_map(self, *, model: str | None = None, options: CallOptions | None = None) -> LatentMapReply:
        """PCA of the training users' latents, without ids, and of the same users under each condition.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle.
        """
        return self._ask(Call("latent_map", "GET", "/latent/map", LatentMapReply, query={"model": model}), options)


class AsyncMapCalls(AsyncAsks):
    """Operations of `map`."""

    async def list_factors(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        model: str | None = None,
        options: CallOptions | None = None,
    ) -> FactorList:
        """The decoded map: every factor with what its halves encode, and (on every page) the directions of values.

        limit: How many at most. Default: 500.

        cursor: The `next_cursor` of the page before.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle.
        """
        return await self._ask(
            Call(
                "list_factors", "GET", "/factors", FactorList, query={"limit": limit, "cursor": cursor, "model": model}
            ),
            options,
        )

    def iter_factors(
        self, *, limit: int | None = None, model: str | None = None, options: CallOptions | None = None
    ) -> AsyncIterator[FactorFound]:
        """Every entry of `list_factors`, page after page; `limit` is the size of a page."""
        return async_pages(lambda cursor: self.list_factors(limit=limit, model=model, cursor=cursor, options=options))

    async def get_factor(
        self, factor: int, *, model: str | None = None, options: CallOptions | None = None
    ) -> FactorDetail:
        """One factor with all its evidence.

        factor: Number of the factor, from 0.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-factor, unknown-model, too-large, unsupported-media-type,
        misdirected, invalid-request, internal, overloaded, no-bundle.
        """
        return await self._ask(
            Call("get_factor", "GET", f"/factors/{segment(factor)}", FactorDetail, query={"model": model}), options
        )

    async def latent_map(self, *, model: str | None = None, options: CallOptions | None = None) -> LatentMapReply:
        """PCA of the training users' latents, without ids, and of the same users under each condition.

        model: Name of the served model to ask; left out = the default one.

        Problems: malformed, unauthorized, unknown-model, too-large, unsupported-media-type, misdirected,
        invalid-request, internal, overloaded, no-bundle.
        """
        return await self._ask(
            Call("latent_map", "GET", "/latent/map", LatentMapReply, query={"model": model}), options
        )
