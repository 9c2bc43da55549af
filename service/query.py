"""What one asks of a model and what it answers, in indices. Ids, titles and JSON belong to the HTTP layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Match = Literal["any", "all"]
Mode = Literal["soft", "strict", "both"]
Source = Literal["model", "popularity"]
FloatArray = NDArray[np.float32]
DIVERSITY = 0.25
"""Of a cold start that names none: genres keep 0.99 of their share of a list, years 0.94 (docs/science.md)."""
MAX_SEED = 2**53 - 1
"""The largest that every reader of JSON keeps exactly; a bound beyond it would not survive the document itself."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Values asked for, of the one attribute that conditions speak of (`LoadedBundle.condition_attribute`).

    values  indices into that attribute's `values`; made from names by `LoadedBundle.condition`
    match   whether an item satisfies the condition with any of them or only with all
    mode    soft: the model's condition input; strict: a mask over the catalogue; both: input and mask
    """

    values: tuple[int, ...]
    match: Match = "any"
    mode: Mode = "soft"

    @property
    def is_soft(self) -> bool:
        return self.mode in {"soft", "both"}

    @property
    def is_strict(self) -> bool:
        return self.mode in {"strict", "both"}


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One request for a list.

    history       item indices; duplicates count once, the order does not matter (the newest is last, by convention)
    n, offset     ranks offset + 1 .. offset + n are returned
    exclude       item indices never returned; exclude_seen adds the history and `older` to them
    older         item indices that were seen before what `history` has room for: not scored, but seen
    candidates    rank only these items (None = the whole catalogue)
    shift         float32 [n_latent] added to the encoder's mean (steering), or None
    """

    history: tuple[int, ...]
    n: int = 10
    offset: int = 0
    condition: Condition | None = None
    exclude: frozenset[int] = field(default_factory=frozenset)
    exclude_seen: bool = True
    older: frozenset[int] = field(default_factory=frozenset)
    candidates: tuple[int, ...] | None = None
    shift: FloatArray | None = None

    @property
    def seen(self) -> frozenset[int]:
        """All that the user has, scored or not."""
        return self.older.union(self.history)

    def moved(self, mu: FloatArray) -> FloatArray:
        """The point that is decoded, float32 [n_latent]: the encoder's mean and the shift."""
        return mu if self.shift is None else np.asarray(mu + self.shift, dtype=np.float32)


def shifts_of(queries: Sequence[Query], n_latent: int) -> FloatArray | None:
    """float32 [B, n_latent], 0 for a query that does not steer; None when none does."""
    if all(query.shift is None for query in queries):
        return None
    nothing = np.zeros(n_latent, dtype=np.float32)
    return np.stack([nothing if query.shift is None else query.shift for query in queries], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class RankedItem:
    """score: the logit, linear term included (of a popularity list: the item's share of the training interactions).

    probability: softmax over the whole catalogue, masked items included, so it does not depend on what is masked.
    """

    item_ix: int
    rank: int
    score: float
    probability: float


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The answer to a Query, best first; ties by item index.

    z                    float32 [n_latent], the point that was decoded (shift included); None for source "popularity"
    condition_satisfied  share of `items` that satisfy the condition; None without one, or of an empty list
    requested            the query's n; fewer items come with a `short_reason`
    source               "popularity" when there was nothing to encode: no history, no soft condition, no shift
    """

    items: tuple[RankedItem, ...]
    z: FloatArray | None
    condition_satisfied: float | None
    requested: int
    source: Source
    short_reason: str | None = None

    @property
    def returned(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class SimilarItem:
    """similarity: cosine of two items' latents, -1..1 (see `service.similarity`)."""

    item_ix: int
    rank: int
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """What the explainer graph gives for K items and a history of L items (both views of the same score).

    latent [K, n_latent], latent_base [K]: contributions of z_i along 0 -> z, and the score at z = 0 of no history;
    what a linear term gains by a shift is in latent (and in history_base)
    linear [K, L]: what history items add directly (0 for a model without a linear graph); latent_base, latent and
    linear make the score
    history [K, L], history_base [K]: contributions of history items from the empty history, and its score; the direct
    parts are in them
    """

    items: tuple[int, ...]
    history_items: tuple[int, ...]
    latent: FloatArray
    latent_base: FloatArray
    history: FloatArray
    history_base: FloatArray
    linear: FloatArray

    @property
    def is_finite(self) -> bool:
        parts = (self.latent, self.latent_base, self.history, self.history_base, self.linear)
        return all(bool(np.isfinite(part).all()) for part in parts)
