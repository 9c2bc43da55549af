"""`python -m service.http.openapi_file [--check] openapi/openapi.json`: write the API's document, or compare it."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from service.app import create_app
from service.errors import StorageUnavailableError
from service.http.openapi import build_openapi
from service.settings import Settings
from service.store.broken import BrokenStore

USAGE = "error: one file is needed\nhint: python -m service.http.openapi_file [--check] openapi/openapi.json\n"


def document() -> str:
    """The OpenAPI document of this code, as it is committed."""
    with tempfile.TemporaryDirectory() as nowhere:
        settings = Settings(models=Path(nowhere), poll_seconds=0)
        app = create_app(settings, store=BrokenStore(StorageUnavailableError("not opened")))
        return json.dumps(build_openapi(app), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """0 = written or equal, 1 = the file differs, 2 = bad use."""
    check = "--check" in arguments
    paths = [argument for argument in arguments if not argument.startswith("-")]
    if len(paths) != 1 or set(arguments) - set(paths) - {"--check"}:
        sys.stderr.write(USAGE)
        return 2
    path, made = Path(paths[0]), document()
    if not check:
        path.write_text(made, encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == made:
        return 0
    sys.stderr.write(f"error: {path} is not what the code makes\nhint: run `make openapi` and commit the result\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
