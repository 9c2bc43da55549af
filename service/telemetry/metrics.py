"""Prometheus metrics in a registry of their own. Labels are route templates and fixed words, never ids or messages.

Names, labels and what to read from them: docs/operations.md. A series is bounded by the routes, codes and words of the
program; names of served models and the bundle's version are the operator's words, and a version's old series goes when
another is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from bundle.errors import BundleError
from service.telemetry.answered import Answered
from service.telemetry.drift import ScoreRange
from service.telemetry.stages import STAGES

UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
STAGE_BUCKETS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0)
DEL_BUCKETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25)
POSITION_BUCKETS = (-4.0, -3.0, -2.5, *(quarter / 4 for quarter in range(-8, 9)), 2.5, 3.0, 4.0)
"""Fine where lists lie. There is no sum: it might fall, which a counter must not, so medians are read from these."""
MOST_DEL = 2.0
"""What is larger counts as this: where the target's probability was next to nothing, taking an item away may make it a
thousand times that, and one such explanation would be all that a mean over an hour tells of."""
NO_ARM = ""
"""Of what nobody's split sent anywhere; Prometheus takes an empty label for none."""
NOT_ITS_OWN = {503: "unavailable", 507: "unavailable", 504: "late"}
"""Outcomes that need not be the model's doing: too much load, or the store; a deadline may be either's."""
ORDERS = ("explanation", "random")
REFUSALS = ("full", "late")
REASONS = tuple(sorted({kind.reason for kind in BundleError.__subclasses__()}))
KNOWN = 4
"""So many loaded bundles are remembered beside those that are served."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Served:
    """A bundle: the words of its series, and the range of its golden histories (service.telemetry.drift)."""

    model: str
    version: str
    bundle_id: str
    golden: ScoreRange | None = None


class Metrics:
    """Counters and histograms of one application."""

    def __init__(self, *, version: str = "0") -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._fallback = self._gauge(
            "bundle_fallback", "1 while the newest good bundle is served in place of the one to be served.", "model"
        )
        self._held = self._gauge(
            "bundle_held", "1 while what a reload named is served in place of the one to be served.", "model"
        )
        self.loads_left = self._gauge("bundle_loads_left", "Loads of bundles that were given up on and still run.")
        self._known: dict[str, Served] = {}
        self._served: dict[str, str] = {}
        self._of_requests()
        self._of_answers()
        self._of_bundles()
        self._of_work()
        self._gauge("build_info", "1, with the version of the service.", "version").labels(version).set(1)
        self.store_up = self._gauge("store_up", "1 while the store answers and takes writes, as far as it was asked.")
        self.ready = self._gauge("ready", "1 while the service would say that it is ready.")

    def _of_requests(self) -> None:
        self._requests = self._counter("requests", "Requests answered.", "route", "method", "status")
        self._seconds = self._histogram(
            "request_seconds", "Time from the first byte of a request to the end of its reply.", "route"
        )
        self._problems = self._counter("problems", "Problems answered, by code.", "code")
        self._cut = self._counter("connections_cut", "Connections closed on a client, by why.", "reason")
        self._spans = self._counter("spans", "Spans of traces that were made, and that a collector took.", "outcome")
        self.log_lines_lost = self._counter("log_lines_lost", "Lines of the log that its stream did not take.")
        self.in_flight = self._gauge("requests_in_flight", "Requests being answered.")

    def _of_answers(self) -> None:
        self._answers = self._counter("answers", "Requests that a model answered.", "model", "arm", "outcome")
        self._answer_seconds = self._histogram(
            "answer_seconds", "Time of requests that a model answered, to the end of the reply.", "model", "arm"
        )
        self._lists = self._counter("lists", "Lists made, by what made them.", "source", "model", "arm")
        self._stand_ins = self._counter(
            "split_stand_ins", "Answers of the default model for an arm without a bundle.", "arm"
        )
        self._unknown_items = self._counter("unknown_items", "Item ids sent that the model does not know.")
        self._position = self._histogram(
            "list_score_position",
            "ln p of a list's first item, in half ranges of the bundle's golden histories from their middle.",
            "model",
            buckets=POSITION_BUCKETS,
        )
        self._explanations = self._counter("explanations", "Explanations given.", "kind", "model")
        self._fidelity = self._histogram(
            "explanation_del_at_k",
            "del@k of explanations that were measured, and of random orders beside them; lower is more faithful.",
            "order",
            "model",
            buckets=DEL_BUCKETS,
        )

    def _of_bundles(self) -> None:
        self._reloads = self._counter(
            "bundle_reloads", "Bundles loaded and taken up, a process's first among them.", "model"
        )
        self._reload_failures = self._counter("bundle_reload_failures", "Bundles refused.", "model", "reason")
        self._bundle = self._gauge("bundle_info", "1 for each bundle served.", "model", "version", "bundle_id")

    def _of_work(self) -> None:
        self.workers_busy = self._gauge("workers_busy", "Long work running or queued.", "pool")
        self.workers_queued = self._gauge("workers_queued", "Long work waiting for a worker.", "pool")
        self.workers_room = self._gauge("workers_room", "How much work a pool takes, running and queued.", "pool")
        self._workers_refused = self._counter("workers_refused", "Long work not done, by why.", "pool", "reason")
        stages = self._histogram(
            "stage_seconds", "One run of a stage of the work on requests.", "stage", buckets=STAGE_BUCKETS
        )
        self._stages = {stage: stages.labels(stage) for stage in STAGES}

    def observe_request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request. status 499 = the client went away."""
        self._requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def observe_unread(self, status: int) -> None:
        """Count a reply to what could not be read as a request. It has no time: its client took as long as it liked."""
        self._requests.labels(UNMATCHED, "other", str(status)).inc()

    def observe_problem(self, code: str) -> None:
        self._problems.labels(code).inc()

    def observe_list(self, source: str, *, model: str, arm: str | None = None, unknown_items: int = 0) -> None:
        """Count one list; source is "model", "popularity" or "coldstart", model and arm names of served ones."""
        self._lists.labels(source, model, arm or NO_ARM).inc()
        if unknown_items:
            self._unknown_items.inc(unknown_items)

    def observe_answer(self, answered: Answered, *, status: int, seconds: float) -> None:
        """Count one request that a bundle answered, for the comparison of models and arms."""
        outcome = "ok" if status < 400 else "refused" if status < 500 else NOT_ITS_OWN.get(status, "failed")
        arm = answered.arm or NO_ARM
        self._answers.labels(answered.model, arm, outcome).inc()
        self._answer_seconds.labels(answered.model, arm).observe(seconds)

    def observe_stand_in(self, arm: str) -> None:
        """Count an answer of the default model in place of this arm of the split."""
        self._stand_ins.labels(arm).inc()

    def observe_score(self, bundle_id: str, probability: float) -> None:
        """Place the first item of a plain list of the model (no condition, steering, candidates or offset)."""
        known = self._known.get(bundle_id)
        position = known.golden.position(probability) if known and known.golden else None
        if known and position is not None:
            self._position.labels(known.model).observe(position)

    def observe_explanation(
        self, model: str, *, explained: float | None = None, at_random: float | None = None
    ) -> None:
        """Count an explanation of an item; its del@k and the random orders' where fidelity was measured."""
        self._explanations.labels("item", model).inc()
        if explained is not None and at_random is not None:
            for order, found in zip(ORDERS, (explained, at_random), strict=True):
                self._fidelity.labels(order, model).observe(min(found, MOST_DEL))

    def observe_profile(self, model: str) -> None:
        """Count an explanation of a user, without an item."""
        self._explanations.labels("profile", model).inc()

    def observe_stage(self, stage: str, seconds: float) -> None:
        """One run of one of service.telemetry.stages.STAGES; costs under a microsecond."""
        self._stages[stage].observe(seconds)

    def observe_refusal(self, pool: str, reason: str) -> None:
        """Count work that a pool did not take ("full") or did not do in time ("late")."""
        self._workers_refused.labels(pool, reason).inc()

    def observe_spans(self, outcome: str, number: int) -> None:
        """Count spans: "made", or "sent" to a collector that took them."""
        self._spans.labels(outcome).inc(number)

    def observe_cut(self, reason: str) -> None:
        """Count a connection that was closed on its client: a word of http.connection, "body-late" or "waited"."""
        self._cut.labels(reason).inc()

    def observe_reload(self, model: str, reason: str | None) -> None:
        """Count one bundle taken up, or one refused for `reason` (see bundle.errors). model: "" = not known yet."""
        if reason is None:
            self._reloads.labels(model).inc()
        else:
            self._reload_failures.labels(model, reason).inc()

    def expect(self, found: Served) -> None:
        """This bundle is loaded; `serving` may name it. The oldest that are not served are forgotten."""
        self._known.pop(found.bundle_id, None)  # so that it is the newest
        self._known[found.bundle_id] = found
        spare = [bundle_id for bundle_id in self._known if bundle_id not in self._served.values()]
        for bundle_id in spare[:-KNOWN]:
            del self._known[bundle_id]

    def serving(self, bundle_id: str, *, fallback: bool = False, held: bool = False) -> None:
        """From now on this bundle is served for its model; the series of the one before goes.

        fallback: in place of the one to be served, which cannot be; held: in place of it because somebody said so.
        """
        found = self._known[bundle_id]
        before = self._known.get(self._served.get(found.model, ""))
        if before is not None:
            self._bundle.remove(before.model, before.version, before.bundle_id)
        self._served[found.model] = bundle_id
        self.watch_model(found.model)
        self._bundle.labels(found.model, found.version, found.bundle_id).set(1)
        self._fallback.labels(found.model).set(fallback)
        self._held.labels(found.model).set(held)

    def watch_model(self, model: str) -> None:
        """Begin with a 0 what is counted of a model seldom: Prometheus sees no rise in a series that begins at 1."""
        for reason in REASONS:
            self._reload_failures.labels(model, reason)
        for order in ORDERS:
            self._fidelity.labels(order, model)

    def watch_arm(self, arm: str) -> None:
        """The same of an arm of the split."""
        self._stand_ins.labels(arm)

    def watch_pool(self, pool: str, *, threads: int, queue: int, busy: Callable[[], int]) -> None:
        """Say of a pool, whenever asked, how much of its work waits."""
        for reason in REFUSALS:
            self._workers_refused.labels(pool, reason)
        self.workers_room.labels(pool).set(threads + queue)
        self.workers_queued.labels(pool).set_function(lambda: max(0, busy() - threads))

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(_WithoutCreated(self.registry))

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"prismrec_{name}_total", told, labels, registry=self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"prismrec_{name}", told, labels, registry=self.registry)

    def _histogram(self, name: str, told: str, *labels: str, buckets: tuple[float, ...] = BUCKETS) -> Histogram:
        return Histogram(f"prismrec_{name}", told, labels, buckets=buckets, registry=self.registry)


class _WithoutCreated(CollectorRegistry):
    """A view of a registry without the `_created` series: one more per counter, and nobody reads them."""

    def __init__(self, registry: Collector) -> None:
        super().__init__()
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """What the registry holds."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
