"""OpenTelemetry traces of requests, when PRISMREC_TRACES names a collector: a span a request, a child a stage.

The SDK is an extra (`prismrec[traces]`) and is imported only where traces are asked for; without the setting a request
pays one comparison. Spans carry what the log line carries: route templates, codes, never ids, paths or messages.
Sampling, headers and the service's name are OpenTelemetry's own variables (OTEL_TRACES_SAMPLER, ...).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from starlette.types import Scope

from service.settings import SettingsError
from service.telemetry.answered import Answered, fields_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

PATH = "/v1/traces"
FLUSH_SECONDS = 2.0
"""How long a stopping process waits for its last spans to be taken."""
EXPORT_SECONDS = 2.0
"""How long one batch may take; nobody waits for it, and a batch that fails is dropped."""
UNTRACED = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked every few seconds by machines."""
NEEDED = "PRISMREC_TRACES needs the OpenTelemetry SDK, which is not installed"


class Exchange(Protocol):
    """What of a request and its reply is told."""

    scope: Scope
    method: str
    request_id: str
    status: int | None

    @property
    def route(self) -> str: ...

    @property
    def answered(self) -> Sequence[Answered]: ...


class Tracing:
    """Spans of one application, given to `provider`."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("prismrec")
        self._propagator = TraceContextTextMapPropagator()
        self._epoch = time.time_ns() - time.perf_counter_ns()

    @contextmanager
    def request(self, exchange: Exchange) -> Iterator[None]:
        """A span around the answer to a request, on the caller's trace where `traceparent` names one.

        Paths of UNTRACED get none.
        """
        from opentelemetry.trace import SpanKind

        if exchange.scope["path"] in UNTRACED:
            yield
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.scope["headers"]}
        with self._tracer.start_as_current_span(
            "request",
            context=self._propagator.extract(headers),
            kind=SpanKind.SERVER,
            record_exception=False,  # its message may hold what the caller sent
            set_status_on_exception=False,
        ) as span:
            exchange.scope["prismrec.trace_id"] = f"{span.get_span_context().trace_id:032x}"
            try:
                yield
            finally:
                _tell(span, exchange)

    def stage(self, stage: str, started: int, ended: int) -> None:
        """A child of the current request's span; times in nanoseconds of time.perf_counter_ns."""
        from opentelemetry.trace import get_current_span

        if get_current_span().is_recording():
            span = self._tracer.start_span(stage, start_time=self._epoch + started)
            span.end(self._epoch + ended)

    def close(self) -> None:
        """Send what waits, as far as the collector takes it within FLUSH_SECONDS; the rest is dropped."""
        # The SDK's own time limits do not hold for a batch that is under way, so it is left behind in a thread.
        sending = Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        sending.start()
        sending.join(FLUSH_SECONDS)


def open_tracing(
    endpoint: str | None, *, version: str, count: Callable[[str, int], None] = lambda *_: None
) -> Tracing | None:
    """Tracing to an OTLP/HTTP collector such as http://collector:4318; None for None.

    count gets "made" or "sent" and a number of spans. Raises SettingsError where the SDK is not installed.
    """
    if endpoint is None:
        return None
    try:
        from service.telemetry.sending import make_provider
    except ModuleNotFoundError:
        raise SettingsError(NEEDED, hint="pip install 'prismrec[traces]', or unset PRISMREC_TRACES") from None
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "prismrec"), "service.version": version}
    return Tracing(make_provider(_whole(endpoint), named=named, timeout=EXPORT_SECONDS, count=count))


def _whole(endpoint: str) -> str:
    """The address of a collector with the path that the protocol gives, unless it has one of its own."""
    return endpoint if urlsplit(endpoint).path.strip("/") else endpoint.rstrip("/") + PATH


def _tell(span: Span, exchange: Exchange) -> None:
    from opentelemetry.trace import StatusCode

    method = exchange.method if len(exchange.method) < 10 else "_OTHER"
    span.update_name(f"{method} {exchange.route}")
    told = {
        "http.request.method": method,
        "http.route": exchange.route,
        "http.response.status_code": exchange.status,
        "error.type": exchange.scope.get("prismrec.problem"),
        "prismrec.request_id": exchange.request_id,
    }
    if len(exchange.answered) == 1:  # an attribute has one type, and what a batch of several models did is in the log
        told |= {f"prismrec.{name}": value for name, value in fields_of(exchange.answered).items()}
    span.set_attributes({name: value for name, value in told.items() if value is not None})
    if exchange.status is not None and exchange.status >= 500:
        span.set_status(StatusCode.ERROR)
