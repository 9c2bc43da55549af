"""The route class of the API: key, query parameters and body are checked in this order before any handler runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from service.errors import FieldError, InvalidRequestError
from service.http.auth import HEADER, access_rule
from service.http.body import parse_json
from service.http.problems import plain_pointer
from service.state import state_of

APART = "prismrec.apart"
"""In a request's scope: whether it came in on the port of the metrics, which asks for no key."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ParsedRequest(Request):
    """A request whose body is parsed already (strictly, see service.http.body)."""

    parsed: Any = None

    async def json(self) -> Any:
        return self.parsed


class Operation(APIRoute):
    """An operation of the API; its name is its operationId and must have a rule in service.http.auth.ACCESS."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.path_regex = whole(self.path_regex)

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()
        scope_needed = access_rule(self.unique_id)
        takes_body = self.body_field is not None
        parameters = {field.alias: _is_list(field.field_info.annotation) for field in self.dependant.query_params}

        async def handle(request: Request) -> Response:
            if scope_needed is not None and not request.scope.get(APART):
                presented = [value for name, value in request.scope["headers"] if name == HEADER.encode()]
                request.scope["prismrec.key_id"] = state_of(request).keyring.admit(presented, scope_needed)
            if request.scope["query_string"]:
                _check_query(request, parameters)
            if not takes_body:
                return await inner(request)
            body = await request.body()
            parsed = ParsedRequest(request.scope, request.receive)
            parsed._body = body
            if body:
                parsed.parsed = parse_json(body)
            return await inner(parsed)

        return handle


def whole(path: re.Pattern[str]) -> re.Pattern[str]:
    """Starlette's pattern of a path, which ends in $ and so lets a line end follow, without: that would be another
    spelling of a path that a proxy may guard."""
    return re.compile(path.pattern.removesuffix("$") + r"\Z")


def resource(tag: str) -> APIRouter:
    """A router for the operations of one resource; an operation is named after its function."""
    return APIRouter(route_class=Operation, tags=[tag], generate_unique_id_function=lambda route: route.name)


def reply(model: BaseModel, *, status: int = 200) -> Response:
    """The reply of a handler: one dump of a model that was validated when it was built, so it holds no NaN."""
    content = model.__pydantic_serializer__.to_json(model, by_alias=True)
    return Response(content, status_code=status, media_type="application/json")


def _is_list(annotation: Any) -> bool:
    return "list" in str(annotation)


def _check_query(request: Request, parameters: dict[str, bool]) -> None:
    """Refuse parameters that the operation does not have, and a repeated one that is not a list."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in parameters:
            allowed = ", ".join(sorted(parameters)) or "none"
            raise InvalidRequestError.field(
                plain_pointer(name), f"a query parameter is not known here (there are: {allowed})"
            )
        if name in seen and not parameters[name]:
            raise InvalidRequestError(
                "a query parameter is given twice",
                errors=(FieldError(f"/{name}", f"query parameter {name}: once only"),),
            )
        seen.add(name)
