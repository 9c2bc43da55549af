"""`prismrec load`: histories of a data set into the store that the service reads."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prismrec import flags
from prismrec.bundles import opened_store, shown_store, store_for
from prismrec.config import read_config
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, histories, protocol_for, read
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    import polars as pl

    from service.store import Loaded, Source, Store
    from training.data.dataset import Dataset

LOOKED_AT = 200
ROWS_HASHED = 500_000


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(load)


def load(  # noqa: PLR0913 - each is an option
    context: typer.Context,
    data: flags.Data,
    *,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|FOLDER", help="Whose store: a model of PRISMREC_MODELS, or its folder models/NAME."),
    ] = None,
    store: flags.Store = None,
    merge: flags.Merge = False,
    restore_erased: flags.RestoreErased = False,
    items: flags.Items = None,
    max_bad: flags.MaxBad = 0.01,
    threshold: flags.Threshold = None,
) -> None:
    """Put what the users liked into the model's store, oldest first. What is there stays; twice is harmless.

    It may be interrupted: the same command goes on where it stopped. Users who were erased from the store stay erased,
    unless --restore-erased says otherwise; then it begins with the first one always.
    """
    session = session_of(context)
    choice = DataChoice(data, items, max_bad, threshold)
    url = store_of(model, store)
    dataset = read(session, choice)
    check_source(url, source_of(dataset), merge=merge)
    protocol = protocol_for(dataset, read_config(session.config), choice)
    done = load_histories(session, dataset, protocol.threshold, url, restore_erased=restore_erased)
    document = {"store": shown_store(url), **done}
    session.result(document, lambda console: console.print(in_words(document), soft_wrap=True))


def in_words(document: dict[str, Any]) -> str:
    """The result in a line: what was stored, what went out again, and what was never put in."""
    from service.limits import LIMITS

    text = "stored {stored} of {read} interactions of {users} users in {store} ({known} were there before)"
    if document["dropped"]:
        text += f"; then took out {{dropped}} that are older than the latest {LIMITS.history} of their user"
    if document["left_out"]:
        text += "; NOT loaded: {left_out_interactions} interactions of "
        text += " and ".join(f"{one['count']} {one['reason']}" for one in document["left_out"])
    return text.format(**document)


def store_of(model: str | None, store: str | None) -> str:
    """The store to load into. Raises CommandError when neither a store nor one model is named or known."""
    from bundle.reader import model_names
    from service.settings import load_settings

    settings = load_settings(store_url=store)
    if settings.store_url is not None:
        return store_for(store)
    named = model or settings.default_model
    there = model_names(settings.models)
    if named is not None:
        folder = Path(named) if len(Path(named).parts) > 1 else settings.models / named
        if not folder.is_dir():
            known = f"the models there are {', '.join(there[:10])}" if there else f"there is none in {settings.models}"
            raise CommandError(f"there is no model folder {folder}", hint=f"{known}; or name a store with --store URL")
        _check_model_folder(folder)
        return store_for(None, folder)
    if len(there) != 1:
        found = f"{settings.models} holds {len(there)} models" + (f" ({', '.join(there[:10])})" if there else "")
        raise CommandError(
            f"every model has a store of its own, and {found}",
            hint="say whose with --model NAME (or models/NAME), or name the store with --store URL",
        )
    return store_for(None, settings.models / there[0])


def _check_model_folder(folder: Path) -> None:
    """Raise CommandError for a version's folder, or one of models: a store beside it would be no model's."""
    from bundle import files
    from bundle.reader import model_names, versions

    if (folder / files.MANIFEST).is_file():
        raise CommandError(f"{folder} is a version, and a store is its model's", hint=f"say --model {folder.parent}")
    there = [] if versions(folder) else model_names(folder)
    if there:
        raise CommandError(f"{folder} is a folder of models", hint=f"say --model {folder / there[0]}")


def source_of(dataset: Dataset) -> Source:
    """The data set as the store remembers it."""
    from service.store import Source
    from training.data.fingerprint import fingerprint_of

    return Source(dataset.name, fingerprint_of(dataset))


def rows_id_of(table: pl.DataFrame) -> str:
    """Identifies these rows in this order: 32 hex digits. Another polars may give others: then nothing is skipped.

    Ids are hashed as text: a Categorical's numbers are those of this process.
    """
    import polars as pl

    digest = hashlib.sha256()
    for part in table.iter_slices(ROWS_HASHED):
        digest.update(part.cast({pl.Categorical: pl.String}).hash_rows(seed=0).to_numpy().tobytes())
    return digest.hexdigest()[:32]


def check_source(url: str, source: Source, *, merge: bool) -> None:
    """Raise CommandError when the store holds histories of another data set, unless they shall be merged."""
    if merge:
        return
    with opened_store(url) as opened:
        others = [there.name for there in opened.sources() if there.fingerprint != source.fingerprint]
    if others:
        raise CommandError(
            f"the store {shown_store(url)} holds histories of other data ({', '.join(others)}), and user ids that are"
            f" equal would become one user; asked for is {source.name}",
            hint="name another store with --store URL, or mix them on purpose with --merge (newer state of that data)",
        )


def load_histories(
    session: Session, dataset: Dataset, threshold: float | None, url: str, *, restore_erased: bool = False
) -> dict[str, Any]:
    """Load what was liked, or the rest of it where a load broke off.

    Returns counts read, skipped (stored by the load that broke off), stored, known (there before), erased (left out, as
    their users were erased), erased_users, dropped (taken out again, these or older ones, beyond a history's length),
    users, and who is left out: interactions, and users and items with the reason.
    """
    liked = histories(dataset, threshold)
    for reject in liked.left_out:
        session.note(f"  {reject.count} {reject.reason} are left out (e.g. {', '.join(reject.examples)})")
    table = liked.table
    with opened_store(url) as opened:
        mixed = [] if opened.sources() else strangers(opened, table)
        if mixed:
            session.note(
                f"warning: the store holds items of other data for users of the same id ({', '.join(mixed[:3])});"
                " their histories are now mixed. Name a store of its own with --store."
            )
        with session.progress("loading histories", len(table)) as reach:
            loaded = opened.load_many(
                table.iter_rows(),
                source=source_of(dataset),
                rows_id=rows_id_of(table),
                restore_erased=restore_erased,
                on_batch=reach,
            )
    tell(session, loaded)
    return {
        "read": loaded.read,
        "stored": loaded.stored,
        "skipped": loaded.skipped,
        "known": loaded.read - loaded.skipped - loaded.erased - loaded.stored,
        "erased": loaded.erased,
        "erased_users": loaded.erased_users,
        "dropped": loaded.dropped,
        "users": table["user_id"].n_unique(),
        "left_out_interactions": liked.n_left_out,
        "left_out": [asdict(reject) for reject in liked.left_out],
    }


def tell(session: Session, loaded: Loaded) -> None:
    """What is worth knowing of a load beside its counts."""
    from service.limits import LIMITS

    if loaded.skipped:
        session.note(f"  went on after {loaded.skipped} interactions that a load which broke off had stored")
    if loaded.erased:
        session.note(
            f"  {loaded.erased} interactions of {loaded.erased_users} users who were erased from the store are left"
            " out; --restore-erased would load them"
        )
    if loaded.dropped:
        session.note(
            f"  a history holds the latest {LIMITS.history} of its user: the {loaded.dropped} older ones that went out"
            " can be recommended again"
        )


def strangers(store: Store, rows: pl.DataFrame) -> list[str]:
    """Users of these rows (the first LOOKED_AT are looked at) whose stored history has items that no row has."""
    items = set(rows["item_id"].unique().to_list())
    users = rows["user_id"].unique(maintain_order=True).head(LOOKED_AT).to_list()
    return [user for user in users if not items.issuperset(store.history(user) or ())]
