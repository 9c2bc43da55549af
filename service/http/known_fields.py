"""Which fields a request's schema has at a place: told to who sent another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

Json = Mapping[str, Any]


def fields_at(model: type[BaseModel], path: Sequence[int | str]) -> tuple[str, ...]:
    """The fields of the object at `path` of a body of this model, as they are declared; () where none are.

    path  names of fields and places in lists, as pydantic's `loc` has them after "body"
    """
    schema = _schema(model)
    nodes: list[Json] = [schema]
    for part in path:
        nodes = [below for node in nodes for one in _resolved(schema, node) for below in _below(one, part)]
    found = [name for node in nodes for one in _resolved(schema, node) for name in one.get("properties", ())]
    return tuple(dict.fromkeys(found))


@cache
def _schema(model: type[BaseModel]) -> Json:
    return model.model_json_schema()


def _resolved(schema: Json, node: Json) -> Iterator[Json]:
    """The node, or what it refers to; each of several it may be. Schemas that only narrow others name no new fields."""
    if "$ref" in node:
        yield from _resolved(schema, schema["$defs"][node["$ref"].rsplit("/", 1)[1]])
    elif "properties" in node or "items" in node:
        yield node
    else:
        for one in node.get("anyOf", ()):
            yield from _resolved(schema, one)


def _below(node: Json, part: int | str) -> Iterator[Json]:
    if isinstance(part, int):
        if "items" in node:
            yield node["items"]
    elif part in node.get("properties", {}):
        yield node["properties"][part]
