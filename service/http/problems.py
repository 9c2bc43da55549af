"""Every error as RFC 9457 problem+json, in one shape. What the caller sent is never repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from bundle.ids import ITEM_ID_PATTERN, ITEM_ID_WORDS, MAX_ID_BYTES, USER_ID_PATTERN, USER_ID_WORDS
from service.errors import (
    STATUS,
    FieldError,
    InternalError,
    InvalidRequestError,
    MalformedError,
    MethodNotAllowedError,
    NotFoundError,
    ServiceError,
    TooLargeError,
    UnauthorizedError,
)
from service.http.known_fields import fields_at

MEDIA_TYPE = "application/problem+json"
MAX_FIELD_ERRORS = 20
_SHOULD = re.compile(r"^\w+ should")
_COUNTED = re.compile(r" after validation, not [\w ]+$")
_SHAPES = {
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
}
_ID_WORDS = {USER_ID_PATTERN: USER_ID_WORDS, ITEM_ID_PATTERN: ITEM_ID_WORDS}
_NO_SLASH = (
    f"an id of a user holds no slash, not even as %2F: it has {USER_ID_WORDS}, at most {MAX_ID_BYTES} bytes;"
    " see /docs for the paths"
)
_PLAIN_NAME = re.compile(r"[a-z][a-z_]{0,31}")


def problem_type(code: str) -> str:
    """The path under which the service itself explains a code."""
    return f"/problems/{code}"


def problem(error: ServiceError, request_id: str) -> dict[str, Any]:
    """The members of one problem; `instance` names the request, so that it can be found in the log."""
    found: dict[str, Any] = {
        "type": problem_type(error.code),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": f"urn:prismrec:request:{request_id}",
        "code": error.code,
        "hint": error.hint_for_callers,
    }
    if error.errors:
        found["errors"] = [{"pointer": e.pointer, "detail": e.detail} for e in error.errors[:MAX_FIELD_ERRORS]]
    return found


def problem_response(error: ServiceError, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """The reply for an error, with Retry-After and WWW-Authenticate where they belong."""
    all_headers = dict(headers or {})
    if error.retry_after is not None:
        all_headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, UnauthorizedError):
        all_headers["WWW-Authenticate"] = 'ApiKey realm="prismrec"'
    content = orjson.dumps(problem(error, request_id))
    return Response(content, status_code=error.status, media_type=MEDIA_TYPE, headers=all_headers)


async def on_service_error(request: Request, error: Exception) -> Response:
    """Handler of our own errors."""
    assert isinstance(error, ServiceError)
    return _answer(request, error)


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Handler of what pydantic refuses. FastAPI's own would echo the input and break on NaN."""
    assert isinstance(error, RequestValidationError)
    return _answer(request, invalid_request(error.errors(), model=_body_of(request)))


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Handler of what the router refuses: no such path, not with this method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allow = ", ".join(_methods_of(request))
        return _answer(request, MethodNotAllowedError(f"this path answers {allow}"), {"Allow": allow})
    if error.status_code == 404:
        return _answer(request, NotFoundError("the service has no such path", hint=_hint_of_slash(request)))
    if error.status_code == 413:
        return _answer(request, TooLargeError("the body is larger than this path takes"))
    if error.status_code < 500:
        return _answer(request, MalformedError("the request cannot be read"))
    return _answer(request, InternalError("the service met an error it did not foresee"))


def invalid_request(
    errors: Sequence[Mapping[str, Any]], *, model: type[BaseModel] | None = None
) -> InvalidRequestError:
    """pydantic's list of errors as one InvalidRequestError with a pointer and a reason for each field.

    model: of the body, whose fields are told to who sent another.
    """
    fields = tuple(_field_error(error, model) for error in errors[:MAX_FIELD_ERRORS])
    count = len(errors)
    detail = fields[0].detail if count == 1 else f"{count} fields of the request are not valid"
    return InvalidRequestError(detail, errors=fields)


def known_problems() -> list[ServiceError]:
    """One error of every code, in the order of the status table: the documentation of the codes."""
    by_code: dict[str, type[ServiceError]] = {}
    for kind in _kinds(ServiceError):
        by_code.setdefault(kind.code, kind)
    return [by_code[code](by_code[code].title) for code in STATUS]


def _kinds(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for child in kind.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from _kinds(child)


def _answer(request: Request, error: ServiceError, headers: Mapping[str, str] | None = None) -> Response:
    request.scope["prismrec.problem"] = error.code
    return problem_response(error, request.scope.get("prismrec.request_id", "none"), headers)


def _hint_of_slash(request: Request) -> str | None:
    """For who sent a slash inside of an id, which makes another path of it; None for everybody else."""
    return _NO_SLASH if b"%2f" in request.scope.get("raw_path", b"").lower() else None


def _methods_of(request: Request) -> list[str]:
    """All methods of the path, not only those of the first route with it; a literal path goes before a template."""
    path = request.scope["path"]
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    matching = [route for route in routes if route.path == path]
    matching = matching or [route for route in routes if route.path_regex.match(path)]
    found = {method for route in matching for method in route.methods or ()}
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)


def _body_of(request: Request) -> type[BaseModel] | None:
    """The model of the route's body; None without one."""
    field = getattr(request.scope.get("route"), "body_field", None)
    found = None if field is None else field.field_info.annotation
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def plain_pointer(name: str) -> str:
    """The pointer to a name that may be a stranger's: to the whole when it is not plainly a field's."""
    return _pointer([name])


def _field_error(error: Mapping[str, Any], model: type[BaseModel] | None) -> FieldError:
    """`loc` as a JSON pointer into the body; for a parameter the pointer is its name and the detail says where."""
    place, *path = error["loc"] or ("body",)
    message = _reason(error)
    if error["type"] == "extra_forbidden" and model is not None:
        known = ", ".join(fields_at(model, path[:-1]))
        message += f"; there are: {known}" if known else ""
    if place != "body":
        name = str(path[0]) if path and _PLAIN_NAME.fullmatch(str(path[0]).replace("-", "_").lower()) else ""
        return FieldError(f"/{name}", f"{place} parameter {name}: {message}" if name else message)
    return FieldError(_pointer(path), message)


def _pointer(path: Sequence[int | str]) -> str:
    """RFC 6901; it stops at a name that is not plainly a field's, as that would repeat what was sent."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, str) and not _PLAIN_NAME.fullmatch(part):
            break
        parts.append(str(part))
    return "".join(f"/{part}" for part in parts)


def _reason(error: Mapping[str, Any]) -> str:
    """pydantic's sentence in the words of this API; it never holds the input."""
    kind = error["type"]
    if kind == "extra_forbidden":
        return "there is no such field"
    if kind == "missing":
        return "this is needed" if len(error["loc"]) > 1 else "a JSON body is needed"
    if kind in {"finite_number", "float_type"}:
        return "must be a finite number"
    if kind in _SHAPES:
        return _SHAPES[kind]
    if kind == "string_pattern_mismatch" and (words := _ID_WORDS.get(error["ctx"]["pattern"])):
        return f"must be an id that the service takes: {words}, at most {MAX_ID_BYTES} bytes"
    return _COUNTED.sub("", _SHOULD.sub("must", str(error["msg"]).removeprefix("Value error, ")))
