"""`prismrec load`: histories of a data set into the store that the service reads."""

from __future__ import annotations

import typer

from prismrec import flags
from prismrec.bundles import opened_store
from prismrec.config import read_config
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, histories, protocol_for, read
from prismrec.session import Session, session_of


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(load)


def load(
    context: typer.Context,
    data: flags.Data,
    *,
    store: flags.Store = None,
    items: flags.Items = None,
    max_bad: flags.MaxBad = 0.01,
    threshold: flags.Threshold = None,
) -> None:
    """Put what the users liked into the store, oldest first. What is there stays; running it twice is harmless."""
    session = session_of(context)
    choice = DataChoice(data, items, max_bad, threshold)
    dataset = read(session, choice)
    protocol = protocol_for(dataset, read_config(session.config), choice)
    document = load_histories(session, list(histories(dataset, protocol.threshold)), store)
    text = (
        "stored {stored} of {read} interactions of {users} users ({known} were there, {dropped} past a history's limit)"
    )
    session.result(document, lambda console: console.print(text.format(**document)))


def load_histories(session: Session, rows: list[tuple[str, str, int | None]], store: str | None) -> dict[str, int]:
    """Load the rows; returns counts read, stored, known (there before), dropped, users."""
    with opened_store(store) as opened, session.progress("loading histories", len(rows)) as reach:
        loaded = opened.load_many(rows, on_batch=reach)
    return {
        "read": loaded.read,
        "stored": loaded.stored,
        "known": loaded.read - loaded.stored,
        "dropped": loaded.dropped,
        "users": len({user for user, _, _ in rows}),
    }
