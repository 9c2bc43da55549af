"""What openapi.json declares of replies, so that every reply of the tests can be held against it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True)
class Declared:
    """One operation: its method, its path, and the replies it may give ("404 unknown-user", "200")."""

    name: str
    method: str
    path: re.Pattern[str]
    replies: frozenset[str]


@cache
def operations() -> tuple[Declared, ...]:
    """All operations, paths without parameters first."""
    paths: Mapping[str, Any] = json.loads(COMMITTED.read_text("utf-8"))["paths"]
    found = [
        Declared(operation["operationId"], method.upper(), _pattern(path), replies_of(operation))
        for path, methods in sorted(paths.items(), key=lambda entry: (entry[0].count("{"), -len(entry[0])))
        for method, operation in methods.items()
    ]
    return tuple(found)


def replies_of(operation: Mapping[str, Any]) -> frozenset[str]:
    """ "200", "404 unknown-user" and so on."""
    return frozenset(
        f"{status} {code}".rstrip()
        for status, reply in operation["responses"].items()
        for code in reply.get("content", {}).get(PROBLEM, {}).get("examples", {"": None})
    )


def undeclared(reply: httpx.Response) -> str | None:
    """What is wrong with a reply: it is of an operation which does not declare it. None for all else."""
    request = reply.request
    method = "GET" if request.method == "HEAD" else request.method
    path = request.url.path
    operation = next((one for one in operations() if one.method == method and one.path.fullmatch(path)), None)
    if operation is None or request.method == "HEAD":
        return None
    problem = reply.headers.get("content-type") == PROBLEM
    told = f"{reply.status_code} {reply.json()['code']}" if problem else str(reply.status_code)
    return (
        None if told in operation.replies else f"{operation.name} answered {told}, which openapi.json does not declare"
    )


def _pattern(path: str) -> re.Pattern[str]:
    """Ids of items may have anything in them, slashes too (they are encoded, and decoded before they are matched)."""
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile("".join(re.escape(part) if i % 2 == 0 else _segment(part) for i, part in enumerate(parts)))


def _segment(name: str) -> str:
    return "(?s:.+)" if name == "item_id" else "[^/]+"
