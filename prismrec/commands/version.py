"""`prismrec version`."""

from __future__ import annotations

import platform
from importlib import metadata

import typer

from bundle import FORMAT_VERSION
from prismrec.globals import EPILOG
from prismrec.session import session_of


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(version)


def version(context: typer.Context) -> None:
    """The versions of prismrec, of the bundle format that it reads, and of Python."""
    document = {
        "prismrec": metadata.version("prismrec"),
        "bundle_format": FORMAT_VERSION,
        "python": platform.python_version(),
    }
    text = "prismrec {prismrec} (bundle format {bundle_format}, Python {python})".format(**document)
    session_of(context).result(document, lambda console: console.print(text))
