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
    """Null = no bundle is loaded yet."""
    last_reload: LastReload | None
    """Null = none was tried."""


class FileHash(Reply, frozen=True, kw_only=True):
    """FileHash."""

    file: str
    """Name of the file in the bundle."""
    size: int
    """Bytes."""
    sha256: str
    """Hash of the content, in hexadecimal."""


class LastReload(Reply, frozen=True, kw_only=True):
    """The last attempt to take up a bundle while running."""

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


class ProblemType(Reply, frozen=True, kw_only=True):
    """What a code means."""

    type: str
    """The path of this entry."""
    code: str
    """What went wrong, for programs. One of: malformed, unauthorized, forbidden, not-found, unknown-user, unknown-item,
    unknown-factor, unknown-model, unknown-bundle, method-not-allowed, conflict, too-large, unsupported-media-type,
    invalid-request, bundle-refused, internal, non-finite-score, overloaded, no-bundle, storage-unavailable,
    deadline, storage-full.
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
    """degraded names the parts that do not work while recommending goes on."""

    status: str
    """ready, or why not. One of: ready, loading, no_bundle, draining."""
    bundle_id: str | None
    """The bundle that answers; null = none is loaded."""
    last_reload: str | None
    """How the last reload ended; null = none was tried. One of: ok, failed."""
    degraded: list[str]
    """Parts that do not work while recommending goes on."""


class ReloadReply(Reply, frozen=True, kw_only=True):
    """ReloadReply."""

    changed: bool
    """false: this version was served already."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
    model: str
    """Name of the model."""
    version: str
    """The version that answers now."""


class ReloadRequest(Asked, frozen=True, kw_only=True):
    """version: the one to serve; null = the one that `current` names, else the highest."""

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
