"""What a query must fulfil before it reaches a graph. Messages name the field and what is allowed, never what came."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from service.errors import InvalidRequestError, UnknownItemError
from service.limits import LIMITS
from service.query import Query

NAMED = 50
"""At most so many allowed values are listed in a message."""


def check_query(query: Query, *, n_items: int, n_latent: int) -> None:
    """Raise InvalidRequestError unless all is within the limits, every index in the catalogue, the shift finite."""
    check_n(query.n)
    if not 0 <= query.offset <= LIMITS.offset:
        raise InvalidRequestError.field("/offset", f"must be between 0 and {LIMITS.offset}")
    if len(query.history) > LIMITS.history:
        raise InvalidRequestError.field("/history", f"has {len(query.history)} items, at most {LIMITS.history}")
    check_indices(query.history, n_items=n_items, pointer="/history")
    check_indices(query.older, n_items=n_items, pointer="/history")
    check_indices(query.exclude, n_items=n_items, pointer="/exclude_items")
    check_indices(query.candidates or (), n_items=n_items, pointer="/candidates")
    if query.shift is not None and (query.shift.shape != (n_latent,) or not np.isfinite(query.shift).all()):
        raise InvalidRequestError.field("/steer", f"must give {n_latent} finite numbers")


def check_n(n: int) -> None:
    if not 1 <= n <= LIMITS.n:
        raise InvalidRequestError.field("/n", f"must be between 1 and {LIMITS.n}")


def check_indices(indices: Collection[int], *, n_items: int, pointer: str) -> None:
    """Raise InvalidRequestError for an index outside the catalogue (-1 would silently read the last row)."""
    if len(indices) and (min(indices) < 0 or max(indices) >= n_items):
        raise InvalidRequestError.field(pointer, f"an item index lies outside 0..{n_items - 1}")


def check_item(item_ix: int, *, n_items: int) -> None:
    """Raise UnknownItemError for an index outside the catalogue."""
    if not 0 <= item_ix < n_items:
        raise UnknownItemError("the item is not in this model's catalogue")


def listing(values: Sequence[str]) -> str:
    """The allowed values in words, cut after some dozens."""
    rest = len(values) - NAMED
    return ", ".join(values[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
