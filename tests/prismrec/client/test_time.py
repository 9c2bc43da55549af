"""How long a call may take in all, and what its error leaves in the caller's hands."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest

from prismrec.client import AsyncClient, CallOptions, Client, DroppedError, RetryPolicy, TimedOutError
from prismrec.client.models import InteractionAsked
from prismrec.client.problems import OverloadedError
from tests.prismrec.client.conftest import Script, error_of, live, problem_reply

LIMIT, STEP = 0.5, 2.0
PATIENCE = 60.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n"
LIKED = [InteractionAsked(item_id="m0")]


@contextmanager
def serving(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """The address of a server that answers each connection so, until the event."""
    over = threading.Event()

    def talk(wire: socket.socket) -> None:
        with wire, suppress(OSError):  # the client may have gone
            wire.recv(65536)
            answer(wire, over)

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                wire, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(wire,), daemon=True).start()

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            listening.shutdown(socket.SHUT_RDWR)


def drip(wire: socket.socket, over: threading.Event, *, seconds: float = PATIENCE) -> None:
    """A byte at a time, which suits a head and a body; no step takes long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not over.wait(0.02):
        wire.sendall(b" ")


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server whose replies' bodies drip and never end."""

    def answer(wire: socket.socket, over: threading.Event) -> None:
        wire.sendall(HEAD + b"\r\n")
        drip(wire, over)

    with serving(answer) as url:
        yield url


def test_reply_that_drips_ends_with_the_time_of_the_call(dripping: str) -> None:
    began = time.monotonic()
    retry = RetryPolicy(limit_seconds=LIMIT)
    with Client(dripping, retry=retry, timeout=PATIENCE) as client, pytest.raises(TimedOutError, match=r"after 0\.5 s"):
        client.list_items()
    assert LIMIT <= time.monotonic() - began < PATIENCE / 2


def test_awaited_reply_that_drips_ends_with_the_time_of_the_call(dripping: str) -> None:
    async def ask() -> None:
        async with AsyncClient(dripping, timeout=PATIENCE) as client:
            await client.list_items(options=CallOptions(retry=RetryPolicy(limit_seconds=LIMIT)))

    began = time.monotonic()
    with pytest.raises(TimedOutError, match=r"after 0\.5 s"):
        asyncio.run(ask())
    assert LIMIT <= time.monotonic() - began < PATIENCE / 2


def test_awaited_reply_whose_head_drips_ends_with_the_time_of_the_call() -> None:
    def answer(wire: socket.socket, over: threading.Event) -> None:
        wire.sendall(HEAD + b"X-More:")
        drip(wire, over)

    async def ask(url: str) -> None:
        async with AsyncClient(url, timeout=PATIENCE, retry=RetryPolicy(limit_seconds=LIMIT)) as client:
            await client.list_items()

    began = time.monotonic()
    with serving(answer) as url, pytest.raises(TimedOutError, match=r"after 0\.5 s"):
        asyncio.run(ask(url))
    assert LIMIT <= time.monotonic() - began < PATIENCE / 2


def test_reply_whose_head_drips_ends_once_the_head_is_there() -> None:
    """What docs/client.md says of Client: httpx reads a head in one go, and each read has the timeout of a step."""

    def answer(wire: socket.socket, over: threading.Event) -> None:
        wire.sendall(HEAD + b"X-More:")
        drip(wire, over, seconds=2 * LIMIT)
        wire.sendall(b"\r\n\r\n")
        over.wait(PATIENCE)  # the body is not waited for

    began = time.monotonic()
    with serving(answer) as url, Client(url, timeout=PATIENCE, retry=RetryPolicy(limit_seconds=LIMIT)) as client:
        with pytest.raises(TimedOutError, match=r"after 0\.5 s"):
            client.list_items()
        assert 2 * LIMIT <= time.monotonic() - began < PATIENCE / 2


def test_timeout_of_a_step_alone_does_not_end_it(dripping: str) -> None:
    """The control: a byte comes well within every step."""
    with httpx.Client(timeout=STEP) as http, http.stream("GET", dripping) as reply:
        until = time.monotonic() + 1.25 * STEP
        assert any(time.monotonic() > until for _ in reply.iter_raw())


def test_wait_that_would_outlast_the_call_is_not_waited(scripted: Any) -> None:
    script = Script([problem_reply("overloaded", 503, Retry_After="4"), live()])
    retry = RetryPolicy(total_seconds=100, limit_seconds=4)
    assert isinstance(error_of(scripted(script, retry=retry), "health_live"), OverloadedError)
    assert script.waits == []


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_call_has_some_time_and_not_for_ever(seconds: float) -> None:
    with pytest.raises(ValueError, match="limit_seconds"):
        RetryPolicy(limit_seconds=seconds)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("gone"),
        problem_reply("deadline", 504),
        httpx.Response(502, text="a proxy's page"),
    ],
    ids=["timed-out", "dropped", "deadline", "unreadable"],
)
def test_error_of_a_write_has_the_key_under_which_it_may_be_sent_again(scripted: Any, answer: Any) -> None:
    script = Script([answer, httpx.Response(200, json={"stored": 1, "duplicates": 0, "unknown_items": []})])
    ask = scripted(script)
    error = error_of(ask, "append_interactions", "ann", LIKED)
    assert error.idempotency_key == script.requests[0].headers["Idempotency-Key"]
    assert ask("append_interactions", "ann", LIKED, idempotency_key=error.idempotency_key).stored == 1
    assert script.requests[1].headers["Idempotency-Key"] == error.idempotency_key


def test_error_of_what_needs_no_key_has_none(scripted: Any) -> None:
    error = error_of(scripted(Script([httpx.RemoteProtocolError("gone")])), "list_items")
    assert isinstance(error, DroppedError) and error.idempotency_key is None
