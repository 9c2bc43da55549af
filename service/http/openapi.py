"""The OpenAPI 3.1 document: FastAPI's, with every error, the keys and the examples added."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from service.errors import STATUS, ServiceError
from service.http.auth import ACCESS, WEAKEST
from service.http.middleware import ALWAYS
from service.http.problems import MEDIA_TYPE, known_problems, problem
from service.schemas.problem import Problem

Json = dict[str, Any]
TAGS = [
    {"name": "recommend", "description": "Lists, with reasons, conditions and steering."},
    {"name": "explain", "description": "Why an item stands where it does; a user in decoded factors."},
    {"name": "coldstart", "description": "Lists for someone without a history."},
    {"name": "map", "description": "What the latent factors encode."},
    {"name": "catalogue", "description": "Items and conditions."},
    {"name": "users", "description": "Histories: read, add, erase."},
    {"name": "operations", "description": "Bundles, health, metrics, and what the problem codes mean."},
]
DESCRIPTION = (
    "Recommendations from a variational autoencoder whose latent factors are decoded, with reasons that add up to the"
    " score. Every error is `application/problem+json` (RFC 9457). Where keys are configured, send one in `X-API-Key`."
    " Every reply has an `X-Request-ID`, which the service's log has, too: the one that was sent if it is a UUID, a"
    " ULID or 16 to 64 hex digits, else a new one."
)
OF_ANY = ("invalid-request", "malformed", "too-large", "unsupported-media-type")
"""What any request may be refused with: a parameter, or a body, that the operation does not take."""
HEADERS: dict[int, Json] = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True, "description": "How to send a key."}},
    503: {
        "Retry-After": {
            "schema": {"type": "integer", "minimum": 1},
            "required": True,
            "description": "Seconds to wait before asking again.",
        }
    },
}
"""What the problems of a status come with."""


@cache
def examples() -> Json:
    """operationId -> {"request": ..., "reply": ...}: real answers of the service on a small made-up bundle."""
    found: Json = json.loads(files("service").joinpath("schemas/examples.json").read_text("utf-8"))
    return found


def errors(*codes: str) -> dict[int | str, Json]:
    """The `responses` of a route for these problem codes; `internal` is always among them."""
    return {str(STATUS[code]): {"x-codes": _codes_of(codes, STATUS[code])} for code in (*codes, "internal")}


def build_openapi(app: FastAPI) -> Json:
    """The document of an application. Pure: the same code gives the same document."""
    document = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=DESCRIPTION, routes=app.routes, tags=TAGS
    )
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _, definitions = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
    schemas.update(definitions["$defs"])
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = {
        "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "Scopes: read, write, admin."}
    }
    shown = {error.code: error for error in known_problems()}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation, shown)
    return document


def _complete(path: str, method: str, operation: Json, shown: dict[str, ServiceError]) -> None:
    """Add to one operation what FastAPI does not know of it."""
    name = operation["operationId"]
    scope = ACCESS[name]
    codes = [code for entry in operation["responses"].values() for code in entry.pop("x-codes", ())]
    operation["summary"] = _first_sentence(operation["description"])
    codes += OF_ANY
    if path not in ALWAYS:
        codes += ["overloaded", "misdirected"]
    if method != "get":
        codes.append("cross-site")
    if scope is not None:
        operation["security"] = [{"ApiKey": []}]
        operation["x-scope"] = scope
        codes += ["unauthorized"] if scope == WEAKEST else ["unauthorized", "forbidden"]
    by_status: dict[int, list[str]] = {}
    for code in STATUS:
        if code in codes:
            by_status.setdefault(STATUS[code], []).append(code)
    for status, of_status in by_status.items():
        operation["responses"][str(status)] = _error_reply(status, [shown[code] for code in of_status])
    operation["responses"] = dict(sorted(operation["responses"].items()))
    _add_examples(operation, examples().get(name, {}))


def _first_sentence(text: str) -> str:
    return " ".join(re.split(r"\.(?:\s|$)", text, maxsplit=1)[0].split())


def _codes_of(codes: tuple[str, ...], status: int) -> list[str]:
    return [code for code in (*codes, "internal") if STATUS[code] == status]


def _error_reply(status: int, known: list[ServiceError]) -> Json:
    found = {error.code: {"value": problem(error, "b1946ac92492d234")} for error in known}
    reply: Json = {
        "description": "; ".join(f"{error.code}: {error.title}" for error in known),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": found}},
    }
    return reply | ({"headers": HEADERS[status]} if status in HEADERS else {})


def _add_examples(operation: Json, example: Json) -> None:
    if "request" in example and "requestBody" in operation:
        operation["requestBody"]["content"]["application/json"]["example"] = example["request"]
    content = operation["responses"].get("200", {}).get("content", {}).get("application/json")
    if "reply" in example and content is not None:
        content["example"] = example["reply"]
