"""The two clients. They differ in what waits: the thread or the task."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

import httpx

from prismrec.client.calls import Call, CallOptions
from prismrec.client.exchange import LIMITS, TIMEOUT, Exchange, Habits, Wait
from prismrec.client.operations import AsyncOperations, Operations
from prismrec.client.retries import RetryPolicy

T = TypeVar("T")
Key = str | Callable[[], str] | None


class Client(Operations):
    """The API, one method for each operation. Threads may share one; close it, or use it in a `with` statement.

    base_url: where the service is, such as "http://127.0.0.1:8000"; a path before the API's own may follow.
    key: the X-API-Key, or a function that gives it, asked for each attempt, where keys are exchanged while running.
    timeout: seconds for each step of an attempt. retry: when an attempt is made again, and how long all of it may take.
    http: an httpx.Client of your own, for proxies, certificates, limits or transports; closing it stays with you.
    clock (monotonic seconds), sleep and new_id: for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: Key = None,
        timeout: float | httpx.Timeout = TIMEOUT,
        retry: RetryPolicy | None = None,
        http: httpx.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._habits = _habits(base_url, key, timeout=timeout, retry=retry, clock=clock, new_id=new_id)
        self._http = http or httpx.Client(limits=LIMITS)
        self._ours = http is None
        self._sleep = sleep

    def _ask(self, call: Call[T], options: CallOptions | None) -> T:
        exchange = Exchange(call, options, self._habits)
        while True:
            try:
                response = self._http.send(exchange.request(self._http), stream=True, follow_redirects=False)
                response = _whole(response, exchange)
            except httpx.RequestError as error:
                found: T | Wait = exchange.failed(error)
            else:
                found = exchange.answered(response)
            if not isinstance(found, Wait):
                return found
            self._sleep(found.seconds)

    def close(self) -> None:
        """Close the connections; those of an `http` of your own stay open."""
        if self._ours:
            self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncClient(AsyncOperations):
    """The API, one coroutine for each operation. Tasks may share one; `aclose` it, or use `async with`.

    The arguments are those of Client, with an httpx.AsyncClient and a `sleep` that is awaited.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key: Key = None,
        timeout: float | httpx.Timeout = TIMEOUT,
        retry: RetryPolicy | None = None,
        http: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._habits = _habits(base_url, key, timeout=timeout, retry=retry, clock=clock, new_id=new_id)
        self._http = http or httpx.AsyncClient(limits=LIMITS)
        self._ours = http is None
        self._sleep = sleep

    async def _ask(self, call: Call[T], options: CallOptions | None) -> T:
        exchange = Exchange(call, options, self._habits)
        while True:
            try:
                async with asyncio.timeout(exchange.left):
                    response = await self._http.send(exchange.request(self._http), follow_redirects=False)
            except TimeoutError:
                raise exchange.late() from None
            except httpx.RequestError as error:
                found: T | Wait = exchange.failed(error)
            else:
                found = exchange.answered(response)
            if not isinstance(found, Wait):
                return found
            await self._sleep(found.seconds)

    async def aclose(self) -> None:
        """Close the connections; those of an `http` of your own stay open."""
        if self._ours:
            await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()


def _whole(response: httpx.Response, exchange: Exchange[T]) -> httpx.Response:
    """The response with all of its content, which comes in within the time of the call.

    Not so the head: httpx reads it in one go, and each read of it has the timeout of a step.
    """
    if response.is_stream_consumed:  # of a transport that has it whole already
        return response
    with contextlib.closing(response):
        exchange.check()  # the head may have been long in coming
        parts = []
        for part in response.iter_raw():
            exchange.check()
            parts.append(part)
    return httpx.Response(
        response.status_code, headers=response.headers, content=b"".join(parts), request=response.request
    )


def _habits(
    base_url: str,
    key: Key,
    *,
    timeout: float | httpx.Timeout,
    retry: RetryPolicy | None,
    clock: Callable[[], float],
    new_id: Callable[[], str],
) -> Habits:
    try:
        where = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"base_url cannot be read: {error}") from None
    if where.scheme not in {"http", "https"} or not where.host or where.query or where.fragment:
        raise ValueError("base_url must be http:// or https:// with a host, without a query")
    return Habits(
        base_url=base_url.rstrip("/"),
        key=key if callable(key) else lambda: key,
        timeout=httpx.Timeout(timeout),
        retry=retry or RetryPolicy(),
        clock=clock,
        new_id=new_id,
    )
