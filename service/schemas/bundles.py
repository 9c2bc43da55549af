"""Requests and replies of /bundles and /health."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.base import Name, NextCursor, Wire


class MetricFound(Wire):
    """A mean over n held-out users with its standard error and 95 % interval."""

    name: str
    """Name of the metric, such as ndcg@100."""
    mean: float
    """Mean over the users."""
    se: float
    """Standard error of the mean."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of the 95 % interval."""
    n: int
    """How many held-out users."""


class BundleFound(Wire):
    """One version in the model folder; what only a loaded bundle tells is null for the others."""

    model: str
    """Name of the model."""
    version: str
    """Version of the bundle."""
    serving: bool
    """Whether it answers now."""


class FileHash(Wire):
    file: str
    """Name of the file in the bundle."""
    size: int
    """Bytes."""
    sha256: str
    """Hash of the content, in hexadecimal."""


class BaselineFound(Wire):
    name: str
    """Name of the baseline, such as popularity."""
    metrics: list[MetricFound]
    """Its metrics on the same users."""


class ServedBundle(Wire):
    """The bundle that answers now."""

    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
    model: str
    """Name of the model."""
    version: str
    """Version of the bundle."""
    kind: str
    """Kind of model, such as c-vae."""
    created: str
    """When it was exported, in UTC."""
    n_items: int
    """Items that the model knows."""
    n_latent: int
    """Latent factors."""
    n_conditions: int
    """Values that the model has a condition input for."""
    data: str
    """Name of the data it was trained on."""
    data_fingerprint: str
    """Hash that is equal for equal training data."""
    sha256: Annotated[list[FileHash], Field(description="The hash of each file.")]
    metrics: list[MetricFound]
    """Offline metrics on held-out users."""
    baselines: list[BaselineFound]
    """The same metrics of simple models."""
    forced: str | None
    """Why it was exported though a check had failed; null = no check failed."""


class LastReload(Wire):
    """The last attempt to take up a bundle."""

    state: Literal["ok", "failed"]
    """How it ended."""
    reason: str | None
    """Why it failed; null when it did not."""


class ModelFound(Wire):
    """One of the models served side by side."""

    model: str | None
    """Its name; null = the default model's is not known before its first bundle."""
    default: bool
    """Whether it answers where nobody says."""
    share: float | None
    """Its share of the users by the split; null = it is no arm."""
    state: Literal["loading", "serving", "no_bundle"]
    """Whether it has a bundle that answers."""
    serving: ServedBundle | None
    """That bundle; null = none is loaded yet."""
    fallback: bool
    """Whether it is the newest good one in place of the one to be served, which cannot be (PRISMREC_FALLBACK)."""
    held: bool
    """Whether a reload named it, and it is served in place of the one that `current` names, else the highest."""
    last_reload: LastReload | None
    """Null = none was tried."""


class BundleList(Wire):
    items: list[BundleFound]
    """The versions in the model folder."""
    next_cursor: NextCursor
    serving: ServedBundle | None
    """Of the default model; null = no bundle is loaded yet."""
    last_reload: LastReload | None
    """Of the default model; null = none was tried."""
    models: list[ModelFound]
    """The models served side by side, the default one first."""


class ReloadRequest(Wire):
    """version: the one to serve; null = the one that `current` names, else the highest."""

    model: Name | None = None
    """The served model that is meant; null = the default one."""
    version: Name | None = None
    """The version to serve; null = the one that `current` names, else the highest."""


class ReloadReply(Wire):
    changed: bool
    """false: this version was served already; where its files are as they were, nothing was loaded."""
    held: bool
    """Whether it is served in place of the one that `current` names, else the highest, until that or a file changes."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
    model: str
    """Name of the model."""
    version: str
    """The version that answers now."""


class Live(Wire):
    status: Literal["live"] = "live"
    """Always live: a process that is not does not answer."""


class ModelReady(Wire):
    model: str | None
    """Its name; null = the default model's is not known before its first bundle."""
    state: Literal["loading", "serving", "no_bundle"]
    """Whether it has a bundle that answers."""
    bundle_id: str | None
    """The bundle that answers; null = none is loaded."""
    fallback: bool
    """Whether it is the newest good one in place of the one to be served, which cannot be (PRISMREC_FALLBACK)."""
    held: bool
    """Whether a reload named it, and it is served in place of the one that `current` names, else the highest."""
    last_reload: Literal["ok", "failed"] | None
    """How the last reload ended; null = none was tried."""


class Ready(Wire):
    """Whether the default model answers. degraded names the parts that do not work while recommending goes on."""

    status: Literal["ready", "loading", "no_bundle", "draining"]
    """ready, or why not."""
    bundle_id: str | None
    """The default model's bundle; null = none is loaded."""
    last_reload: Literal["ok", "failed"] | None
    """How the default model's last reload ended; null = none was tried."""
    degraded: list[Literal["store", "models", "bundles"]]
    """Parts that do not work while recommending goes on; models: one beside the default has no bundle; bundles: one is
    served in place of the one to be served."""
    models: list[ModelReady]
    """The models served side by side, the default one first."""
