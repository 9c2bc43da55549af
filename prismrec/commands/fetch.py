"""`prismrec fetch`: a bundle from a URL into the models folder, verified, then made current."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bundle.reader import read_bundle
from prismrec.globals import EPILOG
from prismrec.session import session_of

Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="A version's folder, .../models/demo/1, or a model's (its `current` one): file://, https://, s3://, gs://",
    ),
]


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(fetch)


def fetch(
    context: typer.Context,
    url: Url,
    *,
    models: Annotated[Path, typer.Option(envvar="PRISMREC_MODELS", help="Folder of models to put it in.")] = Path(
        "models"
    ),
) -> None:
    """Fetch a bundle, verify every hash, then give it its place and make it current: whole, or not at all."""
    from prismrec.fetch_errors import quiet_libraries
    from prismrec.fetching import find_source, take

    session = session_of(context)
    with quiet_libraries(quiet=not session.verbose):
        source = find_source(url)
        size = sum(entry.size for entry in source.manifest.files.values())
        with session.progress(f"fetching {source.shown}", size) as reach:
            folder = take(source, models, tell=reach)
    found = read_bundle(folder)
    document = {
        "bundle": str(folder),
        "model": found.manifest.name,
        "version": found.manifest.version,
        "bundle_id": found.bundle_id,
        "bytes": size,
    }
    session.result(document, lambda console: console.print(f"{folder}: bundle {found.bundle_id}", soft_wrap=True))
