"""R1, R3, R4, R7 to R9, R11 and R12 on the real process: whatever is sent, the next one is answered well."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import numpy_helper

from tests.builders import edit_manifest, make_bundle
from tests.builders.catalogue import GENRES
from tests.faults.odd_names import ODD, get, paths_of
from tests.faults.serving import PROBLEMS, Service, serving, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

JSON = {"Content-Type": "application/json"}
OVER = 70_000
MIB = 1 << 20
POISON = {"history": ["m40", "m41"], "condition": {"genres": list(GENRES[1:3])}}
"""Infinite less infinite in the first layer of the model: a request that no golden case resembles."""


def poison(folder: Path) -> None:
    """Every weight stays finite and every golden answer as it was, so nothing can be known before a request."""
    model = onnx.load(folder / "encoder.onnx")
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight).copy()
        if values.shape == (50, 7):
            values[40:42] = 3e38
        elif values.shape == (3, 7):
            values[1:3] = -3e38
        weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    (folder / "encoder.onnx").write_bytes(model.SerializeToString())
    edit_manifest(folder)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("requests")
    poison(make_bundle(folder / "models"))
    opened = folder / "opened"
    with serving(folder, command=("tests.faults.auditing", str(opened))) as service:
        yield service


def refused(service: Service, content: bytes | Iterable[bytes], status: int, code: str, **headers: str) -> Any:
    """What /recommend says to this body; then the service holds."""
    with service.holds(PROBLEMS, code=code):
        reply = service.http.post("/recommend", content=content, headers=JSON | headers)
        assert (reply.status_code, reply.json()["code"]) == (status, code)
        assert reply.headers["content-type"] == "application/problem+json"
        wait_until(lambda: service.logged(reply) is not None, "the line of the log")
        assert service.logged(reply)["status"] == status
    return reply


@pytest.mark.parametrize("how", ["declared", "chunked"])
def test_r1_body_over_the_limit_is_413_and_closes(service: Service, how: str) -> None:
    content: Any = b"x" * OVER if how == "declared" else iter([b"x" * 1000] * (OVER // 1000))
    reply = refused(service, content, 413, "too-large")
    assert reply.headers["connection"] == "close"


def test_r1_lying_length_reads_no_further(service: Service) -> None:
    """More bytes than declared: what follows is no request, and the HTTP parser closes the connection over it."""
    with (
        service.holds("prismrec_requests_total", status="200"),
        socket.create_connection(("127.0.0.1", service.port), 10) as line,
    ):
        body = b'{"history": ["m0"]}'
        head = b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        line.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"x" * OVER)
        line.settimeout(10)
        said = b"".join(iter(lambda: _received(line), b""))
    assert said.startswith((b"HTTP/1.1 200", b"HTTP/1.1 400"))
    assert said.count(b"HTTP/1.1 200") <= 1


def _received(line: socket.socket) -> bytes:
    try:
        return line.recv(65536)
    except ConnectionError:
        return b""


def test_r1_body_shorter_than_declared_is_given_up(service: Service) -> None:
    with service.holds("prismrec_requests_total", status="499"):
        with socket.create_connection(("127.0.0.1", service.port), 10) as line:
            line.sendall(b"POST /recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
        wait_until(lambda: service.log("request")[-1]["status"] == 499, "the client's leaving is seen")


def test_r1_packed_body_is_415_and_never_unpacked(service: Service) -> None:
    bomb = gzip.compress(b'{"history": ["' + b"0" * (50 * MIB) + b'"]}')
    assert len(bomb) < OVER
    refused(service, bomb[:60_000], 415, "unsupported-media-type", **{"Content-Encoding": "gzip"})


def test_r1_a_hundred_bodies_over_the_limit_leave_no_memory_behind(service: Service) -> None:
    def resident() -> float:
        return service.counted("process_resident_memory_bytes")

    def hundred() -> None:
        for _ in range(100):
            assert service.http.post("/recommend", content=b"x" * OVER, headers=JSON).status_code == 413

    hundred()  # warms up what is allocated once
    with service.holds(PROBLEMS, by=100, code="too-large"):
        before = resident()
        hundred()
        assert resident() - before < MIB


MALFORMED: dict[str, tuple[bytes, int, str]] = {
    "deep": (b"[" * 30_000 + b"]" * 30_000, 400, "malformed"),
    "deep-object": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "malformed"),
    "5000-digits": (b'{"history": ["m0"], "n": ' + b"9" * 5000 + b"}", 400, "malformed"),
    "truncated": (b'{"history": ["m0"', 400, "malformed"),
    "empty": (b"", 422, "invalid-request"),
    "array": (b'["m0"]', 422, "invalid-request"),
    "text": (b'"m0"', 422, "invalid-request"),
    "null": (b"null", 422, "invalid-request"),
    "byte-order-mark": (b"\xef\xbb\xbf" + b'{"history": ["m0"]}', 400, "malformed"),
    "utf-16": ('{"history": ["m0"]}'.encode("utf-16"), 400, "malformed"),
    "latin-1": ('{"history": ["é"]}'.encode("latin-1"), 400, "malformed"),
    "key-twice": (b'{"history": ["m0"], "history": ["m1"]}', 422, "invalid-request"),
    "inner-key-twice": (b'{"history": ["m0"], "steer": {"factors": {}, "factors": {}}}', 422, "invalid-request"),
    "nul": (b'{"history": ["m0"]}\x00', 400, "malformed"),
    "lone-surrogate": (b'{"history": ["m0"], "\\ud800": 1}', 422, "invalid-request"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_r3_body_that_is_no_request_is_refused(service: Service, kind: str) -> None:
    refused(service, *MALFORMED[kind])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
def test_r4_number_that_is_not_finite_is_refused(service: Service, number: str) -> None:
    body = f'{{"history": ["m0"], "steer": {{"factors": {{"1": {number}}}}}}}'
    refused(service, body.encode(), 422, "invalid-request")


@pytest.mark.parametrize("number", ["-0.0", "5e-324", "1e-310", "0.5"])
def test_r4_odd_number_that_is_finite_is_taken(service: Service, number: str) -> None:
    body = f'{{"history": ["m0"], "steer": {{"factors": {{"1": {number}}}}}}}'
    with service.holds("prismrec_lists_total", source="model"):
        reply = service.http.post("/recommend", content=body, headers=JSON)
        assert reply.status_code == 200, reply.text


def test_r7_unknown_users_and_items_are_named_and_never_guessed(service: Service) -> None:
    with service.holds("prismrec_unknown_items_total", by=4):
        some = service.post("/recommend", {"history": ["m0", "ghost", "m0"]}).json()
        assert some["unknown_items"] == ["ghost"] and some["history_used"] == 1
        none = service.post("/recommend", {"history": ["ghost", "phantom", "m-1"]}).json()
        assert (none["source"], none["history_used"]) == ("popularity", 0)
    with service.holds(PROBLEMS, by=1, code="unknown-user"):
        assert service.http.get("/recommend/nobody").status_code == 404


def test_r7_history_of_1000_is_taken_and_of_1001_is_not(service: Service) -> None:
    with service.holds(PROBLEMS, by=1, code="invalid-request"):
        for length, status in ((1000, 200), (1001, 422)):
            body = {"history": [f"m{i}" for i in range(length)]}
            assert service.post("/recommend", body).status_code == status


def test_r8_history_of_nothing_and_of_everything_are_answered(service: Service) -> None:
    everything = [f"m{i}" for i in range(50)]
    with service.holds("prismrec_lists_total", source="popularity"):
        nothing = service.post("/recommend", {"history": []}).json()
        assert nothing["source"] == "popularity" and nothing["items"]
        reply = service.post("/recommend", {"history": everything})
        assert (reply.status_code, reply.json()["items"]) == (200, [])


def test_r9_scores_that_are_not_finite_are_an_error_and_no_list(service: Service) -> None:
    with service.holds(PROBLEMS, by=1, code="non-finite-score"):
        reply = service.post("/recommend", POISON)
        assert (reply.status_code, reply.json()["code"]) == (500, "non-finite-score")
    batch = service.post("/recommend/batch", {"requests": [POISON, {"history": ["m0"]}]}).json()
    assert "non-finite-score" in json.dumps(batch["results"][0])
    assert len(json.dumps(batch["results"][1])) > 200, "the other one of the batch is answered"


def test_r11_explanation_of_what_is_not_there_is_not_found(service: Service) -> None:
    with service.holds(PROBLEMS, by=1, code="unknown-item"):
        assert service.post("/explain", {"history": ["m0"], "item_id": "ghost"}).status_code == 404
        seen = service.post("/explain", {"history": ["m0", "m3"], "item_id": "m3"})
        unlisted = service.post("/explain", {"history": ["m0"], "item_id": "m49"})
        assert (seen.status_code, unlisted.status_code) == (200, 200)


def test_r12_odd_name_in_any_path_is_refused_and_opens_nothing(service: Service) -> None:
    templates = paths_of(service)
    assert len(templates) >= 8
    opened = service.folder / "opened"
    before = len(opened.read_bytes())
    with service.holds("prismrec_requests_total", status="404"):
        for template in templates:
            start, _, rest = template.partition("{")
            for name in ODD:
                status = get(service, start + name + rest.partition("}")[2])
                assert status in {400, 404, 405, 422}, (template, name, status)
    touched = {Path(line) for line in opened.read_bytes()[before:].decode(errors="replace").splitlines()}
    allowed = (
        service.models,
        service.folder / "store.sqlite",
        Path("/proc/self"),
        Path(f"/proc/{service.process.pid}"),
    )
    assert not [path for path in touched if path.suffix != ".py" and not _below(path, allowed)]
    assert service.http.get("/bundles").status_code == 200
    seen = opened.read_bytes()[before:].decode(errors="replace")
    assert str(service.models) in seen, "control: what is opened is seen"


def _below(path: Path, folders: Iterable[Path]) -> bool:
    return any(str(path).startswith(str(folder)) for folder in folders)


def test_r12_name_in_a_body_is_never_a_path(service: Service) -> None:
    with service.holds("prismrec_requests_total", status="422"):
        for version in ("..", "../../etc", "/etc", "x" * 300, "\u0000", "current"):
            assert service.post("/bundles/reload", {"version": version}).status_code in {404, 422}
        for model in ("..", "../demo", "/", "x" * 201):
            assert service.post("/recommend", {"history": ["m0"], "model": model}).status_code in {404, 422}


@pytest.mark.parametrize("name", ["a.b", "a_b", "a-b", "a:b", "a@b.c", "a+b", "a=b", "a~b", "0", "x" * 64, "Con.1"])
def test_r12_legal_odd_name_is_a_users_name(service: Service, name: str) -> None:
    with service.holds("prismrec_requests_total", status="200"):
        assert service.write(name, "m0", "m3", key=f"key-{name}").status_code == 200
        assert service.http.get(f"/recommend/{name}").json()["history_used"] == 2
