# Made by `make client` from openapi/openapi.json; do not edit.
"""Models of `catalogue`."""

from __future__ import annotations

from typing import Any

import msgspec

from prismrec.client.structs import Reply


class ConditionFound(Reply, frozen=True, kw_only=True):
    """soft: whether the model has an input for this value; every value can be asked for in mode strict."""

    value: str
    """What `condition.genres` may name."""
    soft: bool
    """Whether the model has an input for it."""
    n_items: int
    """How many items have it."""


class ConditionList(Reply, frozen=True, kw_only=True):
    """The values that condition.genres may name; they are those of `attribute`."""

    attribute: str | None
    """The attribute whose values these are; null = the model has none."""
    items: list[ConditionFound]
    """Its values."""
    next_cursor: str | None
    """Give it back as `cursor` for the next page; null = the end."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class ItemDetail(Reply, frozen=True, kw_only=True):
    """ItemDetail."""

    item_id: str
    """The item."""
    popularity: float
    """Share of the training interactions."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    """The further members of the object, such as the catalogue's fields: str | int | float | list[str] | None."""


class ItemFound(Reply, frozen=True, kw_only=True):
    """An item with all its fields (title, genres, year, ...) beside these members."""

    item_id: str
    """The item."""
    popularity: float
    """Share of the training interactions."""
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    """The further members of the object, such as the catalogue's fields: str | int | float | list[str] | None."""


class ItemList(Reply, frozen=True, kw_only=True):
    """The most popular items first."""

    items: list[ItemFound]
    """This page of the catalogue."""
    next_cursor: str | None
    """Give it back as `cursor` for the next page; null = the end."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class SimilarFound(Reply, frozen=True, kw_only=True):
    """similarity: cosine of the two items' latents."""

    item_id: str
    """The item."""
    rank: int
    """From 1, the most similar first."""
    similarity: float
    """Cosine, -1 to 1."""
    fields: dict[str, Any] = msgspec.field(default_factory=dict)
    """The further members of the object, such as the catalogue's fields: str | int | float | list[str] | None."""


class SimilarList(Reply, frozen=True, kw_only=True):
    """SimilarList."""

    items: list[SimilarFound]
    """The nearest items."""
    next_cursor: None = None
    """Always null: there is one page."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
