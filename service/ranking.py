"""From a row of scores to a list: masks, the exact top n without a full sort, ranks and probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Attribute
from service.query import Condition, FloatArray, Query

Mask = NDArray[np.bool_]
Scores = NDArray[np.floating]


def satisfies(attribute: Attribute, condition: Condition) -> Mask:
    """[n_items]: whether each item has any (or all) of the condition's values."""
    members = attribute.members[:, list(condition.values)]
    return np.asarray(members.any(axis=1) if condition.match == "any" else members.all(axis=1), dtype=np.bool_)


def allowed_items(n_items: int, query: Query, *, satisfying: Mask | None) -> Mask:
    """[n_items]: what the query lets into the list. `satisfying` counts only for a strict condition."""
    allowed = np.ones(n_items, dtype=np.bool_)
    if query.candidates is not None:
        allowed[:] = False
        allowed[list(query.candidates)] = True
    if query.condition is not None and query.condition.is_strict and satisfying is not None:
        allowed &= satisfying
    if query.exclude_seen:
        allowed[list(query.seen)] = False
    if query.exclude:
        allowed[list(query.exclude)] = False
    return allowed


def top_n(scores: Scores, allowed: Mask, k: int) -> NDArray[np.int64]:
    """The indices of the k best allowed items, best first, ties by index; fewer when fewer are allowed.

    Exact: a selection of the k-th value and a sort of k items, O(n_items + k log k).
    """
    open_items = np.flatnonzero(allowed)
    k = min(k, len(open_items))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    values = scores[open_items]
    if k < len(values):
        kth = np.partition(values, len(values) - k)[len(values) - k]
        above = np.flatnonzero(values > kth)
        tied = np.flatnonzero(values == kth)[: k - len(above)]
        kept = np.concatenate([above, tied])
        open_items, values = open_items[kept], values[kept]
    return open_items[np.lexsort((open_items, -values))]


def ranks_of(item_ix: int, scores: Scores, allowed: Mask) -> NDArray[np.int64]:
    """[B]: the rank (from 1) of one item among the allowed ones in each row of scores [B, n_items], ties by index."""
    target = scores[:, item_ix, None]
    ahead = scores > target
    ahead[:, :item_ix] |= scores[:, :item_ix] == target
    ahead &= allowed
    ahead[:, item_ix] = False
    # Row by row: along an axis numpy widens every flag to a number first.
    return np.array([1 + np.count_nonzero(row) for row in ahead], dtype=np.int64)


def log_normaliser(logits: FloatArray) -> NDArray[np.float64]:
    """log(sum(exp(logits))) of each row [..., n_items] -> [...], in float64.

    In one array: many rows take a third of the time that they take with fresh ones for the steps between.
    """
    wide = logits.astype(np.float64)
    peak = wide.max(axis=-1, keepdims=True)
    wide -= peak
    np.exp(wide, out=wide)
    total: NDArray[np.float64] = np.log(wide.sum(axis=-1)) + peak[..., 0]
    return total


def shortage(returned: int, query_n: int, offset: int) -> str | None:
    """Why a list is shorter than asked for, in words; None when it is not."""
    if returned >= query_n:
        return None
    after = f" after the first {offset}" if offset else ""
    return f"{returned} of {query_n} items: no more can be listed{after} under the masks of this request"
