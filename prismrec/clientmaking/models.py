"""The models: one frozen struct for each schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from prismrec.clientmaking.document import Document, Json, UnsupportedError
from prismrec.clientmaking.texts import docstring, sentence
from prismrec.clientmaking.typing_of import alternatives, enumeration, nullable, quoted, type_of

FURTHER = "fields"
"""The member that takes what a reply's object has beside its own members."""
Modules = Mapping[str, str]


def model_modules(document: Document) -> dict[str, str]:
    """Module name -> its text, without a head; `__init__` names all models."""
    by_module: dict[str, list[str]] = {}
    for name in sorted(document.schemas):
        by_module.setdefault(document.module_of(name), []).append(name)
    made = {module: _module(document, module, names) for module, names in sorted(by_module.items())}
    return made | {"__init__": _index(by_module)}


def is_open(document: Document, name: str) -> bool:
    """Whether objects of this schema have members beside their own ones."""
    return isinstance(document.schemas[name].get("additionalProperties"), Mapping)


def _index(by_module: Mapping[str, list[str]]) -> str:
    imports = [f"from prismrec.client.models.{module} import {', '.join(n)}" for module, n in sorted(by_module.items())]
    names = sorted(name for listed in by_module.values() for name in listed)
    listed = ", ".join(quoted(name) for name in names)
    return '"""Models of requests and replies."""\n\n' + "\n".join(imports) + f"\n\n__all__ = [{listed}]\n"


def _module(document: Document, module: str, names: list[str]) -> str:
    classes = [_class(document, name) for name in names]
    text = "\n\n\n".join(classes)
    used = set().union(*(document.references(document.schemas[name]) for name in names)) - set(names)
    title = "several resources" if module == "shared" else f"`{module}`"
    return f'"""Models of {title}."""\n\n{imports_of(document, text, used)}\n\n\n{text}\n'


def imports_of(document: Document, text: str, models: set[str]) -> str:
    """The import lines that a generated text needs; `models`: the models of other modules in it."""
    lines = ["from __future__ import annotations", ""]
    abstract = [name for name in ("AsyncIterator", "Iterator", "Mapping", "Sequence") if _names(text, name)]
    typed = [name for name in ("ClassVar", "Literal") if _names(text, name)]
    typed = ["Any", *typed] if re.search(r"\bAny\b", text) else typed
    lines += [f"from collections.abc import {', '.join(abstract)}"] if abstract else []
    lines += [f"from typing import {', '.join(typed)}"] if typed else []
    lines += ["", "import msgspec", ""] if "msgspec." in text else [""]
    by_module: dict[str, list[str]] = {}
    for name in sorted(models):
        by_module.setdefault(document.module_of(name), []).append(name)
    lines += [f"from prismrec.client.models.{module} import {', '.join(n)}" for module, n in sorted(by_module.items())]
    bases = [name for name in ("Asked", "Reply") if f"({name}," in text]
    lines += [f"from prismrec.client.structs import {', '.join(bases)}"] if bases else []
    return "\n".join(lines)


def _names(text: str, name: str) -> bool:
    return f"{name}[" in text


def _class(document: Document, name: str) -> str:
    schema = document.schemas[name]
    only_asked = name in document.asked - document.replied
    base = "Asked" if name in document.asked else "Reply"
    tag = _tag(document, name)
    extra = f", tag_field={quoted(tag[0])}, tag={quoted(tag[1])}" if tag else ""
    told = docstring(sentence(schema.get("description") or name))
    lines = [f"class {name}({base}, frozen=True, kw_only=True{extra}):", told, ""]
    for member, of_member, required in document.members(name):
        if tag and member == tag[0]:
            lines += [f"    {member}: ClassVar[str] = {quoted(tag[1])}"]
            lines += _told(of_member)
        else:
            lines += _member(member, of_member, required, asked=only_asked, where=f"{name}.{member}")
    if is_open(document, name):
        lines += _further(name, schema)
    return "\n".join(lines).rstrip()


def _member(name: str, schema: Json, required: bool, *, asked: bool, where: str) -> Iterator[str]:
    if name == FURTHER and not asked:
        raise UnsupportedError(f"{where}: the name is taken by the further members of an object")
    kind = type_of(schema, asked=asked, where=where)
    if required:
        yield f"    {name}: {kind}"
    elif asked:
        yield f"    {optional(name, schema, kind)}"
    else:
        yield f"    {name}: {_with_default(schema, kind)}"
    yield from _told(schema, asked=asked)


def _told(schema: Json, *, asked: bool = False) -> Iterator[str]:
    told = sentence(schema.get("description", ""))
    values = enumeration(schema)
    if values and not asked:
        told = f"{told} One of: {', '.join(str(value) for value in values)}.".strip()
    if asked and "default" in schema:
        told = f"{told} Default: {schema['default']}.".strip()
    if told:
        yield docstring(told)


def optional(name: str, schema: Json, kind: str) -> str:
    """A member of a request that need not be given: None = not sent, or UNSET where null says something of its own."""
    if not nullable(schema):
        return f"{name}: {kind} | None = None"
    if schema.get("default") is None:
        return f"{name}: {kind} = None"
    return f"{name}: {kind} | msgspec.UnsetType = msgspec.UNSET"


def _with_default(schema: Json, kind: str) -> str:
    """Annotation and default of a member of a reply that need not come."""
    default = schema.get("default")
    if isinstance(default, str | int | float):
        return f"{kind} = {quoted(default)}"
    if schema.get("type") in {"array", "object"} and not default:
        return f"{kind} = msgspec.field(default_factory={'list' if schema['type'] == 'array' else 'dict'})"
    return f"{kind} = None" if nullable(schema) else f"{kind} | None = None"


def _further(name: str, schema: Json) -> Iterator[str]:
    """`Any`, as what a later service adds to these objects comes among them, whatever it is."""
    kind = type_of(schema["additionalProperties"], asked=False, where=name)
    yield f"    {FURTHER}: dict[str, Any] = msgspec.field(default_factory=dict)"
    yield docstring(f"The further members of the object, such as the catalogue's fields: {kind}.")


def _tag(document: Document, name: str) -> tuple[str, str] | None:
    """The member that tells a schema apart from the others that may stand in its place: (name, value)."""
    beside = [
        parts
        for operation in document.operations
        for parts in [alternatives(operation.reply or {})]
        if len(parts) > 1 and name in document.references(list(parts))
    ]
    if not beside or not any(part.get("$ref", "").endswith(f"/{name}") for parts in beside for part in parts):
        return None
    constants = [(m, of["const"]) for m, of, _ in document.members(name) if "const" in of]
    if len(constants) != 1:
        raise UnsupportedError(f"{name}: one of several replies without one constant that tells it apart")
    return constants[0]
