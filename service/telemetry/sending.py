"""Spans on their way to a collector, counted: what was made and what was taken. Needs the SDK, so imported late.

Spans wait in a bounded queue and are sent by a thread of their own; where the collector hangs or is gone the oldest are
dropped, and no request waits. The difference of the two counts is what was lost, or still waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

Count = Callable[[str, int], None]
"""Gets "made" or "sent", and how many."""


class CountedExporter(OTLPSpanExporter):
    """Counts what the collector took."""

    def __init__(self, endpoint: str, *, timeout: float, count: Count) -> None:
        super().__init__(endpoint=endpoint, timeout=timeout)
        self._count = count

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """As OTLPSpanExporter's."""
        result = super().export(spans)
        if result is SpanExportResult.SUCCESS:
            self._count("sent", len(spans))
        return result


class CountedQueue(BatchSpanProcessor):
    """Counts what is to be sent: the sampled spans."""

    def __init__(self, exporter: SpanExporter, *, count: Count) -> None:
        super().__init__(exporter)
        self._count = count

    def on_end(self, span: ReadableSpan) -> None:
        """As BatchSpanProcessor's."""
        if span.context.trace_flags.sampled:
            self._count("made", 1)
        super().on_end(span)


def make_provider(endpoint: str, *, named: dict[str, str], timeout: float, count: Count) -> TracerProvider:
    """A provider that sends to an OTLP/HTTP endpoint. named: attributes of the resource; timeout: seconds a batch."""
    provider = TracerProvider(resource=Resource.create(dict(named)), shutdown_on_exit=False)
    provider.add_span_processor(CountedQueue(CountedExporter(endpoint, timeout=timeout, count=count), count=count))
    return provider
