"""The methods: for each tag a class that waits and one that is awaited."""

from __future__ import annotations

from collections.abc import Iterator

from prismrec.clientmaking.document import PREFIX, Document, Json, Operation, Parameter, UnsupportedError
from prismrec.clientmaking.models import imports_of, is_open, optional
from prismrec.clientmaking.texts import docstring, sentence
from prismrec.clientmaking.typing_of import alternatives, nullable, quoted, type_of

OPTIONS = "options: CallOptions | None = None"


def operation_modules(document: Document) -> dict[str, str]:
    """Module name -> its text, without a head; `__init__` puts the classes together."""
    made = {tag: _module(document, tag) for tag in document.tags}
    return made | {"__init__": _index(document)}


def _index(document: Document) -> str:
    tags = sorted(document.tags)
    imports = [f"from prismrec.client.operations.{tag} import {_name(tag, True)}, {_name(tag, False)}" for tag in tags]
    bases = {waits: ", ".join(_name(tag, waits) for tag in document.tags) for waits in (True, False)}
    return "\n".join(
        [
            '"""Every operation of the API as a method."""',
            "",
            *imports,
            "",
            '__all__ = ["API_VERSION", "AsyncOperations", "Operations"]',
            f"API_VERSION = {quoted(document.version)}",
            '"""The version of the API that these were made from."""',
            "",
            f"class Operations({bases[False]}):",
            docstring("All operations."),
            "",
            f"class AsyncOperations({bases[True]}):",
            docstring("All operations, to be awaited."),
            "",
        ]
    )


def _name(tag: str, awaited: bool) -> str:
    return f"{'Async' if awaited else ''}{tag.title()}Calls"


def _module(document: Document, tag: str) -> str:
    operations = [operation for operation in document.operations if operation.tag == tag]
    classes = [_class(document, tag, operations, awaited) for awaited in (False, True)]
    text = "\n\n\n".join(classes)
    models = {name for name in document.schemas if _mentions(text, name)}
    ours = [name for name in ("Call", "CallOptions", "Open", "segment") if _mentions(text, name)]
    pages = [name for name in ("async_pages", "pages") if f"{name}(" in text]
    imports = [
        imports_of(document, text, models),
        "from prismrec.client.asking import Asks, AsyncAsks",
        f"from prismrec.client.calls import {', '.join(ours)}",
        *([f"from prismrec.client.pages import {', '.join(pages)}"] if pages else []),
    ]
    return f'"""Operations of `{tag}`."""\n\n' + "\n".join(imports) + f"\n\n\n{text}\n"


def _mentions(text: str, name: str) -> bool:
    """Whether the name stands in it as a name of its own."""
    return any(not _joined(text, at, name) for at in _places(text, name))


def _places(text: str, name: str) -> Iterator[int]:
    at = text.find(name)
    while at >= 0:
        yield at
        at = text.find(name, at + 1)


def _joined(text: str, at: int, name: str) -> bool:
    before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
    return before.isalnum() or before in {"_", "`"} or after.isalnum() or after == "_"


def _class(document: Document, tag: str, operations: list[Operation], awaited: bool) -> str:
    base = "AsyncAsks" if awaited else "Asks"
    parts = [f"class {_name(tag, awaited)}({base}):", docstring(f"Operations of `{tag}`."), ""]
    for operation in operations:
        parts += [_method(document, operation, awaited), ""]
        if operation.name.startswith("list_") and any(p.wire == "cursor" for p in operation.parameters):
            parts += [_iterator(document, operation, awaited), ""]
    return "\n".join(parts).rstrip()


def _method(document: Document, operation: Operation, awaited: bool) -> str:
    reply = _reply(operation)
    arguments = ", ".join(["self", *_arguments(document, operation, operation.parameters), OPTIONS])
    asks = f"{'await ' if awaited else ''}self._ask({_call(document, operation)}, options)"
    return "\n".join(
        [
            f"    {'async ' if awaited else ''}def {operation.name}({arguments}) -> {reply}:",
            docstring(_told(operation, operation.parameters), 8),
            f"        return {asks}",
        ]
    )


def _iterator(document: Document, operation: Operation, awaited: bool) -> str:
    """All entries of a collection."""
    kept = tuple(p for p in operation.parameters if p.wire != "cursor")
    entry = _entry(document, operation)
    arguments = ", ".join(["self", *_arguments(document, operation, kept), OPTIONS])
    passed = "".join(f"{p.name}={p.name}, " for p in kept)
    again = f"self.{operation.name}({passed}cursor=cursor, options=options)"
    name = f"iter_{operation.name.removeprefix('list_')}"
    told = f"Every entry of `{operation.name}`, page after page; `limit` is the size of a page."
    return "\n".join(
        [
            f"    def {name}({arguments}) -> {'AsyncIterator' if awaited else 'Iterator'}[{entry}]:",
            docstring(told, 8),
            f"        return {'async_pages' if awaited else 'pages'}(lambda cursor: {again})",
        ]
    )


def _entry(document: Document, operation: Operation) -> str:
    schema = document.schemas[_reply(operation)]["properties"]["items"]["items"]
    return type_of(schema, asked=False, where=operation.name)


def _reply(operation: Operation) -> str:
    return "str" if operation.reply is None else type_of(operation.reply, asked=False, where=operation.name)


def _arguments(document: Document, operation: Operation, parameters: tuple[Parameter, ...]) -> Iterator[str]:
    """The path's parts and the body's needed members by place, all else by name; None = not sent."""
    where = operation.name
    for parameter in parameters:
        if parameter.place == "path":
            yield f"{parameter.name}: {type_of(parameter.schema, asked=True, where=where)}"
    members = list(document.members(operation.body)) if operation.body else []
    taken = [parameter.name for parameter in parameters] + [name for name, _, _ in members] + ["options"]
    if len(set(taken)) != len(taken):
        raise UnsupportedError(f"{where}: two arguments of one name among {taken}")
    asked = operation.body in document.asked - document.replied
    for name, schema, required in members:
        if required:
            yield f"{name}: {type_of(schema, asked=asked, where=where)}"
    yield "*"
    for name, schema, required in members:
        if not required:
            yield optional(name, schema, type_of(schema, asked=True, where=where))
    for parameter in parameters:
        if parameter.place == "header" or (parameter.place == "query" and not parameter.required):
            yield _optional(parameter, where)
        elif parameter.place == "query":
            yield f"{parameter.name}: {type_of(parameter.schema, asked=True, where=where)}"


def _optional(parameter: Parameter, where: str) -> str:
    """Outside of a body there is no null: None = not sent."""
    kind = type_of(parameter.schema, asked=True, where=where)
    return (
        f"{parameter.name}: {kind} = None" if nullable(parameter.schema) else f"{parameter.name}: {kind} | None = None"
    )


def _call(document: Document, operation: Operation) -> str:
    path = operation.path
    for parameter in operation.at("path"):
        path = path.replace("{" + parameter.wire + "}", "{segment(" + parameter.name + ")}")
    parts = [quoted(operation.name), quoted(operation.method), f"{'f' if '{' in path else ''}{quoted(path)}"]
    parts += [_reply(operation)]
    for place, word in (("query", "query"), ("header", "headers")):
        of_place = [f"{quoted(p.wire)}: {p.name}" for p in operation.at(place)]
        parts += [f"{word}={{{', '.join(of_place)}}}"] if of_place else []
    if operation.body:
        members = [f"{name}={name}" for name, _, _ in document.members(operation.body)]
        parts += [f"body={operation.body}({', '.join(members)})"]
    opens = [f"Open(({''.join(f'{quoted(p)}, ' for p in path)}), {name})" for path, name in _opens(document, operation)]
    parts += [f"opens=({', '.join(opens)},)"] if opens else []
    parts += [f"also={operation.also!r}"] if operation.also else []
    return f"Call({', '.join(parts)})"


def _opens(document: Document, operation: Operation) -> list[tuple[tuple[str, ...], str]]:
    """The ways through a reply to each schema with further members."""
    return list(_ways(document, operation.reply or {}, ()))


def _ways(document: Document, schema: Json, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PREFIX)
        if is_open(document, name):
            yield way, name
        for member, of_member, _ in document.members(name):
            yield from _ways(document, of_member, (*way, member))
    for part in alternatives(schema):
        yield from _ways(document, part, way)
    if schema.get("type") == "array":
        yield from _ways(document, schema["items"], way)


def _told(operation: Operation, parameters: tuple[Parameter, ...]) -> str:
    told = []
    for parameter in parameters:
        default = parameter.schema.get("default")
        shown = "" if default in (None, "") else f" Default: {default}."
        told += [f"{parameter.name}: {sentence(parameter.description)}{shown}"] if parameter.description else []
    told += [f"The other arguments are the members of {operation.body}."] if operation.body else []
    problems = [f"Problems: {', '.join(operation.codes)}."] if operation.codes else []
    return "\n\n".join([sentence(operation.description), *told, *problems])
