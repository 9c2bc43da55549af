"""`prismrec fetch`: a bundle from a URL into the models folder, verified, then made current."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bundle.reader import read_bundle
from prismrec import flags
from prismrec.globals import EPILOG
from prismrec.session import session_of
from prismrec.standing import standing_of

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
    no_current: flags.NoCurrent = False,
) -> None:
    """Fetch a bundle, verify every hash, then give it its place and make it current: whole, or not at all."""
    from prismrec.fetch_errors import quiet_libraries
    from prismrec.fetching import find_source, take

    session = session_of(context)
    with quiet_libraries(quiet=not session.verbose):
        source = find_source(url)
        size = sum(entry.size for entry in source.manifest.files.values())
        with session.progress(f"fetching {source.shown}", size) as reach:
            folder = take(source, models, make_current=not no_current, tell=reach)
    found, standing = read_bundle(folder), standing_of(folder)
    document = {
        "bundle": str(folder),
        "model": found.manifest.name,
        "version": found.manifest.version,
        "bundle_id": found.bundle_id,
        "current": standing.current,
        "bytes": size,
    }
    line = f"{folder}: bundle {found.bundle_id}; {standing.words}"
    session.result(document, lambda console: console.print(line, soft_wrap=True))
