"""Altered histories as tests write them."""

from __future__ import annotations

from collections.abc import Sequence

from service.engine import LoadedBundle
from service.explaining.trials import Target, Trials
from service.query import Query


def tried(loaded: LoadedBundle, query: Query, item_ix: int, histories: Sequence[Sequence[int]]) -> Trials:
    """What becomes of the item under each history, with the query's condition, shift and masks."""
    target = Target(loaded, query, item_ix, sorted(set().union(*histories)))
    return target.tried(target.only(histories))
