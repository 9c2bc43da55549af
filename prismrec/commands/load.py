"""`prismrec load`: histories of a data set into the store that the service reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from prismrec import flags
from prismrec.bundles import opened_store
from prismrec.config import read_config
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, histories, protocol_for, read
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from service.store import Store

Row = tuple[str, str, int | None]
LOOKED_AT = 200


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


def load_histories(session: Session, rows: list[Row], store: str | None) -> dict[str, int]:
    """Load the rows; returns counts read, stored, known (there before), dropped, users."""
    with opened_store(store) as opened:
        mixed = strangers(opened, rows)
        if mixed:
            session.note(
                f"warning: the store holds items of other data for users of the same id ({', '.join(mixed[:3])});"
                " their histories are now mixed. Name a store of its own with --store."
            )
        with session.progress("loading histories", len(rows)) as reach:
            loaded = opened.load_many(rows, on_batch=reach)
    return {
        "read": loaded.read,
        "stored": loaded.stored,
        "known": loaded.read - loaded.stored,
        "dropped": loaded.dropped,
        "users": len({user for user, _, _ in rows}),
    }


def strangers(store: Store, rows: list[Row]) -> list[str]:
    """Users of these rows (the first LOOKED_AT are looked at) whose stored history has items that no row has."""
    items = {item for _, item, _ in rows}
    users = list(dict.fromkeys(user for user, _, _ in rows))[:LOOKED_AT]
    return [user for user in users if not items.issuperset(store.history(user) or ())]
