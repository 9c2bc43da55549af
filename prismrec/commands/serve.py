"""`prismrec serve`: the service, with flags over the PRISMREC_* variables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prismrec import flags
from prismrec.globals import EPILOG
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from service.settings import Settings


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(serve)


def serve(
    context: typer.Context,
    *,
    models: Annotated[Path | None, typer.Option(help="Folder of models (PRISMREC_MODELS, else models).")] = None,
    model: Annotated[str | None, typer.Option(help="Which of them (PRISMREC_MODEL, else the only one).")] = None,
    store: flags.Store = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (PRISMREC_HOST, else 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port (PRISMREC_PORT, else 8000).")] = None,
) -> None:
    """Serve a model over HTTP until Ctrl-C. Every setting of PRISMREC_* applies; these flags go before them.

    `prismrec doctor` takes the same flags and says beforehand what would not do.
    """
    from service.settings import load_settings
    from service.starting import check_models, missing_models

    session = session_of(context)
    settings = load_settings(models=models, model=model, store_url=store, host=host, port=port)
    check_models(settings)
    if model is not None:  # somebody typed it, and looks at the screen; a variable may be ahead of its model
        for missing in missing_models(settings):
            raise missing.error
    run_service(session, settings)


def run_service(session: Session, settings: Settings) -> None:
    """Serve until told to stop; leaves with the service's exit code. Ctrl-C is the ordinary way to stop it."""
    from service.__main__ import serve as run

    def say(host: str, port: int) -> None:
        session.note(
            f"serving {settings.models} on http://{f'[{host}]' if ':' in host else host}:{port} (Ctrl-C stops)"
        )

    try:
        code = run(settings, on_listening=say)
    except KeyboardInterrupt:
        code = 0
    raise typer.Exit(code)
