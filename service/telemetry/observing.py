"""Who is told what: metrics, traces and logs tied to the parts that work."""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from service.bundles.models import Models
from service.bundles.slot import ReloadReport
from service.engine import LoadedBundle
from service.schemas.explain import ItemExplained, ProfileFound
from service.schemas.recommend import Recommendation, RecommendRequest, Refused
from service.telemetry.drift import score_range
from service.telemetry.metrics import Metrics, Served
from service.telemetry.stages import QUEUE, Observer
from service.telemetry.tracing import Tracing
from service.workers import Workers


def stage_observer(metrics: Metrics, tracing: Tracing | None) -> Observer:
    """What is told of each stage of the work (service.telemetry.stages), in the thread that did it."""

    def observe(stage: str, started: int, ended: int) -> None:
        metrics.observe_stage(stage, (ended - started) * 1e-9)
        if tracing is not None:
            tracing.stage(stage, started, ended)

    return observe


def observed_pool(
    metrics: Metrics, observe: Observer, name: str, *, threads: int, queue: int, deadline: float
) -> Workers:
    """A pool whose load, waits and refusals are measured."""

    def refused(reason: str) -> None:
        metrics.observe_refusal(name, reason)

    def waited(asked: int, taken: int) -> None:
        observe(QUEUE, asked, taken)

    pool = Workers(
        name,
        threads=threads,
        queue=queue,
        deadline=deadline,
        busy_changed=metrics.workers_busy.labels(name).set,
        refused=refused,
        waited=waited,
    )
    metrics.watch_pool(name, threads=threads, queue=queue, busy=lambda: pool.busy)
    return pool


def served(loaded: LoadedBundle) -> Served:
    """What the metrics say of a bundle. Costs a list for each golden history."""
    manifest = loaded.manifest
    return Served(manifest.name, manifest.version, loaded.bundle_id, score_range(loaded))


def begin_counts(metrics: Metrics, models: Models) -> None:
    """Let the rare counts of every model and arm that is known by name begin with a 0."""
    for name in models.by_name():
        metrics.watch_model(name)
    for arm, _ in () if models.split is None else models.split.shares:
        metrics.watch_arm(arm)


def tell_score(metrics: Metrics, asked: RecommendRequest | Refused, found: Recommendation) -> None:
    """Place the first item of a plain list: what a condition, steering or a choice of items does is no drift."""
    if isinstance(asked, Refused) or asked.offset or asked.candidates is not None or asked.condition is not None:
        return
    if found.source == "model" and found.steering is None and found.items:
        metrics.observe_score(found.bundle_id, found.items[0].probability)


def tell_explanation(metrics: Metrics, told: ItemExplained | ProfileFound) -> None:
    """Count an explanation, and its fidelity where it was asked for."""
    if not isinstance(told, ItemExplained):
        metrics.observe_profile(told.model)
        return
    curves = told.fidelity
    if curves is None:
        metrics.observe_explanation(told.model)
    else:
        explained, at_random = curves.explanation.del_at_k, curves.random.del_at_k
        metrics.observe_explanation(told.model, explained=explained, at_random=at_random)


def tell_reload(log: FilteringBoundLogger, metrics: Metrics, report: ReloadReport, loaded: LoadedBundle | None) -> None:
    """Log and count one attempt to take up a bundle; loaded: what was taken up. One at a time."""
    if not report.kept:
        metrics.observe_reload(report.model or "", None if report.outcome == "ok" else report.reason or "bundle")
    if loaded is not None:
        if not report.kept:
            metrics.expect(served(loaded))
        metrics.serving(loaded.bundle_id, fallback=report.fallback, held=report.held)
    event = {name: getattr(report, name) for name in ("model", "version", "bundle_id", "reason", "detail")}
    event |= {name: getattr(report, name) or None for name in ("fallback", "held", "kept")}
    write = log.info if report.outcome == "ok" and not report.fallback else log.warning
    write("bundle", outcome=report.outcome, **{name: value for name, value in event.items() if value is not None})
