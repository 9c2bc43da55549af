"""R1 and R2 on the real process: slow, huge, lying and vanishing clients are cut, counted, and harm nobody else."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from service.limits import LIMITS
from tests.builders import make_bundle
from tests.faults.hurried import BARE, HURRIED, SHORT
from tests.faults.served import LATENTS, ML_1M_ITEMS, Served, served
from tests.faults.soaking import abort

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PATIENCE = 60.0
"""How long a cut is waited for: many times its deadline, as machines are slow; without one it never comes."""

SLOW = 10
LISTS = 96
"""Of the longest, in one reply: six megabytes, more than the system takes off the service's hands on loopback."""
POST = b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("slow")
    make_bundle(made / "models", n_items=ML_1M_ITEMS, n_latent=LATENTS)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with served(folder, module="tests.faults.hurried", variant=HURRIED) as running:
        yield running


@contextmanager
def others(server: Served) -> Iterator[None]:
    """Another client that asks meanwhile; afterwards: each was answered well, and the service holds."""
    stopped, replies, broken = threading.Event(), list[int](), list[str]()

    def ask() -> None:
        with httpx.Client(base_url=server.base, timeout=PATIENCE) as http:
            while not stopped.is_set():
                try:
                    replies.append(http.post("/recommend", json={"history": ["m1"]}).status_code)
                except httpx.TransportError as error:
                    broken.append(type(error).__name__)
                time.sleep(0.02)

    asking = threading.Thread(target=ask)
    asking.start()

    def ask_more() -> None:
        answered = len(replies)
        wait_until(lambda: len(replies) > answered + 2 or bool(broken), "another client is not answered")

    try:
        ask_more()
        yield
        ask_more()
    finally:
        stopped.set()
        asking.join(2 * PATIENCE)
    assert not broken
    assert replies and set(replies) == {200}
    server.holds()


def cut(server: Served, reason: str) -> float:
    return server.counter(f'prismrec_connections_cut_total{{reason="{reason}"}}')


def wait_until(true: Callable[[], bool], said: str) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, said
        time.sleep(0.05)


def dribble(wires: list[socket.socket], part: bytes, *, patience: float = PATIENCE) -> list[bytes]:
    """Send `part` on each again and again until the other side has closed all; what each was sent."""
    heard: dict[socket.socket, bytes] = dict.fromkeys(wires, b"")
    left, until = set(wires), time.monotonic() + patience
    for wire in wires:
        wire.settimeout(0.001)
    while left:
        assert time.monotonic() < until, f"{len(left)} of {len(wires)} are still waited for"
        for wire in list(left):
            try:
                if not heard[wire]:  # who answers may have closed: a reset would lose what is still to be read
                    wire.sendall(part)
                found = wire.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                found = b""
            heard[wire] += found
            if not found:
                left.discard(wire)
        time.sleep(0.2)
    for wire in wires:
        wire.close()
    return list(heard.values())


def problem_in(heard: bytes) -> str:
    """The code of the problem that a closed connection left behind."""
    head, _, body = heard.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head.lower()
    assert b"connection: close" in head.lower()
    found = json.loads(body)
    assert int(head.split(b" ", 2)[1]) == found["status"]
    return str(found["code"])


@pytest.mark.parametrize(
    ("begin", "part", "reason", "code"),
    [
        (POST + b"X-Slow: ", b"a", "head-late", "malformed"),
        (POST, b"A: b\r\n", "head-late", "malformed"),
        (b"\r\n", b"\r\n", "head-late", None),
        (POST + b"Content-Length: 100\r\n\r\n", b"[", "body-late", "malformed"),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n[\r\n", "body-late", "malformed"),
    ],
    ids=["value", "headers", "nothing", "body", "chunks"],
)
def test_r2_slow_loris_is_cut_by_a_deadline_and_counted(
    server: Served, begin: bytes, part: bytes, reason: str, code: str | None
) -> None:
    before = cut(server, reason)
    with others(server):
        wires = [server.connect() for _ in range(SLOW)]
        for wire in wires:
            wire.sendall(begin)
        heard = dribble(wires, part)
        assert {problem_in(reply) if reply else None for reply in heard} == {code}
        assert cut(server, reason) - before == SLOW


def test_r2_slow_loris_without_a_deadline_is_found_out(folder: Path) -> None:
    with served(folder, module="tests.faults.hurried", variant=BARE) as bare:
        wires = [bare.connect() for _ in range(SLOW)]
        for wire in wires:
            wire.sendall(POST + b"X-Slow: ")
        with pytest.raises(AssertionError, match=f"{SLOW} of {SLOW} are still waited for"):
            dribble(wires, b"a", patience=4 * SHORT["head_seconds"])
        for wire in wires:
            wire.close()


def test_r2_silent_connection_is_cut_and_one_between_requests_too(server: Served) -> None:
    before = cut(server, "head-late")
    with server.connect(timeout=PATIENCE) as silent, server.connect(timeout=PATIENCE) as kept:
        kept.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard = b""
        while not heard.endswith(b"}"):  # the body, too: what follows is nothing but lines
            heard += kept.recv(65536)
        assert heard.startswith(b"HTTP/1.1 200")
        assert silent.recv(1) == b""
        (heard,) = dribble([kept], b"\r\n")  # a line between requests ends uvicorn's own wait for the next one
        assert b"HTTP" not in heard
    assert cut(server, "head-late") - before == 2


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"".join(b"X-%d: y\r\n" % i for i in range(LIMITS.headers + 1)), "head-large"),
        (b"X: " + b"y" * LIMITS.head_bytes + b"\r\n", "head-large"),
        (b"X: " + b"y" * 100_000_000, "head-large"),
        (b"X Y Z\r\n", "not-http"),
    ],
    ids=["many", "long", "endless", "not-http"],
)
def test_r2_header_flood_is_refused_and_weighs_nothing(server: Served, head: bytes, reason: str) -> None:
    before, weight = cut(server, reason), server.weight().rss
    with others(server), server.connect(timeout=PATIENCE) as wire:
        with suppress(ConnectionError):
            wire.sendall(b"GET /health/live HTTP/1.1\r\n" + head + b"\r\n")
        with suppress(ConnectionError):
            assert problem_in(wire.recv(65536)) == ("malformed" if reason == "not-http" else "too-large")
        wait_until(lambda: cut(server, reason) - before == 1, "not counted")
    assert server.weight().rss - weight < 64


def test_r2_as_many_headers_as_are_allowed_are_read(server: Served) -> None:
    headers = {f"X-{i}": "y" for i in range(LIMITS.headers - 20)} | {"X-Long": "y" * (LIMITS.head_bytes - 4096)}
    assert httpx.get(f"{server.base}/health/live", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"Content-Length: 100000000\r\n\r\n", b" " * 65536),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 10_000),
        (b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\nX: ", b"y" * 65536),
        (b"Content-Length: 10\r\n\r\n", b"[" * 65536),
    ],
    ids=["declared", "chunked", "tiny-chunks", "trailer", "lying"],
)
def test_r2_huge_body_is_cut_and_weighs_nothing(server: Served, head: bytes, part: bytes) -> None:
    weight = server.weight().rss
    with others(server), server.connect() as wire:
        wire.sendall(POST + head)
        sent, until = 0, time.monotonic() + PATIENCE
        with suppress(OSError):
            wire.settimeout(PATIENCE)
            while sent < 100_000_000 and time.monotonic() < until:
                wire.sendall(part)
                sent += len(part)
        assert sent < 50_000_000, "nobody stopped it"
    assert server.weight().rss - weight < 64


def test_r2_client_that_does_not_take_its_reply_is_cut(server: Served) -> None:
    before = cut(server, "reply-stalled")
    body = json.dumps({"requests": [{"history": ["m1"], "n": LIMITS.n} for _ in range(LISTS)]}).encode()
    head = POST.replace(b"/recommend", b"/recommend/batch") + b"Content-Length: %d\r\n\r\n" % len(body)
    with others(server), ExitStack() as wires:

        def is_cut() -> bool:
            """Another such client at each turn: one that a busy service refuses has a reply that fits on its way."""
            wire = wires.enter_context(socket.socket())
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.connect(("127.0.0.1", server.port))
            wire.sendall(head + body)
            until = time.monotonic() + 4 * SHORT["reply_seconds"]
            while time.monotonic() < until and cut(server, "reply-stalled") == before:
                time.sleep(0.05)
            return cut(server, "reply-stalled") > before

        wait_until(is_cut, "it is still waited for")


def test_r2_clients_that_vanish_harm_nobody_and_leave_nothing_open(server: Served) -> None:
    with others(server):
        for turn in range(60):
            abort(server, turn)
    opened = server.weight().fds
    for turn in range(60):
        abort(server, turn)
    wait_until(lambda: server.weight().fds <= opened, "connections of clients that went away stay open")
    server.holds()


def test_r2_idle_connections_make_room_for_others(server: Served) -> None:
    most, before = int(SHORT["connections"]), cut(server, "crowded")
    wires = [server.connect(timeout=PATIENCE) for _ in range(most + 5)]
    try:
        server.holds()
        assert cut(server, "crowded") > before
    finally:
        for wire in wires:
            wire.close()
