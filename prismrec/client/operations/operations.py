# Made by `make client` from openapi/openapi.json; do not edit.
"""Operations of `operations`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from prismrec.client.asking import Asks, AsyncAsks
from prismrec.client.calls import Call, CallOptions, segment
from prismrec.client.models.operations import (
    BundleFound,
    BundleList,
    Live,
    ProblemType,
    ProblemTypes,
    Ready,
    ReloadReply,
    ReloadRequest,
)
from prismrec.client.pages import async_pages, pages


class OperationsCalls(Asks):
    """Operations of `operations`."""

    def list_bundles(
        self, *, limit: int | None = None, cursor: str | None = None, options: CallOptions | None = None
    ) -> BundleList:
        """The models served, their bundles with hashes and offline metrics, and the versions in the model folder.

        limit: How many at most. Default: 500.

        cursor: The `next_cursor` of the page before.

        Problems: malformed, unauthorized, too-large, unsupported-media-type, misdirected, invalid-request, internal,
        overloaded, deadline.
        """
        return self._ask(
            Call("list_bundles", "GET", "/bundles", BundleList, query={"limit": limit, "cursor": cursor}), options
        )

    def iter_bundles(self, *, limit: int | None = None, options: CallOptions | None = None) -> Iterator[BundleFound]:
        """Every entry of `list_bundles`, page after page; `limit` is the size of a page."""
        return pages(lambda cursor: self.list_bundles(limit=limit, cursor=cursor, options=options))

    def reload_bundle(
        self, *, model: str | None = None, version: str | None = None, options: CallOptions | None = None
    ) -> ReloadReply:
        """Verify, warm and serve a version of a model; if it is refused, the bundle served before goes on serving.

        What is served already is not loaded again while its files are what they were, by name, size, time and inode.
        The same asked for while it is being loaded gets the result of that load; another version is a `conflict`.

        The other arguments are the members of ReloadRequest.

        Problems: malformed, unauthorized, forbidden, cross-site, unknown-model, unknown-bundle, conflict, too-large,
        unsupported-media-type, misdirected, invalid-request, bundle-refused, internal, overloaded, deadline,
        no-memory.
        """
        return self._ask(
            Call(
                "reload_bundle",
                "POST",
                "/bundles/reload",
                ReloadReply,
                body=ReloadRequest(model=model, version=version),
            ),
            options,
        )

    def health_live(self, *, options: CallOptions | None = None) -> Live:
        """The process answers. No I/O, no locks, no key.

        Problems: malformed, too-large, unsupported-media-type, invalid-request, internal.
        """
        return self._ask(Call("health_live", "GET", "/health/live", Live), options)

    def health_ready(self, *, options: CallOptions | None = None) -> Ready:
        """Ready: a verified bundle is loaded and warmed, and the process is not stopping.

        The default model decides: another one without a bundle, like a store that does not answer or takes no
        writes, is named in `degraded`, and lists for histories go on. So is a bundle that stands in for the one to
        be served.

        Problems: malformed, too-large, unsupported-media-type, invalid-request, internal.
        """
        return self._ask(Call("health_ready", "GET", "/health/ready", Ready, also=(503,)), options)

    def list_problems(self, *, options: CallOptions | None = None) -> ProblemTypes:
        """All problem codes.

        Problems: malformed, too-large, unsupported-media-type, misdirected, invalid-request, internal, overloaded.
        """
        return self._ask(Call("list_problems", "GET", "/problems", ProblemTypes), options)

    def get_problem(self, code: str, *, options: CallOptions | None = None) -> ProblemType:
        """What one problem code means and what to do about it.

        code: A problem code, as in `code`.

        Problems: malformed, not-found, too-large, unsupported-media-type, misdirected, invalid-request, internal,
        overloaded.
        """
        return self._ask(Call("get_problem", "GET", f"/problems/{segment(code)}", ProblemType), options)

    def metrics(self, *, options: CallOptions | None = None) -> str:
        """Counters and histograms in Prometheus' text format.

        Problems: malformed, unauthorized, too-large, unsupported-media-type, misdirected, invalid-request, internal,
        overloaded.
        """
        return self._ask(Call("metrics", "GET", "/metrics", str), options)


class AsyncOperationsCalls(AsyncAsks):
    """Operations of `operations`."""

    async def list_bundles(
        self, *, limit: int | None = None, cursor: str | None = None, options: CallOptions | None = None
    ) -> BundleList:
        """The models served, their bundles with hashes and offline metrics, and the versions in the model folder.

        limit: How many at most. Default: 500.

        cursor: The `next_cursor` of the page before.

        Problems: malformed, unauthorized, too-large, unsupported-media-type, misdirected, invalid-request, internal,
        overloaded, deadline.
        """
        return await self._ask(
            Call("list_bundles", "GET", "/bundles", BundleList, query={"limit": limit, "cursor": cursor}), options
        )

    def iter_bundles(
        self, *, limit: int | None = None, options: CallOptions | None = None
    ) -> AsyncIterator[BundleFound]:
        """Every entry of `list_bundles`, page after page; `limit` is the size of a page."""
        return async_pages(lambda cursor: self.list_bundles(limit=limit, cursor=cursor, options=options))

    async def reload_bundle(
        self, *, model: str | None = None, version: str | None = None, options: CallOptions | None = None
    ) -> ReloadReply:
        """Verify, warm and serve a version of a model; if it is refused, the bundle served before goes on serving.

        What is served already is not loaded again while its files are what they were, by name, size, time and inode.
        The same asked for while it is being loaded gets the result of that load; another version is a `conflict`.

        The other arguments are the members of ReloadRequest.

        Problems: malformed, unauthorized, forbidden, cross-site, unknown-model, unknown-bundle, conflict, too-large,
        unsupported-media-type, misdirected, invalid-request, bundle-refused, internal, overloaded, deadline,
        no-memory.
        """
        return await self._ask(
            Call(
                "reload_bundle",
                "POST",
                "/bundles/reload",
                ReloadReply,
                body=ReloadRequest(model=model, version=version),
            ),
            options,
        )

    async def health_live(self, *, options: CallOptions | None = None) -> Live:
        """The process answers. No I/O, no locks, no key.

        Problems: malformed, too-large, unsupported-media-type, invalid-request, internal.
        """
        return await self._ask(Call("health_live", "GET", "/health/live", Live), options)

    async def health_ready(self, *, options: CallOptions | None = None) -> Ready:
        """Ready: a verified bundle is loaded and warmed, and the process is not stopping.

        The default model decides: another one without a bundle, like a store that does not answer or takes no
        writes, is named in `degraded`, and lists for histories go on. So is a bundle that stands in for the one to
        be served.

        Problems: malformed, too-large, unsupported-media-type, invalid-request, internal.
        """
        return await self._ask(Call("health_ready", "GET", "/health/ready", Ready, also=(503,)), options)

    async def list_problems(self, *, options: CallOptions | None = None) -> ProblemTypes:
        """All problem codes.

        Problems: malformed, too-large, unsupported-media-type, misdirected, invalid-request, internal, overloaded.
        """
        return await self._ask(Call("list_problems", "GET", "/problems", ProblemTypes), options)

    async def get_problem(self, code: str, *, options: CallOptions | None = None) -> ProblemType:
        """What one problem code means and what to do about it.

        code: A problem code, as in `code`.

        Problems: malformed, not-found, too-large, unsupported-media-type, misdirected, invalid-request, internal,
        overloaded.
        """
        return await self._ask(Call("get_problem", "GET", f"/problems/{segment(code)}", ProblemType), options)

    async def metrics(self, *, options: CallOptions | None = None) -> str:
        """Counters and histograms in Prometheus' text format.

        Problems: malformed, unauthorized, too-large, unsupported-media-type, misdirected, invalid-request, internal,
        overloaded.
        """
        return await self._ask(Call("metrics", "GET", "/metrics", str), options)
