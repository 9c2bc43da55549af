"""Where a score starts: its bases in both views, and what a condition adds to them, to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.engine import LoadedBundle
from service.query import Attribution, Query

ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Relative: scores that differ by no more are the same but for rounding."""


@dataclass(frozen=True, slots=True)
class Base:
    """Of one item: the score at z = 0 of no history, that of the empty history, and what the condition adds to both."""

    value: float
    history: float
    gain: float = 0.0


def bases_of(loaded: LoadedBundle, query: Query, found: Attribution, scores: Sequence[float]) -> tuple[Base, ...]:
    """The bases of each item of `found`, whose scores under the query these are.

    Only a linear graph can add to a base, and it may add hundreds, beside which a float32 has few digits left for the
    parts of a score. So a base is that of who asks for nothing, plus the gain; and where the condition adds the same
    to the score itself, but for rounding, the gain is read there: then what the score lost to rounding is in both, and
    the sums hold to the last digit.
    Cost under such a condition: two rows of the encoder, and four of the decoder and that graph.
    """
    condition, items = query.condition, list(found.items)
    if condition is None or not condition.is_soft or loaded.manifest.graphs.linear is None:
        pairs = zip(found.latent_base.tolist(), found.history_base.tolist(), strict=True)
        return tuple(Base(value, history) for value, history in pairs)
    origin = np.zeros(loaded.n_latent, dtype=np.float32)
    shift = origin if query.shift is None else query.shift
    mu, empty = loaded.encode_many([query.history, ()], condition)
    points, shifts = np.stack([origin, mu, empty]), np.stack([origin, shift, shift])
    chunks = loaded.scores_many(points, [(), query.history, ()], shift=shifts)
    value, unasked, history = np.concatenate([chunk[:, items] for chunk in chunks]).astype(np.float64)
    gain = loaded.scores(origin, (), condition, shift=None)[items] - value
    there = np.asarray(scores) - unasked
    same = np.abs(there - gain) <= ROUNDING * np.maximum(np.abs(scores), np.abs(gain))
    gain = np.where(same, there, gain)
    rows = zip((value + gain).tolist(), (history + gain).tolist(), gain.tolist(), strict=True)
    return tuple(Base(*row) for row in rows)
