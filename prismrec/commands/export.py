"""`prismrec export`: a run to a bundle that the service can load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bundle.reader import read_bundle
from prismrec import flags, stages
from prismrec.globals import EPILOG
from prismrec.session import session_of
from prismrec.standing import standing_of


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(export)


def export(
    context: typer.Context,
    run: flags.Run,
    *,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The model's folder (default models/<name>).")] = None,
    version: Annotated[str | None, typer.Option(help="Default: the next whole number. Never written over.")] = None,
    force: flags.Force = None,
    no_current: flags.NoCurrent = False,
) -> None:
    """Write models/<name>/<version>: graphs checked against torch on golden users, hashed, made current.

    A service that runs on that folder takes up what is current by itself; --no-current leaves that as it is.
    """
    from training.run_folder import RunFolder

    session = session_of(context)
    folder = RunFolder(run)
    target = out or Path("models") / folder.load_info().name
    made = stages.export(session, folder, target, version=version, force=force, make_current=not no_current)
    found = read_bundle(made)
    standing = standing_of(made)
    document = {
        "bundle": str(made),
        "bundle_id": found.bundle_id,
        "version": found.manifest.version,
        "current": standing.current,
    }

    def show(console: Console) -> None:
        console.print(f"{made}: bundle {found.bundle_id}; {standing.words}", soft_wrap=True)
        console.print(f"next: prismrec verify {made}", soft_wrap=True)

    session.result(document, show)
