"""No request can make the service open an address or unpack an archive: it has no such field and no such code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "openapi" / "openapi.json").read_text("utf-8"))
FORMATS = frozenset(
    {"uri", "uri-reference", "uri-template", "iri", "iri-reference", "url", "hostname", "ipv4", "ipv6", "binary"}
)
NAMES = re.compile(r"(^|_)(ur[il]|href|link|host|address|path|file|folder|location|webhook|callback)s?($|_)")
CALLERS = frozenset(
    {"urllib.request", "http.client", "ftplib", "smtplib", "xmlrpc", "fsspec", "httpx", "requests", "aiohttp"}
)
UNPACKERS = frozenset({"pickle", "shelve", "marshal", "zipfile", "tarfile", "joblib", "shutil", "gzip", "bz2", "lzma"})


def located(document: Any, at: str = "") -> Iterator[str]:
    """Where a document has a member that is, by its format or its name, a place to fetch from."""
    if isinstance(document, dict):
        if document.get("format") in FORMATS:
            yield f"{at}: format {document['format']}"
        for name in document.get("properties", {}) if isinstance(document.get("properties"), dict) else ():
            if NAMES.search(name):
                yield f"{at}.{name}"
        if "in" in document and NAMES.search(str(document.get("name", ""))):
            yield f"{at}: parameter {document['name']}"
        for name, inside in document.items():
            yield from located(inside, f"{at}/{name}")
    elif isinstance(document, list):
        for number, inside in enumerate(document):
            yield from located(inside, f"{at}/{number}")


def imported(code: str) -> set[str]:
    """Every module that a piece of code imports, and each of its parents."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            found |= {".".join(parts[: n + 1]) for n in range(len(parts))}
    return found


def test_no_operation_takes_or_gives_an_address() -> None:
    requests = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(requests) > 20
    assert list(located(DOCUMENT["paths"])) == []
    assert list(located(DOCUMENT["components"])) == ["/schemas/FileHash.file"]  # of a reply: which of a bundle's files


def test_address_in_a_document_is_found() -> None:
    body = {"properties": {"bundle_url": {"type": "string"}, "at": {"anyOf": [{"type": "string", "format": "uri"}]}}}
    assert list(located(body)) == [".bundle_url", "/properties/at/anyOf/0: format uri"]
    assert list(located([{"in": "query", "name": "path"}])) == ["/0: parameter path"]


def test_service_imports_nothing_that_calls_out_or_unpacks() -> None:
    found = {path: imported(path.read_text("utf-8")) for path in sorted((ROOT / "service").rglob("*.py"))}
    assert len(found) > 50
    assert {
        str(path): names & (CALLERS | UNPACKERS) for path, names in found.items() if names & (CALLERS | UNPACKERS)
    } == {}


def test_import_that_is_hidden_in_a_function_is_found() -> None:
    code = "def f():\n    from urllib import request\n    import xmlrpc.client\n    import os.path\n"
    assert imported(code) & CALLERS == {"urllib.request", "xmlrpc"}
