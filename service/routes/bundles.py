"""/bundles: what is served, what could be, and taking up another version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from bundle.manifest import Metric
from bundle.reader import model_names, versions
from service.cursors import page_of
from service.engine import LoadedBundle
from service.limits import LIMITS
from service.openapi import errors
from service.operation import reply, resource
from service.schemas.base import PageCursor, PageLimit
from service.schemas.bundles import (
    BaselineFound,
    BundleFound,
    BundleList,
    FileHash,
    LastReload,
    MetricFound,
    ReloadReply,
    ReloadRequest,
    ServedBundle,
)
from service.state import state_of

router = resource("operations")


@router.get("/bundles", response_model=BundleList, responses=errors("overloaded", "deadline"))
async def list_bundles(request: Request, limit: PageLimit = LIMITS.page, cursor: PageCursor = None) -> Response:
    """The bundle that answers now with its hashes and offline metrics, and the versions in the model folder."""
    state = state_of(request)
    now = state.slot.now
    listed = await state.compute.run(_listed, state.settings.models, now.current)
    report = now.last_reload
    page = page_of(listed, "bundles", cursor=cursor, limit=limit)
    return reply(
        BundleList(
            items=list(page.items),
            next_cursor=page.next_cursor,
            serving=None if now.current is None else _served(now.current),
            last_reload=None if report is None else LastReload(state=report.outcome, reason=report.reason),
        )
    )


@router.post(
    "/bundles/reload",
    response_model=ReloadReply,
    responses=errors("unknown-bundle", "conflict", "bundle-refused", "overloaded", "deadline"),
)
async def reload_bundle(request: Request, asked: ReloadRequest | None = None) -> Response:
    """Verify, warm and serve a version; if it is refused, the bundle served before goes on serving."""
    state = state_of(request)
    before = state.slot.current
    report = await state.loading.run(state.watcher.reload, asked.version if asked else None)
    return reply(
        ReloadReply(
            changed=before is None or before.bundle_id != report.bundle_id,
            bundle_id=report.bundle_id or "",
            model=report.model or "",
            version=report.version or "",
        )
    )


def _listed(models: Path, current: LoadedBundle | None) -> list[BundleFound]:
    serving = None if current is None else (current.manifest.name, current.manifest.version)
    return [
        BundleFound(model=name, version=version, serving=(name, version) == serving)
        for name in model_names(models)
        for version in versions(models / name)
    ]


def _served(loaded: LoadedBundle) -> ServedBundle:
    manifest = loaded.manifest
    return ServedBundle(
        bundle_id=loaded.bundle_id,
        model=manifest.name,
        version=manifest.version,
        kind=manifest.model,
        created=manifest.created,
        n_items=manifest.dims.n_items,
        n_latent=manifest.dims.n_latent,
        n_conditions=manifest.dims.n_conditions,
        data=manifest.data.name,
        data_fingerprint=manifest.data.fingerprint,
        sha256=[FileHash(file=name, size=e.size, sha256=e.sha256) for name, e in sorted(manifest.files.items())],
        metrics=_metrics(manifest.metrics),
        baselines=[BaselineFound(name=name, metrics=_metrics(found)) for name, found in manifest.baselines.items()],
        forced=manifest.forced,
    )


def _metrics(found: Mapping[str, Metric]) -> list[MetricFound]:
    return [MetricFound(name=name, mean=m.mean, se=m.se, low=m.low, high=m.high, n=m.n) for name, m in found.items()]
