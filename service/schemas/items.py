"""Replies of /items and /conditions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from service.schemas.base import NextCursor, Shown, Wire


class ItemFound(Wire):
    """An item with all its fields (title, genres, year, ...) beside these members."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Shown]

    item_id: str
    """The item."""
    popularity: Annotated[float, Field(description="Share of the training interactions.")]


class ItemDetail(ItemFound):
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class ItemList(Wire):
    """The most popular items first."""

    items: list[ItemFound]
    """This page of the catalogue."""
    next_cursor: NextCursor
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class SimilarFound(Wire):
    """similarity: cosine of the two items' latents."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Shown]

    item_id: str
    """The item."""
    rank: int
    """From 1, the most similar first."""
    similarity: float
    """Cosine, -1 to 1."""


class SimilarList(Wire):
    items: list[SimilarFound]
    """The nearest items."""
    next_cursor: Literal[None] = None
    """Always null: there is one page."""
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""


class ConditionFound(Wire):
    """soft: whether the model has an input for this value; every value can be asked for in mode strict."""

    value: str
    """What `condition.genres` may name."""
    soft: bool
    """Whether the model has an input for it."""
    n_items: int
    """How many items have it."""


class ConditionList(Wire):
    """The values that condition.genres may name; they are those of `attribute`."""

    attribute: str | None
    """The attribute whose values these are; null = the model has none."""
    items: list[ConditionFound]
    """Its values."""
    next_cursor: NextCursor
    bundle_id: str
    """Names the bundle that answered: model, version and content in one id."""
