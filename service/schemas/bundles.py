"""Requests and replies of /bundles and /health."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Name, NextCursor, Wire


class MetricFound(Wire):
    """A mean over n held-out users with its standard error and 95 % interval."""

    name: str
    mean: float
    se: float
    low: float
    high: float
    n: int


class BundleFound(Wire):
    """One version in the model folder; what only a loaded bundle tells is null for the others."""

    model: str
    version: str
    serving: bool


class FileHash(Wire):
    file: str
    size: int
    sha256: str


class BaselineFound(Wire):
    name: str
    metrics: list[MetricFound]


class ServedBundle(Wire):
    """The bundle that answers now."""

    bundle_id: str
    model: str
    version: str
    kind: str
    created: str
    n_items: int
    n_latent: int
    n_conditions: int
    data: str
    data_fingerprint: str
    sha256: Annotated[list[FileHash], Field(description="The hash of each file.")]
    metrics: list[MetricFound]
    baselines: list[BaselineFound]
    forced: str | None


class LastReload(Wire):
    """The last attempt to take up a bundle while running."""

    state: Literal["ok", "failed"]
    reason: str | None


class BundleList(Wire):
    items: list[BundleFound]
    next_cursor: NextCursor
    serving: ServedBundle | None
    last_reload: LastReload | None


class ReloadRequest(Wire):
    """version: the one to serve; null = the one that `current` names, else the highest."""

    version: Name | None = None


class ReloadReply(Wire):
    changed: bool
    bundle_id: str
    model: str
    version: str


class Live(Wire):
    status: Literal["live"] = "live"


class Ready(Wire):
    """degraded names the parts that do not work while recommending goes on."""

    status: Literal["ready", "loading", "no_bundle", "draining"]
    bundle_id: str | None
    last_reload: Literal["ok", "failed"] | None
    degraded: list[Literal["store"]]
