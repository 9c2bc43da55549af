"""Prometheus metrics in a registry of their own. Labels are route templates and fixed words, never ids or messages."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters and histograms of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "prismrec_requests_total", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "prismrec_request_seconds",
            "Time from the first byte of a request to the end of its reply.",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._problems = Counter(
            "prismrec_problems_total", "Problems answered, by code.", ("code",), registry=self.registry
        )
        self._lists = Counter(
            "prismrec_lists_total", "Lists made, by what made them.", ("source",), registry=self.registry
        )
        self._unknown_items = Counter(
            "prismrec_unknown_items_total", "Item ids sent that the model does not know.", registry=self.registry
        )
        self._reloads = Counter(
            "prismrec_bundle_reloads_total", "Bundles taken up while running.", registry=self.registry
        )
        self._reload_failures = Counter(
            "prismrec_bundle_reload_failures_total", "Bundles refused.", ("reason",), registry=self.registry
        )
        self.in_flight = Gauge("prismrec_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.workers_busy = Gauge(
            "prismrec_workers_busy", "Long work running or queued.", ("pool",), registry=self.registry
        )

    def observe_request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request. status 499 = the client went away."""
        self._requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def observe_problem(self, code: str) -> None:
        self._problems.labels(code).inc()

    def observe_list(self, source: str, *, unknown_items: int = 0) -> None:
        """Count one list; source is "model", "popularity" or "coldstart"."""
        self._lists.labels(source).inc()
        if unknown_items:
            self._unknown_items.inc(unknown_items)

    def observe_reload(self, reason: str | None) -> None:
        """Count one bundle taken up, or one refused for `reason` (see bundle.errors)."""
        if reason is None:
            self._reloads.inc()
        else:
            self._reload_failures.labels(reason).inc()

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)
