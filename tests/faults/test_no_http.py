"""R1: bytes that are no HTTP, or not quite: a problem like any other, counted, and the connection is closed."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from tests.builders import make_bundle
from tests.faults.serving import LONG, Service, serving

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CUT = "prismrec_connections_cut_total"
UNREAD = "prismrec_requests_total"
POST = b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
STRANGE = {
    "tls": bytes.fromhex("16030100c8010000c40303") + bytes(range(200)),
    "http2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "noise": bytes(range(128, 256)) * 4,
    "zeros": bytes(100),
    "version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "method": b"FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "target": b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "path": b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "header": b"GET /health/live HTTP/1.1\r\nHost x\r\n\r\n",
    "zero in a header": b"GET /health/live HTTP/1.1\r\nHost: x\0y\r\n\r\n",
    "length": POST + b"Content-Length: abc\r\n\r\n",
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n{}a",
    "length and chunks": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("strange")
    make_bundle(folder / "models")
    with serving(folder) as service:
        yield service


def _said(service: Service, content: bytes) -> tuple[bytes, bytes]:
    """Head and body of what comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", service.port), LONG) as line:
        line.sendall(content)
        head, _, body = b"".join(iter(lambda: line.recv(65536), b"")).partition(b"\r\n\r\n")
    return head.lower(), body


@pytest.mark.parametrize("kind", STRANGE)
def test_r1_bytes_that_are_no_http_are_a_problem_and_counted(service: Service, kind: str) -> None:
    before = service.counted(UNREAD, route="unmatched")
    with service.holds(CUT, reason="not-http", by=1):
        head, body = _said(service, STRANGE[kind])
    assert head.startswith(b"http/1.1 400 ")
    assert b"content-type: application/problem+json" in head and b"connection: close" in head
    found = json.loads(body)
    assert found["code"] == "malformed"
    named = re.search(rb"\r\nx-request-id: ([0-9a-f]{16})(\r|$)", head)
    assert named is not None and found["instance"].endswith(named[1].decode())
    assert service.counted(UNREAD, route="unmatched") - before == 1


def test_r1_head_that_is_too_large_is_answered_by_the_id_that_it_began_with(service: Service) -> None:
    given = b"00112233445566778899aabbccddeeff"
    large = b"GET /health/live HTTP/1.1\r\nX-Request-ID: " + given + b"\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"
    with service.holds(CUT, reason="head-large", by=1):
        head, body = _said(service, large)
    assert head.startswith(b"http/1.1 413 ") and b"x-request-id: " + given in head
    assert json.loads(body)["instance"].endswith(given.decode())


def test_r1_control_a_plain_request_is_answered_and_not_counted(service: Service) -> None:
    before = service.counted(CUT)
    head, _ = _said(service, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert head.startswith(b"http/1.1 200 ")
    assert service.counted(CUT) == before
