"""RFC 9457 problems."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.errors import STATUS
from service.schemas.base import Wire

Code = Annotated[str, Field(json_schema_extra={"enum": list(STATUS)}, description="What went wrong, for programs.")]


class FieldProblem(Wire):
    """One field at fault."""

    pointer: Annotated[
        str, Field(description="RFC 6901 pointer into the body; for a parameter its name; empty: the whole.")
    ]
    detail: str
    """What is wrong with it."""


class Problem(Wire):
    """The one shape of every error. What was sent is never repeated."""

    type: Annotated[str, Field(description="A path of this service that explains the code.")]
    title: str
    """The code in words."""
    status: Annotated[int, Field(ge=400, le=599)]
    """The HTTP status."""
    detail: str
    """What happened this time."""
    instance: Annotated[str, Field(description="Names the request; its end is the X-Request-ID.")]
    code: Code
    hint: Annotated[str, Field(description="What to do about it.")]
    errors: list[FieldProblem] | None = None
    """The fields at fault; null = none in particular."""


class ProblemType(Wire):
    """What a code means."""

    type: str
    """The path of this entry."""
    code: Code
    title: str
    """The code in words."""
    status: int
    """The HTTP status that it comes with."""
    hint: str
    """What to do about it."""


class ProblemTypes(Wire):
    items: list[ProblemType]
    """Every code."""
    next_cursor: Literal[None] = None
    """Always null: there is one page."""
