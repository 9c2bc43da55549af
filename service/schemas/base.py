"""The ground of all wire models, and the types that several of them share."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from bundle.ids import ITEM_ID_PATTERN, USER_ID_PATTERN
from service.limits import LIMITS

SOMEONE: dict[str, Any] = {
    "anyOf": [
        {"required": ["user_id"], "properties": {"user_id": {"type": ["string", "integer"]}}},
        {"required": ["history"], "properties": {"history": {"type": "array"}}},
    ]
}
"""Schema of a request that needs a user or a history; null is neither."""


class Wire(BaseModel):
    """Strict (no "10" for 10, no true for 1), closed (extra fields are refused), finite (no NaN, no infinity).

    The text below a field is its description in the OpenAPI document.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )


def _as_text(value: Any) -> Any:
    """An id that is a whole number is kept as its text; true and 1.0 are no ids."""
    return str(value) if type(value) is int else value


def _short_enough(value: str) -> str:
    if len(value.encode("utf-8", "replace")) > LIMITS.id_bytes:
        raise ValueError(f"an id has at most {LIMITS.id_bytes} bytes")
    return value


def _id_schema(pattern: str, example: str, **number: int) -> WithJsonSchema:
    text = {"type": "string", "minLength": 1, "maxLength": LIMITS.id_bytes, "pattern": pattern}
    return WithJsonSchema({"anyOf": [text, {"type": "integer", **number}], "examples": [example]})


UserId = Annotated[
    str,
    BeforeValidator(_as_text),
    AfterValidator(_short_enough),
    Field(pattern=USER_ID_PATTERN, strict=True),
    _id_schema(USER_ID_PATTERN, "42", minimum=0),
]
"""A user's id: up to 64 bytes of letters, digits and . _ : @ + = ~ -, starting with a letter or digit."""

ItemId = Annotated[
    str,
    BeforeValidator(_as_text),
    AfterValidator(_short_enough),
    Field(pattern=ITEM_ID_PATTERN, strict=True),
    _id_schema(ITEM_ID_PATTERN, "260"),
]
"""An item's id: up to 64 bytes without control characters."""

FactorNumber = Annotated[int, Field(ge=0, le=999_999, description="Number of the factor, from 0.")]
"""Bounded far above any number of latents, as a schema can state it."""

A_USER = "Id of a user."
AN_ITEM = "Id of an item; of all ids only these may hold slashes, sent as they are or as %2F."

N = Annotated[int, Field(ge=1, le=LIMITS.n, description="How many items are asked for.")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Model = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        description="Name of the served model that is to answer; null = that of the user's arm where users are split"
        " between models, else the default one.",
    ),
]
"""Which of the models served side by side is asked."""

ModelParameter = Annotated[
    str | None,
    Field(min_length=1, max_length=200, description="Name of the served model to ask; left out = the default one."),
]
"""The same as a query parameter, where no user is asked about."""

Arm = Annotated[
    str | None,
    Field(
        description="The model whose turn it is for this user by the split; null = nobody was split."
        " Another than `model`: it had no bundle, and the default model stood in."
    ),
]
"""The arm of a reply."""

Shown = str | int | float | list[str] | None
"""The value of an item's field: text, a number, several texts, or null when it is missing."""


def _whole_number(value: Any) -> Any:
    """A parameter's text as a number; int() alone would take "1_000", "+7" and " 7 "."""
    if isinstance(value, str):
        if not re.fullmatch(r"0|-?[1-9][0-9]{0,18}", value):
            raise ValueError("must be a whole number in plain digits")
        return int(value)
    return value


def _true_or_false(value: Any) -> Any:
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise ValueError("must be true or false")
        return value == "true"
    return value


WholeNumber = BeforeValidator(_whole_number)
"""Marks an int that comes as text, from the path or the query."""

TrueOrFalse = BeforeValidator(_true_or_false)
"""Marks a bool that comes as text."""

Preferences = Annotated[
    bool, Field(description="Whether the stored preferences of the user steer."), BeforeValidator(_true_or_false)
]
"""The query parameter `preferences` of the GET twins."""

PageLimit = Annotated[int, Field(ge=1, le=LIMITS.page, description="How many at most."), WholeNumber]
"""The query parameter `limit` of a collection."""

PageCursor = Annotated[str | None, Field(max_length=256, description="The `next_cursor` of the page before.")]
"""The query parameter `cursor` of a collection: the `next_cursor` of the page before."""

NextCursor = Annotated[str | None, Field(description="Give it back as `cursor` for the next page; null = the end.")]
