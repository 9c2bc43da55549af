"""The manifest of a bundle (file `manifest.json`): the last file written, the first one read."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, Literal

import msgspec

from bundle import FORMAT_VERSION, files
from bundle.errors import ContentError, HashError, ManifestError

MAX_MANIFEST_BYTES = 1 << 20
MAX_TOLERANCE = 1e-2
"""A golden case that allows more than this would prove nothing."""

_UNSEALED = "0" * 64
_DIGEST = re.compile(rb'"digest"\s*:\s*"([0-9a-f]{64})"')


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Frozen, every field named, nothing unknown accepted."""


class FileEntry(_Part, frozen=True):
    size: int
    sha256: str


class Dims(_Part, frozen=True):
    n_items: int
    n_latent: int
    n_conditions: int


class Graph(_Part, frozen=True):
    """An ONNX graph: its file, opset and tensor names in order."""

    file: str
    opset: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Graphs(_Part, frozen=True, omit_defaults=True):
    """The three to five graphs of a bundle. B = batch, L = longest history, C = n_conditions, K = explained items.

    encoder    history int64 [B, L], mask float32 [B, L], (condition float32 [B, C]) -> mu float32 [B, n_latent]
    decoder    z float32 [B, n_latent] -> logits float32 [B, n_items]
    explainer  history int64 [L], (condition float32 [1, C]), shift float32 [1, n_latent], item_ix int64 [K]
               -> latent float32 [K, n_latent], latent_base float32 [K],
                  history_contribution float32 [K, L], history_base float32 [K], (linear float32 [K, L])
    linear     history int64 [B, L], mask float32 [B, L], (condition float32 [B, C]) -> linear float32 [B, n_items]
    steering   shift float32 [B, n_latent] -> followed float32 [B, n_items]; nothing for a shift of nothing

    The score explained is (decoder(encoder(history, condition) + shift) + linear(history, condition) + steering(shift))
    [item_ix]. A model without a linear item-to-item term has no fourth graph (None; old bundles do not name it) and its
    explainer four outputs. With one, both bases hold what linear() gives an empty history, score = latent_base +
    latent.sum + linear.sum, and history_contribution is the view of the whole score, direct parts included. Where that
    term follows a shift there is the fifth graph; what it adds is in the explainer's latent and history_base.

    One condition value is 1 in the condition input. Several are 1 each, whether items with any or with all of them are
    meant; only a model with a linear graph, or whose conditions are shares, is asked for "all" by 1/n in each of n.
    `condition` is an input only when n_conditions > 0. Padding of `history` is any valid index with mask 0.
    An empty history is one padding index (L = 1, mask 0) to the encoder and L = 0 to the explainer, which has no mask.
    Every index must lie in 0..n_items-1 (a negative one wraps in silence) and stand once in its history.
    """

    encoder: Graph
    decoder: Graph
    explainer: Graph
    linear: Graph | None = None
    steering: Graph | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The graphs' files: three, four where there is a linear term, five where that follows a shift."""
        graphs = (self.encoder, self.decoder, self.explainer, self.linear, self.steering)
        return tuple(graph.file for graph in graphs if graph)


class Conditions(_Part, frozen=True, omit_defaults=True):
    """The condition inputs in order: values of one attribute of the catalogue. Empty for an unconditioned model.

    shares  whether items with all of n values are asked for by 1/n in each of them, as the model was trained; else by
            1, as items with any of them are (bundles from before pairs were trained do not name it)
    """

    attribute: str | None
    values: tuple[str, ...]
    shares: bool = False


class Data(_Part, frozen=True):
    """What the model was trained on. fingerprint = sha256 over the binarised interactions and the item ids."""

    name: str
    fingerprint: str
    n_users: int
    n_items: int
    n_interactions: int
    threshold: float | None
    min_items: int


class Metric(_Part, frozen=True):
    """A mean over n test users with its standard error and 95 % bootstrap interval [low, high]."""

    mean: float
    se: float
    low: float
    high: float
    n: int


class GoldenCase(_Part, frozen=True):
    """A made-up history (no person's) with the trainer's answer: the top item indices, unmasked, and their logits.

    The scores of `history` under `condition` (any of its values; the linear term included, where there is one) must
    reproduce `scores` within `tolerance`.
    """

    history: tuple[int, ...]
    condition: tuple[int, ...]
    top_items: tuple[int, ...]
    scores: tuple[float, ...]
    tolerance: float


class Trainer(_Part, frozen=True):
    """Which code made the bundle: prismrec's version and those of the libraries that shape the numbers."""

    version: str
    libraries: dict[str, str]


class Manifest(_Part, frozen=True, kw_only=True):
    """All that is known of a bundle but its weights.

    digest   sha256 of this file's bytes with the 64 digits of `digest` itself replaced by zeros (see `seal`); as
             `files` holds the other hashes, it covers the whole bundle. First in the file
    created  RFC 3339 UTC
    forced   the reason given for exporting a model that would have been refused, or None
    """

    digest: str = _UNSEALED
    format_version: Literal[1]
    name: str
    version: str
    created: str
    model: str
    config: dict[str, int | float | str | bool | None]
    dims: Dims
    graphs: Graphs
    conditions: Conditions
    data: Data
    seeds: dict[str, int]
    metrics: dict[str, Metric]
    baselines: dict[str, dict[str, Metric]]
    golden: tuple[GoldenCase, ...]
    trainer: Trainer
    files: dict[str, FileEntry]
    forced: str | None = None

    @property
    def payload(self) -> frozenset[str]:
        """Every file of this bundle but the manifest itself."""
        return frozenset((*files.PAYLOAD, *self.graphs.files))

    def check(self) -> None:
        """Raise ManifestError when the manifest contradicts itself."""
        if not (files.valid_name(self.name) and files.valid_version(self.version)):
            raise ManifestError("name and version must be plain folder names")
        if min(self.dims.n_items, self.dims.n_latent) < 1:
            raise ManifestError(f"a bundle needs items and latents, this has {self.dims}")
        if any(entry.size < 0 for entry in self.files.values()):
            raise ManifestError("a file of a negative size is listed")
        self._check_conditions()
        self._check_graphs()
        if not self.golden:
            raise ManifestError("a bundle needs at least one golden case, else its answers cannot be checked")
        for case in self.golden:
            _check_golden(case, self.dims)

    def _check_conditions(self) -> None:
        values = self.conditions.values
        if len(values) != self.dims.n_conditions:
            raise ManifestError(f"{len(values)} condition values for {self.dims.n_conditions} condition inputs")
        if len(set(values)) != len(values):
            raise ManifestError("a condition value is named twice")
        if (self.conditions.attribute is None) != (not values):
            raise ManifestError("conditions are values of one attribute: both are named or neither")

    def _check_graphs(self) -> None:
        named = self.graphs.files
        expected = (files.ENCODER, files.DECODER, files.EXPLAINER, files.LINEAR, files.STEERING)
        if named != expected[: len(named)]:
            raise ManifestError(f"the graphs' files are {named}, expected {expected}, the last two only where needed")
        missing = [name for name in named if name not in self.files]
        if missing:
            raise ManifestError(f"the graph files {missing} are not listed in `files`")


def _check_golden(case: GoldenCase, dims: Dims) -> None:
    if any(not 0 <= ix < dims.n_items for ix in (*case.history, *case.top_items)):
        raise ManifestError("a golden case refers to an item outside the catalogue")
    if any(not 0 <= c < dims.n_conditions for c in case.condition):
        raise ManifestError("a golden case refers to a condition that does not exist")
    if any(len(set(named)) != len(named) for named in (case.history, case.condition, case.top_items)):
        raise ManifestError("a golden case names an item or a condition twice")
    if not case.top_items or len(case.top_items) != len(case.scores):
        raise ManifestError("a golden case needs items, and as many scores")
    if not 0 < case.tolerance <= MAX_TOLERANCE:
        raise ManifestError(f"a golden case's tolerance must lie in (0, {MAX_TOLERANCE}], this is {case.tolerance}")


def encode(part: msgspec.Struct) -> bytes:
    """Canonical JSON bytes of any part of a bundle: the same value gives the same bytes.

    Indented where that stays under the manifest's limit. Raises ContentError on NaN or infinity, which JSON lacks.
    """
    if not _finite(msgspec.to_builtins(part)):
        raise ContentError(f"a number of the {type(part).__name__} to be written is NaN or infinite")
    raw = msgspec.json.encode(part, order="deterministic")
    readable = msgspec.json.format(raw, indent=1) if len(raw) < MAX_MANIFEST_BYTES else raw
    return (readable if len(readable) < MAX_MANIFEST_BYTES else raw) + b"\n"


def seal(manifest: Manifest) -> bytes:
    """The bytes of manifest.json, with the digest that makes a change of any one of them visible."""
    return seal_bytes(encode(msgspec.structs.replace(manifest, digest=_UNSEALED)))


def seal_bytes(raw: bytes) -> bytes:
    """The same text with the right digest in place of the one it has. ManifestError when it has no place for one."""
    found = _DIGEST.search(raw)
    if found is None:
        raise ManifestError("manifest.json has no digest of 64 hex digits")
    before, after = raw[: found.start(1)], raw[found.end(1) :]
    digest = hashlib.sha256(before + _UNSEALED.encode() + after).hexdigest()
    return before + digest.encode() + after


def _finite(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(_finite(v) for v in value.values())
    return not isinstance(value, list | tuple) or all(_finite(v) for v in value)


def parse_manifest(raw: bytes) -> Manifest:
    """Parse and check a sealed manifest; at most 1 MiB is read.

    Raises ManifestError, which names the defect, or HashError when all is well-formed but the digest is another.
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise ManifestError(f"manifest.json has {len(raw)} bytes, at most {MAX_MANIFEST_BYTES} are allowed")
    try:
        head = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"manifest.json is not valid JSON ({type(error).__name__})") from error
    if not isinstance(head, dict):
        raise ManifestError("manifest.json must hold one object")
    if head.get("format_version") != FORMAT_VERSION:
        raise ManifestError(
            f"this bundle does not have format_version {FORMAT_VERSION}, the one this prismrec reads",
            hint="export it again with this version of prismrec",
        )
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ManifestError(f"manifest.json does not fit the format: {error}") from error
    manifest.check()
    if seal_bytes(raw) != raw:
        raise HashError("manifest.json is not what was written (its own sha256 differs)")
    return manifest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object repeats a key")
    return found
