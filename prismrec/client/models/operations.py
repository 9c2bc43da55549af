# Made by `make client` from openapi/openapi.json; do not edit.
"""Models of `operations`."""

from __future__ import annotations

from prismrec.client.structs import Asked, Reply


class BaselineFound(Reply, frozen=True, kw_only=True):
    """BaselineFound."""

    name: str
    """Name of the baseline, such as popularity."""
    metrics: list[MetricFound]
    """Its metrics on the same users."""


class BundleFound(Reply, frozen=True, kw_only=True):
    """One version in the model folder; what only a loaded bundle tells is null for the others."""

    model: str
    """Name of the model."""
    version: str
    """Version of the bundle."""
    serving: bool
    """Whether it answers now."""


class BundleList(Reply, frozen=True, kw_only=True):
    """BundleList."""

    items: list[BundleFound]
    """The versions in the model folder."""
    next_cursor: str | None
    """Give it back as `cursor` for the next page; null = the end."""
    serving: ServedBundle | None
    """Of the default model; null = no bundle is loaded yet."""
    last_reload: LastReload | None
    """Of the default model; null = none was tried."""
    models: list[ModelFound]
    """The models served side by side, the default one first."""


class FileHash(Reply, frozen=True, kw_only=True):
    """FileHash."""

    file: str
    """Name of the file in the bundle."""
    size: int
    """Bytes."""
    sha256: str
    """Hash of the content, in hexadecimal."""


class LastReload(Reply, frozen=True, kw_only=True):
    """The last attempt to take up a bundle."""

    state: str
    """How it ended. One of: ok, failed."""
    reason: str | None
    """Why it failed; null when it did not."""


class Live(Reply, frozen=True, kw_only=True):
    """Live."""

    status: str = "live"
    """Always live: a process that is not does not answer."""


class MetricFound(Reply, frozen=True, kw_only=True):
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


class ModelFound(Reply, frozen=True, kw_only=True):
    """One of the models served side by side."""

    model: str | None
    """Its name; null = the default model's is not known before its first bundle."""
    default: bool
    """Whether it answers where nobody says."""
    share: float | None
    """Its share of the users by the split; null = it is no arm."""
    state: str
    """Whether it has a bundle that answers. One of: loading, serving, no_bundle."""
    serving: ServedBundle | None
    """That bundle; null = none is loaded yet."""
    fallback: bool
    """Whether it is the newest good one in place of the one to be served, which cannot be (PRISMREC_FALLBACK)."""
    held: bool
    """Whether a reload named it, and it is served in place of the one that `current` names, else the highest."""
    last_reload: LastReload | None
    """Null = none was tried."""


class ModelReady(Reply, frozen=True, kw_only=True):
    """ModelReady."""

    model: str | None
    """Its name; null = the default model's is not known before its first bundle."""
    state: str
    """Whether it has a bundle that answers. One of: loading, serving, no_bundle."""
    bundle_id: str | None
    """The bundle that answers; null = none is loaded."""
    fallback: bool
    """Whether it is the newest good one in place of the one to be served, which cannot be (PRISMREC_FALLBACK)."""
    held: bool
    """Whether a reload named it, and it is served in place of the one that `current` names, else the highest."""
    last_reload: str | None
    """How the last reload ended; null = none was tried. One of: ok, failed."""


class ProblemType(Reply, frozen=True, kw_only=True):
    """What a code means."""

    type: str
    """The path of this entry."""
    code: str
    """What went wrong, for programs. One of: malformed, unauthorized, forbidden, cross-site, not-found, unknown-user,
    unknown-preferences, unknown-item, unknown-factor, unknown-model, unknown-bundle, method-not-allowed, conflict,
    too-large, unsupported-media-type, misdirected, invalid-request, bundle-refused, internal, non-finite-score,
    overloaded, no-bundle, storage-unavailable, deadline, no-memory, storage-full.
    """
    title: str
    """The code in words."""
    status: int
    """The HTTP status that it comes with."""
    hint: str
    """What to do about it."""


class ProblemTypes(Reply, frozen=True, kw_only=True):
    """ProblemTypes."""

    items: list[ProblemType]
    """Every code."""
    next_cursor: None = None
    """Always null: there is one page."""


class Ready(Reply, frozen=True, kw_only=True):
    """Whether the default model answers. degraded names the parts that do not work while recommending goes on."""

    status: str
    """ready, or why not. One of: ready, loading, no_bundle, draining."""
    bundle_id: str | None
    """The default model's bundle; null = none is loaded."""
    last_reload: str | None
    """How the default model's last reload ended; null = none was tried. One of: ok, failed."""
    degraded: list[str]
    """Parts that do not work while recommending goes on; models: one beside the default has no bundle; bundles: one is
    served in place of the one to be served.
    """
    models: list[ModelReady]
    """The models served side by side, the default one first."""


class ReloadReply(Reply, frozen=True, kw_only=True):
    """ReloadReply."""

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


class ReloadRequest(Asked, frozen=True, kw_only=True):
    """version: the one to serve; null = the one that `current` names, else the highest."""

    model: str | None = None
    """The served model that is meant; null = the default one."""
    version: str | None = None
    """The version to serve; null = the one that `current` names, else the highest."""


class ServedBundle(Reply, frozen=True, kw_only=True):
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
    sha256: list[FileHash]
    """The hash of each file."""
    metrics: list[MetricFound]
    """Offline metrics on held-out users."""
    baselines: list[BaselineFound]
    """The same metrics of simple models."""
    forced: str | None
    """Why it was exported though a check had failed; null = no check failed."""
