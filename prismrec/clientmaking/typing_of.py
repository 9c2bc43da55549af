"""Python's types for the schemas' ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prismrec.clientmaking.document import PREFIX, Json, UnsupportedError

SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
NULL = "None"


def type_of(schema: Json, *, asked: bool, where: str) -> str:
    """The annotation of a schema. asked: it is only sent, so it may be wide in kinds and narrow in values.

    An enumeration in a reply is `str`: a value that is added to it must not break an older client.
    """
    return " | ".join(_parts(schema, asked, where))


def _parts(schema: Json, asked: bool, where: str) -> list[str]:
    if "$ref" in schema:
        return [schema["$ref"].removeprefix(PREFIX)]
    if alternatives(schema):
        found = [part for entry in alternatives(schema) for part in _parts(entry, asked, where)]
        return sorted(dict.fromkeys(found), key=lambda part: part == NULL)
    kind = schema.get("type")
    if kind == "array" and "items" in schema:
        entry = type_of(schema["items"], asked=asked, where=where)
        return [f"{'Sequence' if asked else 'list'}[{entry}]"]
    if kind == "object":
        value = type_of(_values(schema, where), asked=asked, where=where)
        return [f"{'Mapping' if asked else 'dict'}[str, {value}]"]
    if "enum" in schema and asked:
        return [f"Literal[{', '.join(quoted(value) for value in schema['enum'])}]"]
    if kind in SIMPLE or not schema:
        return [SIMPLE.get(str(kind), "Any")]
    raise UnsupportedError(f"{where}: a schema of the kind {sorted(schema)}")


def _values(schema: Json, where: str) -> Json:
    """The schema of the values of an object that is a mapping."""
    patterns = list(schema.get("patternProperties", {}).values())
    further = schema.get("additionalProperties", False)
    found = patterns or ([] if further is False else [{} if further is True else further])
    if len(found) != 1 or schema.get("properties"):
        raise UnsupportedError(f"{where}: an object that is neither a schema of its own nor a mapping of one kind")
    return dict(found[0])


def alternatives(schema: Json) -> Sequence[Json]:
    """The schemas of which a value fits one; empty where there is no choice."""
    found: Sequence[Json] = schema.get("anyOf") or schema.get("oneOf") or ()
    return found


def nullable(schema: Json) -> bool:
    """Whether null is among its values."""
    return schema.get("type") == "null" or any(nullable(part) for part in alternatives(schema))


def enumeration(schema: Json) -> list[Any]:
    """The values of an enumeration, or of one beside null; empty where it is none."""
    own: list[Any] = list(schema.get("enum", ()))
    return own or [value for part in alternatives(schema) for value in part.get("enum", ())]


def quoted(value: Any) -> str:
    """A literal with the quotes that the formatter would give it."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
