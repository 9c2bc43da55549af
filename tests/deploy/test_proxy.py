"""What the proxy of the profile `scale` answers itself, read by the client; and what it lets nobody see."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from prismrec.client import Client
from prismrec.client.errors import ProblemError
from prismrec.client.problems import DeadlineError, InternalError, NotFoundError, OverloadedError, TooLargeError
from prismrec.client.retries import NEVER
from service.errors import ServiceError
from service.http.problems import known_problems, problem
from service.limits import LIMITS
from tests.builders import make_bundle
from tests.deploy.proxied import NAMES_FILES, PROXY, SHORTER, Proxy, answering, free_port, haproxy, proxied, version
from tests.faults.served import Served, served
from tests.faults.serving import wait_until

MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code", "hint"})
BODIES = sorted((PROXY / "errors").glob("*.json"))
PAGES = sorted((PROXY / "errors").glob("*.http"))
SPELLINGS = (
    "/metrics", "/metrics?x=1", "/%6detrics", "/%6Detrics", "/metric%73", "//metrics", "/./metrics", "/.//metrics",
    "/METRICS", "/metrics/", "/metrics%0a", "/metrics%00", "/%2fmetrics", "/%2e/metrics",
    "/%6d%65%74%72%69%63%73", "/../metrics",
)  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("proxied")
    make_bundle(folder / "models")
    with served(folder, open="true") as running:
        yield running


@pytest.fixture
def front(service: Served, tmp_path: Path) -> Iterator[Proxy]:
    with proxied(tmp_path, replica=service.port, timeouts={}) as running:
        yield running


def test_deployed_file_is_valid(tmp_path: Path) -> None:
    def checked(file: Path) -> int:
        return subprocess.run(
            [haproxy(), "-c", "-f", str(file)], capture_output=True, timeout=60, check=False
        ).returncode

    assert checked(PROXY / "haproxy.cfg") == 0
    shutil.copytree(PROXY, tmp_path / "proxy")
    copied = tmp_path / "proxy" / "haproxy.cfg"
    assert checked(copied) == 0
    copied.write_text(copied.read_text().replace("balance leastconn", "balance leastcon"))
    assert checked(copied) != 0


def test_problems_of_the_proxy_are_those_of_the_table() -> None:
    known = {error.code: error for error in known_problems()}
    assert [path.name for path in BODIES] == ["404.json", "413.json", "500.json", "502.json", "503.json", "504.json"]
    assert [path.name for path in PAGES] == ["400.http", "408.http"]
    for path in (*BODIES, *PAGES):
        _assert_of_the_table(json.loads(path.read_text().rpartition("\n\n")[2]), known)
    for path in PAGES:
        head, _, body = path.read_text().partition("\n\n")
        assert head.startswith(f"HTTP/1.1 {json.loads(body)['status']} ")
        assert (
            f"Content-Length: {len(body)}\nContent-Type" in head or f"Content-Length: {len(body)}" in head.splitlines()
        )
        assert "Content-Type: application/problem+json" in head.splitlines()


def test_table_that_differs_is_noticed() -> None:
    known = {error.code: error for error in known_problems()}
    body = json.loads((PROXY / "errors" / "503.json").read_text())
    for changed in ({"code": "busy"}, {"status": 500}, {"title": "Busy"}, {"type": "about:blank"}, {"more": 1}):
        with pytest.raises((AssertionError, KeyError)):
            _assert_of_the_table(body | changed, known)


def _assert_of_the_table(body: dict[str, Any], known: dict[str, ServiceError]) -> None:
    expected = problem(known[body["code"]], "some")
    assert set(body) == MEMBERS == set(expected)
    assert {name: body[name] for name in ("type", "title", "status")} == {
        name: expected[name] for name in ("type", "title", "status")
    }
    assert body["detail"] and body["hint"]
    assert body["instance"].startswith("urn:prismrec:request:")


def test_metrics_are_not_to_be_had_however_they_are_spelt(service: Served, front: Proxy) -> None:
    assert b"prismrec_requests_total" in _get(service.port, "/%6detrics")  # the control: the service knows spellings
    for path in (*SPELLINGS, "http://localhost/metrics", "http://localhost/%6detrics"):
        said = _get(front.port, path)
        assert said.startswith(b"HTTP/1.1 404 "), path
        assert b"prismrec_requests" not in said, path
    assert _get(front.port, "/items").startswith(b"HTTP/1.1 200 ")
    assert _get(front.port, "/items/%6d1").startswith(b"HTTP/1.1 200 ")  # what is encoded stays as it is sent


def test_hidden_metrics_are_a_problem_that_the_client_knows(front: Proxy) -> None:
    with Client(front.base) as client, pytest.raises(NotFoundError) as raised:
        client.metrics()
    _assert_whole(raised.value)


def test_request_ids_are_the_callers_where_they_are_ids(front: Proxy) -> None:
    with httpx.Client(base_url=front.base) as client:
        for given in ("0123456789abcdef" * 2, "6b0b6a1e-2f2f-4c5c-9d3e-0a1b2c3d4e5f", "01ARZ3NDEKTSV4RRFFQ69G5FAV"):
            for path in ("/health/live", "/metrics"):
                assert client.get(path, headers={"X-Request-ID": given}).headers["x-request-id"] == given
        for other in ("secretuser77", "0123456789abcde", "a b", "0123456789abcdef\t0123456789abcdef"):
            found = client.get("/metrics", headers={"X-Request-ID": other})
            assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found.headers["x-request-id"])
            assert found.json()["instance"].endswith(found.headers["x-request-id"])
        twice = [("X-Request-ID", "0123456789abcdef"), ("X-Request-ID", "fedcba9876543210")]
        assert client.get("/metrics", headers=twice).headers["x-request-id"].count("-") == 4
    assert "secretuser77" not in front.log.read_text()


def test_what_the_service_refuses_comes_through_as_it_says_it(front: Proxy) -> None:
    with Client(front.base, retry=NEVER) as client, pytest.raises(TooLargeError) as raised:
        client.recommend(history=["m" * 400] * 400)
    assert "65536" in raised.value.detail
    head = b"GET /items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    for more in (b"X-Large: " + b"a" * 70_000 + b"\r\n", b"".join(b"X-%d: a\r\n" % number for number in range(110))):
        said = front.said(head + more + b"\r\n")
        assert said.startswith(b"HTTP/1.1 413 ") and b'"code":"too-large"' in said


def test_body_that_no_path_takes_is_refused_by_the_proxy(front: Proxy) -> None:
    config = (PROXY / "haproxy.cfg").read_text()
    assert f"req.body_size gt {LIMITS.batch_body_bytes} " in config
    with Client(front.base, retry=NEVER) as client:
        for size in (3, 30):
            with pytest.raises(TooLargeError) as raised:
                client.recommend(history=["m" * 1_000_000] * size)
            _assert_whole(raised.value)


def test_nobody_there_is_overloaded_and_tried_again(tmp_path: Path) -> None:
    waits: list[float] = []
    with proxied(tmp_path, replica=free_port()) as front, Client(front.base, sleep=waits.append) as client:
        with pytest.raises(OverloadedError) as raised:
            client.list_items()
        _assert_whole(raised.value)
        assert raised.value.retry_after == 1
        assert waits == [1.0, 1.0]  # three attempts
        wait_until(lambda: front.log.read_text().count('"status":503') == 3, "each is logged")  # after its reply


def test_full_queue_is_overloaded(tmp_path: Path) -> None:
    taken, over = threading.Event(), threading.Event()

    def keep(wire: socket.socket) -> None:
        taken.set()
        over.wait(30)

    timeouts = {**SHORTER, "timeout server": "60s"}
    with answering(keep) as port, proxied(tmp_path, replica=port, maxconn=1, timeouts=timeouts) as front:
        first = threading.Thread(target=lambda: httpx.get(front.base, timeout=30))
        first.start()
        assert taken.wait(30)
        with Client(front.base, retry=NEVER) as client, pytest.raises(OverloadedError) as raised:
            client.list_items()
        over.set()
        first.join()
    assert raised.value.retry_after == 1


def test_replica_that_does_not_answer_is_a_deadline(tmp_path: Path) -> None:
    over = threading.Event()
    with answering(lambda _: over.wait(30)) as port, proxied(tmp_path, replica=port) as front:
        with Client(front.base) as client, pytest.raises(DeadlineError) as raised:
            client.list_items()
        over.set()
    _assert_whole(raised.value)
    assert raised.value.retry_after is None  # the replica may be working on it still


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"nonsense\r\n\r\n"], ids=["empty", "cut", "other"]
)
def test_replica_that_breaks_its_reply_is_internal(tmp_path: Path, said: bytes) -> None:
    with answering(lambda wire: wire.sendall(said)) as port, proxied(tmp_path, replica=port) as front:
        client = Client(front.base)
        with client, pytest.raises(InternalError) as raised:
            client.list_items()
    _assert_whole(raised.value)
    assert raised.value.status == 500


@pytest.mark.parametrize(
    "sent", [b"HELO there\r\n\r\n", b"GET /items HTTP/1.1\r\nHost: a\r\n", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"]
)
def test_what_is_no_request_goes_no_further(tmp_path: Path, sent: bytes) -> None:
    reached = threading.Event()
    with answering(lambda _: reached.set()) as port, proxied(tmp_path, replica=port) as front:
        said = front.said(sent)
        assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 "))
        assert not reached.is_set()
    if version() >= NAMES_FILES:  # before, HAProxy has only its own page for this
        head, _, body = said.partition(b"\r\n\r\n")
        assert b"content-type: application/problem+json" in head.lower()
        assert json.loads(body)["code"] == "malformed"


def _assert_whole(error: ProblemError) -> None:
    """The problem names the same request as the header, which is the client's own."""
    assert error.problem.instance == f"urn:prismrec:request:{error.request_id}"
    assert error.detail and error.hint


def _get(port: int, target: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: wire.recv(1 << 16), b""))
