"""/problems: what each problem code means. The `type` of every problem leads here."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from service.errors import NotFoundError
from service.http.openapi import errors
from service.http.operation import reply, resource
from service.http.problems import known_problems, problem_type
from service.schemas.problem import ProblemType, ProblemTypes

router = resource("operations")


@router.get("/problems", response_model=ProblemTypes, responses=errors())
async def list_problems() -> Response:
    """All problem codes."""
    return reply(ProblemTypes(items=_types()))


@router.get("/problems/{code}", response_model=ProblemType, responses=errors("not-found"))
async def get_problem(
    code: Annotated[str, Path(max_length=64, description="A problem code, as in `code`.")],
) -> Response:
    """What one problem code means and what to do about it."""
    for found in _types():
        if found.code == code:
            return reply(found)
    raise NotFoundError("there is no such problem code", hint="GET /problems lists them")


def _types() -> list[ProblemType]:
    return [
        ProblemType(
            type=problem_type(error.code), code=error.code, title=error.title, status=error.status, hint=error.hint
        )
        for error in known_problems()
    ]
