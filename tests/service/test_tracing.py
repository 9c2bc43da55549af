"""Traces: a span a request, its stages below it, on the caller's trace, to a real receiver; else nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.bundles.slot import Slot
from service.settings import SettingsError, load_settings
from service.telemetry.tracing import Tracing, open_tracing
from tests.builders import make_bundle
from tests.service.app_client import AppClient, give_history, open_client

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="NOT TESTED: traces, the extra `traces` is not installed")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collected:
    """Spans kept in memory."""

    def __init__(self) -> None:
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        self._kept = InMemorySpanExporter()
        provider = sdk.TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracing = Tracing(provider)

    def __call__(self) -> list[Any]:
        return list(self._kept.get_finished_spans())

    def clear(self) -> None:
        self._kept.clear()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collected]:
    collected = Collected()
    monkeypatch.setattr("service.app.open_tracing", lambda *_, **__: collected.tracing)
    yield collected
    collected.tracing.close()


@pytest.fixture
def traced(spans: Collected, tmp_path: Path) -> Iterator[AppClient]:
    make_bundle(tmp_path / "models")
    with open_client(tmp_path, slot=Slot()) as client:
        client.state.watcher.check()
        give_history(client, "some-user-7", "m0", "m3")
        spans.clear()
        yield client


def test_request_is_a_span_and_its_stages_are_children(traced: AppClient, spans: Collected) -> None:
    reply = traced.post("/recommend", {"user_id": "some-user-7", "explain": True})
    request = next(span for span in spans() if span.name == "POST /recommend")
    children = [span for span in spans() if span is not request]
    assert {span.name for span in children} >= {"store", "queue", "encode", "decode", "explain"}
    for child in children:
        assert child.parent is not None
        assert child.parent.span_id == request.context.span_id
        assert request.start_time <= child.start_time <= child.end_time <= request.end_time
    assert dict(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/recommend",
        "http.response.status_code": 200,
        "prismrec.request_id": reply.headers["x-request-id"],
        "prismrec.model": "demo",
        "prismrec.bundle_id": reply.json()["bundle_id"],
    }
    line = json.loads(traced.log.getvalue().splitlines()[-1])
    assert line["trace_id"] == f"{request.context.trace_id:032x}"


def test_span_joins_the_callers_trace(traced: AppClient, spans: Collected) -> None:
    traced.post("/recommend", {"history": ["m0"]}, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    request = next(span for span in spans() if span.name == "POST /recommend")
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == PARENT


@pytest.mark.parametrize("header", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "é" * 50, "0" * 4000])
def test_damaged_traceparent_begins_a_new_trace(traced: AppClient, spans: Collected, header: str) -> None:
    reply = traced.post("/recommend", {"history": ["m0"]}, headers={"traceparent": header.encode("latin-1")})
    assert reply.status_code == 200
    assert next(span for span in spans() if span.name == "POST /recommend").parent is None


def test_spans_hold_no_id_of_a_user_or_an_item_and_no_message(traced: AppClient, spans: Collected) -> None:
    traced.get("/explain/some-user-7", params={"item_id": "m9"})
    traced.get("/users/nobody-8")
    traced.post("/recommend", {"history": ["secret-item"], "n": "secret-n"})
    traced.get("/scan-9")
    text = "".join(span.to_json() for span in spans())
    assert not [word for word in ("some-user-7", "m9", "nobody-8", "secret", "scan-9") if word in text]
    assert "unknown-user" in text  # control: the problem's code is there
    assert "GET unmatched" in text


def test_unforeseen_error_marks_the_span_without_its_message(
    traced: AppClient, spans: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(traced.state.store, "known", broken)
    traced.post("/recommend", {"user_id": "1"})
    request = next(span for span in spans() if span.name == "POST /recommend")
    assert request.status.status_code.name == "ERROR"
    assert request.attributes["error.type"] == "internal"
    assert "secret" not in request.to_json()


def test_probes_and_scrapes_leave_no_span(traced: AppClient, spans: Collected) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        traced.get(path)
    assert spans() == []


def test_without_the_setting_the_sdk_is_not_even_imported(tmp_path: Path) -> None:
    make_bundle(tmp_path / "models")
    code = (
        "import sys\nfrom pathlib import Path\nfrom service.app import create_app\n"
        "from service.settings import Settings\n"
        f"app = create_app(Settings(models=Path({str(tmp_path / 'models')!r}), store_url='sqlite:///:memory:'))\n"
        "assert app.state.prismrec.tracing is None\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exp'))])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_setting_without_the_sdk_refuses_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match="not installed") as refused:
        open_tracing("http://127.0.0.1:4318", version="0")
    assert "prismrec[traces]" in (refused.value.hint or "")


@pytest.mark.parametrize("url", ["collector:4318", "ftp://collector", "http://", "http://user:word@collector:4318"])
def test_setting_that_is_no_collector_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="PRISMREC_TRACES"):
        load_settings({"PRISMREC_TRACES": url})


def test_request_without_traces_asks_nothing_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("request", "stage"):
        monkeypatch.setattr(Tracing, name, lambda *_: pytest.fail("traces were asked for"))
    with open_client(tmp_path) as client:
        assert client.post("/recommend", {"history": ["m0"], "explain": True}).status_code == 200
        assert "trace_id" not in json.loads(client.log.getvalue().splitlines()[-1])
