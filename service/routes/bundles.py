"""/bundles: what is served, what could be, and taking up another version."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from bundle.manifest import Metric
from bundle.reader import model_names, versions
from service.bundles.slot import SlotState
from service.engine import LoadedBundle
from service.http.cursors import page_of
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.limits import LIMITS
from service.schemas.base import PageCursor, PageLimit
from service.schemas.bundles import (
    BaselineFound,
    BundleFound,
    BundleList,
    FileHash,
    LastReload,
    MetricFound,
    ModelFound,
    ReloadReply,
    ReloadRequest,
    ServedBundle,
)
from service.state import State, state_of

router = resource("operations")


@router.get("/bundles", response_model=BundleList, responses=errors("overloaded", "deadline"))
async def list_bundles(request: Request, limit: PageLimit = LIMITS.page, cursor: PageCursor = None) -> Response:
    """The models served, their bundles with hashes and offline metrics, and the versions in the model folder."""
    state = state_of(request)
    models = [_model(state, name, place.slot.now) for name, place in state.models.listed()]
    serving = {(model.serving.model, model.serving.version) for model in models if model.serving is not None}
    listed = await state.compute.run(_listed, state.settings.models, serving)
    page = page_of(listed, "bundles", cursor=cursor, limit=limit)
    return reply(
        BundleList(
            items=list(page.items),
            next_cursor=page.next_cursor,
            serving=models[0].serving,
            last_reload=models[0].last_reload,
            models=models,
        )
    )


@router.post(
    "/bundles/reload",
    response_model=ReloadReply,
    responses=errors(
        "unknown-model", "unknown-bundle", "conflict", "bundle-refused", "no-memory", "overloaded", "deadline"
    ),
)
async def reload_bundle(request: Request, asked: ReloadRequest | None = None) -> Response:
    """Verify, warm and serve a version of a model; if it is refused, the bundle served before goes on serving.

    What is served already is not loaded again while its files are what they were, by name, size, time and inode.
    The same asked for while it is being loaded gets the result of that load; another version is a `conflict`.
    """
    state = state_of(request)
    asked = asked or ReloadRequest()
    place = state.models.place(asked.model)
    before = place.slot.current
    report = await state.reloads.take(place.watcher, asked.version)
    return reply(
        ReloadReply(
            changed=before is None or before.bundle_id != report.bundle_id,
            held=report.held,
            bundle_id=report.bundle_id or "",
            model=report.model or "",
            version=report.version or "",
        )
    )


def _listed(models: Path, serving: set[tuple[str, str]]) -> list[BundleFound]:
    return [
        BundleFound(model=name, version=version, serving=(name, version) in serving)
        for name in model_names(models)
        for version in versions(models / name)
    ]


def _model(state: State, name: str | None, now: SlotState) -> ModelFound:
    split, report = state.models.split, now.last_reload
    return ModelFound(
        model=name,
        default=name == state.models.default_name,
        share=None if split is None or name is None else split.share_of(name),
        state=now.state,
        serving=None if now.current is None else _served(now.current),
        fallback=now.fallback,
        held=now.held,
        last_reload=None if report is None else LastReload(state=report.outcome, reason=report.reason),
    )


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
