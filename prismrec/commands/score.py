"""`prismrec score`: the lists of all users, into Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prismrec import flags
from prismrec.bundles import find_bundle
from prismrec.config import read_config
from prismrec.failures import CommandError, InterruptedVerbError
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, protocol_for, read
from prismrec.session import Session, session_of
from prismrec.stages import timed

if TYPE_CHECKING:
    import polars as pl

    from prismrec.scoring.histories import Histories
    from prismrec.scoring.lists import Lists, Part
    from prismrec.scoring.parts import Parts
    from service.engine import LoadedBundle

BATCH = 4096


@dataclass(frozen=True, slots=True)
class Where:
    """Where the work is done. workers: processes, None = not said."""

    workers: int | None
    ray: bool


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(score)


def score(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    data: flags.Data,
    *,
    bundle: Annotated[
        Path,
        typer.Option("--bundle", "--model", metavar="BUNDLE", help="A bundle folder, or a model's (its current one)."),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FOLDER|FILE.parquet", help="Parts in a folder, or one file of them.")
    ],
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="Length of each list.")] = 100,
    include_seen: Annotated[bool, typer.Option("--include-seen", help="List what users have, too.")] = False,
    batch: Annotated[
        int, typer.Option(min=1, help="Users in a part: what an interruption costs, and what is in memory at a time.")
    ] = BATCH,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes (default 1; with --ray all CPUs there).")
    ] = None,
    ray: Annotated[bool, typer.Option("--ray", help="On Ray: this machine, or the cluster of RAY_ADDRESS.")] = False,
    max_bad: flags.MaxBad = 0.01,
    threshold: flags.Threshold = None,
) -> None:
    """Lists for every user in DATA, from what they liked there: rows user_id, rank, item_id, score, source.

    Needs no torch. Ctrl-C keeps the finished parts, and the same command goes on with the others.
    """
    from prismrec.scoring.lists import Lists
    from prismrec.scoring.on_ray import check_ray
    from service.bundles.loader import load_bundle
    from service.limits import LIMITS

    session = session_of(context)
    if ray:
        check_ray()
    if n > LIMITS.n:
        raise CommandError(f"-n {n}: a list has at most {LIMITS.n} items", hint=f"ask for {LIMITS.n} or fewer")
    engine = load_bundle(find_bundle(bundle))
    table = liked(session, DataChoice(data, max_bad=max_bad, threshold=threshold))
    lists = Lists(n, include_seen)
    with timed(session, "score"):
        document = scored(session, Scoring(engine, lists, batch, out), table, Where(workers, ray))
    text = "{out}: {rows} rows, up to {n} items for each of {users} users, by bundle {bundle_id}"
    session.result(document, lambda console: console.print(text.format(**document), soft_wrap=True))


@dataclass(frozen=True, slots=True)
class Scoring:
    """What is asked for: the lists, by whom, in parts of `batch` users, and where they go."""

    engine: LoadedBundle
    lists: Lists
    batch: int
    out: Path


def liked(session: Session, choice: DataChoice) -> pl.DataFrame:
    """What counts as a history: the interactions that reach the threshold, as `prismrec load` stores them."""
    import polars as pl

    dataset = read(session, choice)
    threshold = protocol_for(dataset, read_config(session.config), choice).threshold
    table = dataset.interactions
    return table if threshold is None else table.filter(pl.col("rating") >= threshold)


def scored(session: Session, asked: Scoring, table: pl.DataFrame, where: Where) -> dict[str, Any]:
    """Make the parts that are missing, and the document that says what there is now."""
    from prismrec.scoring.histories import histories_of
    from prismrec.scoring.parts import Job, Parts

    if len(table) == 0:
        raise CommandError("no interaction reaches the threshold", hint="lower it, or say --threshold none")
    histories = histories_of(table, asked.engine.catalogue.ids)
    job = Job(
        bundle_id=asked.engine.bundle_id,
        histories=histories.fingerprint,
        n_users=len(histories),
        n=asked.lists.n,
        include_seen=asked.lists.include_seen,
        batch=asked.batch,
    )
    parts = Parts(asked.out, job)
    missing = parts.begin()
    _say(session, histories, parts, missing)
    _make(session, parts, made(asked, histories, missing, where), n_missing=len(missing))
    return {
        "out": str(asked.out),
        "bundle_id": job.bundle_id,
        "users": job.n_users,
        "rows": parts.finish(),
        "parts": job.n_parts,
        "n": job.n,
        "users_without_history": histories.n_without,
        "unknown_items": histories.n_unknown,
    }


def made(asked: Scoring, histories: Histories, missing: list[int], where: Where) -> Iterator[Part]:
    """The missing parts, where they shall be made, in the order in which they get done."""
    from prismrec.scoring import local
    from prismrec.scoring.on_ray import on_ray

    chunks, folder = histories.each(asked.batch, missing), asked.engine.bundle.folder
    if where.ray and missing:
        return on_ray(folder, chunks, asked.lists, workers=where.workers)
    workers = min(where.workers or 1, len(missing))
    if workers > 1:
        return local.in_processes(folder, chunks, asked.lists, workers=workers)
    return local.here(asked.engine, chunks, asked.lists)


def _say(session: Session, histories: Histories, parts: Parts, missing: list[int]) -> None:
    if histories.n_unknown:
        session.note(f"  {histories.n_unknown} interactions are with items that the bundle does not have: left out")
    if histories.n_without:
        session.note(f"  {histories.n_without} users have nothing else: their list is the popular items")
    if histories.older:
        session.note(f"  {len(histories.older)} users have more than is encoded; the rest is only kept off their lists")
    kept = parts.job.n_parts - len(missing)
    if kept:
        session.note(f"  {kept} of {parts.job.n_parts} parts are there already and kept")


def _make(session: Session, parts: Parts, found: Iterator[Part], *, n_missing: int) -> None:
    done = parts.job.n_parts - n_missing
    try:
        with session.progress("scored parts", parts.job.n_parts) as reach, closing(found):  # type: ignore[type-var]
            for part in found:
                parts.write(part)
                done += 1
                reach(done)
    except KeyboardInterrupt:
        raise InterruptedVerbError(
            hint=f"run the same command again: {done} of {parts.job.n_parts} parts are finished and kept"
        ) from None
    except BrokenProcessPool as error:
        raise CommandError(
            "a process that scored was ended from outside; its memory may have run out",
            hint="use fewer --workers or a smaller --batch in a new --out; the same command goes on with what is left",
        ) from error
