"""Both clients have every operation of openapi.json with all its parameters, and an exception for each code."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

import service.errors
from prismrec.client import AsyncClient, Client, ProblemError, UnavailableError
from prismrec.client.problems import BY_CODE, NotFoundError
from service.errors import STATUS

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[3] / "openapi" / "openapi.json").read_text("utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS: dict[str, dict[str, Any]] = {
    operation["operationId"]: operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
}


def parameters(operation: dict[str, Any]) -> dict[str, bool]:
    """Name -> whether a caller must give it, of an operation's parameters and its body's members."""
    found = {
        entry["name"].lower().replace("-", "_"): entry.get("required", False) and entry["in"] != "header"
        for entry in operation.get("parameters", ())
    }
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for part in body.get("anyOf", [body]):
        schema = SCHEMAS.get(part.get("$ref", "").rpartition("/")[2], {})
        found |= {name: name in schema.get("required", ()) for name in schema.get("properties", {})}
    return found


def lacking(client: type[Any]) -> list[str]:
    """What a client class lacks of the document, or has with another duty."""
    wrong = []
    for name, operation in OPERATIONS.items():
        method = getattr(client, name, None)
        if method is None:
            wrong.append(name)
            continue
        taken = inspect.signature(method).parameters
        has = {n: p.default is p.empty for n, p in taken.items() if n not in {"self", "options"}}
        wrong += [f"{name}: {has} for {parameters(operation)}"] if has != parameters(operation) else []
        wrong += [] if "options" in taken else [f"{name}: options"]
    return wrong


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_client_has_every_operation_with_all_parameters(client: type[Any]) -> None:
    assert len(OPERATIONS) > 20
    assert lacking(client) == []


def test_lacking_finds_an_operation_and_a_parameter_that_are_not_there() -> None:
    class Less(Client):
        list_users = None  # type: ignore[assignment]

        def get_user(self, user_id: str) -> None:  # type: ignore[override]
            """Without options."""

        def list_items(self, *, limit: Any = None, cursor: Any = None, options: Any = None) -> None:  # type: ignore[override]
            """Without title."""

    assert [entry.partition(":")[0] for entry in lacking(Less)] == ["list_items", "list_users", "get_user"]


def public(client: type[Any]) -> dict[str, inspect.Signature]:
    """The signatures of a client's own methods, without what is awaited in the types."""
    return {
        name: inspect.signature(method)
        for name, method in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_") and name not in {"close", "aclose"}
    }


def test_both_clients_have_the_same_signatures() -> None:
    waits, awaited = public(Client), public(AsyncClient)
    assert set(waits) == set(awaited)
    for name, signature in waits.items():
        other = awaited[name]
        assert signature.parameters == other.parameters, name
        result = str(other.return_annotation).replace("AsyncIterator", "Iterator")
        assert str(signature.return_annotation) == result, name
        assert inspect.iscoroutinefunction(getattr(AsyncClient, name)) == (not name.startswith("iter_")), name


def test_every_collection_has_an_iterator() -> None:
    paged = [
        name
        for name, operation in OPERATIONS.items()
        if any(p["name"] == "cursor" for p in operation.get("parameters", ()))
    ]
    assert len(paged) >= 5
    assert [f"iter_{name.removeprefix('list_')}" for name in paged if name.startswith("list_")] == [
        name for name in (f"iter_{found.removeprefix('list_')}" for found in paged) if name in public(Client)
    ]


def test_post_that_does_more_a_second_time_has_an_idempotency_key_but_one() -> None:
    """As docs/client.md says of trying again: reload_bundle is refused before it begins, the others may be repeated."""
    posts = [path["post"] for path in DOCUMENT["paths"].values() if "post" in path]
    changing = [post for post in posts if post["x-scope"] != "read"]
    keyless = [p["operationId"] for p in changing if not any(q["in"] == "header" for q in p.get("parameters", ()))]
    assert (len(posts), len(changing), keyless) == (6, 2, ["reload_bundle"])
    refused = OPERATIONS["reload_bundle"]["responses"]["503"]["content"]["application/problem+json"]["examples"]
    assert set(refused) == {"overloaded"}


def test_every_declared_code_has_an_exception_of_the_services_name() -> None:
    declared = {
        code
        for operation in OPERATIONS.values()
        for reply in operation["responses"].values()
        for code in reply.get("content", {}).get("application/problem+json", {}).get("examples", {})
    }
    assert declared <= set(BY_CODE)
    assert set(SCHEMAS["Problem"]["properties"]["code"]["enum"]) == set(BY_CODE)
    assert len(set(BY_CODE.values())) == len(BY_CODE)
    assert set(STATUS) == set(BY_CODE)
    assert {code: getattr(service.errors, kind.__name__).code for code, kind in BY_CODE.items()} == {
        c: c for c in STATUS
    }


def test_exceptions_stand_under_the_ones_that_callers_catch() -> None:
    assert all(issubclass(kind, ProblemError) for kind in BY_CODE.values())
    for code, kind in BY_CODE.items():
        assert issubclass(kind, UnavailableError) == (STATUS[code] == 503), code
        assert issubclass(kind, NotFoundError) == (STATUS[code] == 404), code
