"""RFC 9457 problems."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.errors import STATUS
from service.schemas.base import Wire

Code = Annotated[str, Field(json_schema_extra={"enum": list(STATUS)}, description="What went wrong, for programs.")]


class FieldProblem(Wire):
    """One field at fault."""

    pointer: Annotated[str, Field(description="RFC 6901 pointer into the body; for a parameter its name.")]
    detail: str


class Problem(Wire):
    """The one shape of every error. What was sent is never repeated."""

    type: Annotated[str, Field(description="A path of this service that explains the code.")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: Annotated[str, Field(description="Names the request; its end is the X-Request-ID.")]
    code: Code
    hint: Annotated[str, Field(description="What to do about it.")]
    errors: list[FieldProblem] | None = None


class ProblemType(Wire):
    """What a code means."""

    type: str
    code: Code
    title: str
    status: int
    hint: str


class ProblemTypes(Wire):
    items: list[ProblemType]
    next_cursor: Literal[None] = None
