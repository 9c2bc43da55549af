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
    popularity: Annotated[float, Field(description="Share of the training interactions.")]


class ItemDetail(ItemFound):
    bundle_id: str


class ItemList(Wire):
    """The most popular items first."""

    items: list[ItemFound]
    next_cursor: NextCursor
    bundle_id: str


class SimilarFound(Wire):
    """similarity: cosine of the two items' latents."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Shown]

    item_id: str
    rank: int
    similarity: float


class SimilarList(Wire):
    items: list[SimilarFound]
    next_cursor: Literal[None] = None
    bundle_id: str


class ConditionFound(Wire):
    """soft: whether the model has an input for this value; every value can be asked for in mode strict."""

    value: str
    soft: bool
    n_items: int


class ConditionList(Wire):
    """The values that condition.genres may name; they are those of `attribute`."""

    attribute: str | None
    items: list[ConditionFound]
    next_cursor: NextCursor
    bundle_id: str
