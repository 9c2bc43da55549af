"""Traces of the real process: sent to a receiver whole, and to one that hangs or is gone at nobody's cost."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from service.telemetry.logs import LINES
from service.telemetry.tracing import EXPORT_SECONDS, FLUSH_SECONDS, Tracing
from tests.builders import make_bundle
from tests.faults.serving import LONG, Service, serving, wait_until
from tests.service.app_client import open_client
from tests.service.every_operation import KEY, PLANTED, ask_everything
from tests.service.test_process import _serving

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="NOT TESTED: traces, the extra `traces` is not installed")


NOTICED = EXPORT_SECONDS / 4
SOON = ("OTEL_BSP_SCHEDULE_DELAY", "200")
"""Spans are sent after so many milliseconds, not after five seconds."""


class Receiver(ThreadingHTTPServer):
    """An OTLP/HTTP collector of the test's own; keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []
        self.spans: list[Any] = []

    def take(self, path: str, content: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self.paths.append(path)
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            content = gzip.decompress(content)
        self.server.take(self.path, content)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def wait_until_sent(service: Service) -> None:
    """Until the collector has taken every span that was made so far; to ask for the counts makes none."""
    made = service.counted("prismrec_spans_total", outcome="made")
    wait_until(lambda: service.counted("prismrec_spans_total", outcome="sent") >= made > 0, "all spans are sent")


@pytest.mark.e2e
def test_process_sends_its_spans_to_a_collector_before_it_ends(tmp_path: Path, receiver: Receiver) -> None:
    make_bundle(tmp_path / "models")
    with _serving(tmp_path, TRACES=f"http://127.0.0.1:{receiver.server_port}") as (process, client):
        assert client.post("/recommend", json={"history": ["m0"]}).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in {0, -signal.SIGTERM}
    assert set(receiver.paths) == {"/v1/traces"}
    assert {"POST /recommend", "encode", "decode"} <= {span.name for span in receiver.spans}


@pytest.mark.e2e
def test_spans_of_every_operation_tell_of_no_user_item_key_or_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    monkeypatch.setenv(*SOON)
    make_bundle(tmp_path / "models")
    traces = f"http://127.0.0.1:{receiver.server_port}"
    with serving(tmp_path, key=KEY, TRACES=traces, ADMIN_KEYS=KEY, LOG_LEVEL="warning") as service:
        for _ in ask_everything(service.http):
            pass
        wait_until_sent(service)
    parents = {span.span_id for span in receiver.spans if not span.parent_span_id}
    assert {span.parent_span_id for span in receiver.spans if span.parent_span_id} <= parents
    for span in receiver.spans:
        for name in ("trace_id", "span_id", "parent_span_id"):
            span.ClearField(name)  # random bytes, in which anything may be read
    text = "".join(str(span) for span in receiver.spans)
    assert PLANTED.findall(text) == []
    untraced = {"/health/live", "/health/ready", "/metrics"}
    declared = json.loads((Path(__file__).parents[2] / "openapi" / "openapi.json").read_text("utf-8"))["paths"]
    routes = {span.name.partition(" ")[2] for span in receiver.spans}
    assert routes >= set(declared) - untraced and not routes & untraced
    assert "_OTHER" not in text and "ZQVERB" not in text


@contextmanager
def hanging() -> Iterator[int]:
    """The port of a collector that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)  # the kernel accepts on its behalf
        yield listening.getsockname()[1]


def answered(service: Service, number: int) -> float:
    """So many lists, one after the other; the median's seconds."""
    taken = []
    for _ in range(number):
        began = time.perf_counter()
        service.ask()
        taken.append(time.perf_counter() - began)
    return median(taken)


@pytest.mark.e2e
@pytest.mark.parametrize("hangs", [True, False])
def test_process_whose_collector_hangs_or_is_gone_answers_and_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    monkeypatch.setenv(*SOON)
    make_bundle(tmp_path / "models")
    with hanging() as port, serving(tmp_path, TRACES=f"http://127.0.0.1:{port if hangs else 9}") as service:
        until = time.monotonic() + 1.5 * EXPORT_SECONDS
        typical = [answered(service, 200)]
        while time.monotonic() < until:
            typical.append(answered(service, 100))
        assert max(typical) < NOTICED  # one that waited for the collector would take EXPORT_SECONDS
        made = service.counted("prismrec_spans_total", outcome="made")
        assert made > 512 and service.counted("prismrec_spans_total", outcome="sent") == 0
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(LONG) in {0, -signal.SIGTERM}
        assert time.monotonic() - began < FLUSH_SECONDS + 4  # a full queue has batches for 4 * EXPORT_SECONDS
        told = [line for line in service.log("library") if line["source"].startswith("opentelemetry")]
    assert 0 < len(told) <= 4 * LINES  # of each source and level so many a minute


def test_spans_that_are_sent_by_the_request_itself_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    from service.telemetry.sending import CountedExporter

    provider = sdk.TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr("service.app.open_tracing", lambda *_, **__: Tracing(provider))
    with hanging() as port, open_client(tmp_path) as client:
        exporter = CountedExporter(f"http://127.0.0.1:{port}/v1/traces", timeout=NOTICED, count=lambda *_: None)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        began = time.perf_counter()
        assert client.post("/recommend", {"history": ["m0"]}).status_code == 200
        assert time.perf_counter() - began > NOTICED  # the control: waiting looks like this


@pytest.mark.e2e
def test_spans_that_a_collector_takes_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    monkeypatch.setenv(*SOON)
    make_bundle(tmp_path / "models")
    with serving(tmp_path, TRACES=f"http://127.0.0.1:{receiver.server_port}") as service:
        wait_until_sent(service)
        assert service.counted("prismrec_spans_total", outcome="sent") >= 3
