"""The OpenAPI document as the generator sees it. What it would have to guess about, it refuses."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
PREFIX = "#/components/schemas/"
JSON, PROBLEM = "application/json", "application/problem+json"
SHARED = "shared"


class UnsupportedError(Exception):
    """The document has something that no rule of the generator covers: add one."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an operation that is not part of the body. place: path, query or header."""

    name: str
    wire: str
    place: str
    required: bool
    schema: Json
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. body: the schema's name; reply: the schema of 200, None for plain text; also: see calls.Call."""

    name: str
    tag: str
    method: str
    path: str
    description: str
    parameters: tuple[Parameter, ...]
    body: str | None
    reply: Json | None
    also: tuple[int, ...]
    codes: tuple[str, ...]

    def at(self, place: str) -> tuple[Parameter, ...]:
        """The parameters of one place."""
        return tuple(parameter for parameter in self.parameters if parameter.place == place)


class Document:
    """The whole, with the schemas sorted by where they are used."""

    def __init__(self, found: Json) -> None:
        self.version: str = found["info"]["version"]
        self.schemas: Json = found["components"]["schemas"]
        raw = [
            (path, method, operation)
            for path, methods in found["paths"].items()
            for method, operation in methods.items()
        ]
        self.operations = tuple(_operation(path, method, operation) for path, method, operation in raw)
        self.tags = tuple(dict.fromkeys(operation.tag for operation in self.operations))
        self.examples = _problem_examples(raw)
        self.asked = set[str]()
        self.replied = set[str]()
        self._tags: dict[str, set[str]] = {name: set() for name in self.schemas}
        for _, _, operation in raw:
            asked = self._reachable(operation.get("requestBody", {}))
            replied = self._reachable(operation["responses"])
            self.asked |= asked
            self.replied |= replied
            for name in asked | replied:
                self._tags[name].add(operation["tags"][0])

    def module_of(self, name: str) -> str:
        """The module of a model: of the one tag that uses it, or the shared one."""
        tags = self._tags[name]
        return next(iter(tags)) if len(tags) == 1 else SHARED

    def members(self, name: str) -> Iterator[tuple[str, Json, bool]]:
        """Name, schema and whether it is required, of each member of a schema."""
        schema = self.schemas[name]
        if schema.get("type") != "object":
            raise UnsupportedError(f"{name}: a schema of its own that is no object")
        required = schema.get("required", ())
        for member, of_member in schema.get("properties", {}).items():
            yield plain_name(member, name), of_member, member in required

    def codes(self) -> Mapping[str, int | None]:
        """Every problem code with its status, where any operation declares it."""
        declared = {code: int(example["status"]) for code, example in self.examples.items()}
        return {code: declared.get(code) for code in self.schemas["Problem"]["properties"]["code"]["enum"]}

    def references(self, schema: Any) -> set[str]:
        """The names of the schemas that one names itself."""
        if isinstance(schema, list):
            return set().union(*(self.references(entry) for entry in schema)) if schema else set()
        if not isinstance(schema, Mapping):
            return set()
        own = {schema["$ref"].removeprefix(PREFIX)} if "$ref" in schema else set()
        return own.union(*(self.references(v) for k, v in schema.items() if k not in {"example", "examples"}))

    def _reachable(self, schema: Any) -> set[str]:
        found = set[str]()
        waiting = self.references(schema)
        while waiting:
            found |= waiting
            waiting = set().union(*(self.references(self.schemas[name]) for name in waiting)) - found
        return found


def plain_name(name: str, where: str) -> str:
    """The name as Python can have it."""
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UnsupportedError(f"{where}: {name!r} is no name for Python")
    return name


def _operation(path: str, method: str, found: Json) -> Operation:
    name = found["operationId"]
    ok = found["responses"]["200"]["content"]
    also = tuple(
        int(status)
        for status, reply in found["responses"].items()
        if status != "200" and JSON in reply.get("content", {})
    )
    problems = [reply.get("content", {}).get(PROBLEM, {}) for reply in found["responses"].values()]
    return Operation(
        name=plain_name(name, path),
        tag=plain_name(found["tags"][0], path),
        method=method.upper(),
        path=path,
        description=found["description"],
        parameters=tuple(_parameter(entry, name) for entry in found.get("parameters", ())),
        body=_body(found.get("requestBody"), name),
        reply=ok[JSON]["schema"] if JSON in ok else None,
        also=also,
        codes=tuple(code for problem in problems for code in problem.get("examples", {})),
    )


def _parameter(found: Json, where: str) -> Parameter:
    wire, place, schema = found["name"], found["in"], found["schema"]
    if place not in {"path", "query", "header"} or (place == "header" and wire != "Idempotency-Key"):
        raise UnsupportedError(f"{where}: the {place} parameter {wire}")
    name = plain_name(wire.lower().replace("-", "_"), where)
    told = found.get("description") or schema.get("description", "")
    return Parameter(name, wire, place, found.get("required", False), schema, told)


def _body(found: Json | None, where: str) -> str | None:
    if found is None:
        return None
    schema = found["content"][JSON]["schema"]
    parts = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    if len(parts) != 1 or "$ref" not in parts[0]:
        raise UnsupportedError(f"{where}: a body that is not one schema")
    return str(parts[0]["$ref"]).removeprefix(PREFIX)


def _problem_examples(raw: list[tuple[str, str, Json]]) -> Mapping[str, Json]:
    """code -> an example of its problem, from the declared errors of all operations."""
    return {
        code: example["value"]
        for _, _, operation in raw
        for reply in operation["responses"].values()
        for code, example in reply.get("content", {}).get(PROBLEM, {}).get("examples", {}).items()
    }
