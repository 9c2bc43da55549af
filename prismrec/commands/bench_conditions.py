"""`prismrec bench-conditions`: finished runs and baselines asked for values of an attribute, as a page of results."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prismrec import flags
from prismrec.commands.evaluate import baselines_of
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.session import session_of

if TYPE_CHECKING:
    from training.bench.conditions_page import Provenance
    from training.bench.contenders import Inquiry, Wanted
    from training.run_folder import RunFolder

BASELINES = "ease,als"


def register(app: typer.Typer) -> None:
    app.command(name="bench-conditions", epilog=EPILOG)(bench_conditions)


def bench_conditions(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUNS...", help="Run folders, or folders of them, as bench leaves one.")
    ],
    *,
    results: Annotated[Path, typer.Option(metavar="STEM", help="Write STEM.md and its twin STEM.json.")],
    part: Annotated[Literal["test", "validation"], typer.Option(help="Which held-out users.")] = "test",
    baselines: Annotated[
        str, typer.Option(metavar="A,B", help="Fitted now, asked with a filter; or none.")
    ] = BASELINES,
    pairs: Annotated[int, typer.Option(min=0, help="Most pairs of values that are asked for.")] = 20,
    condition: flags.Condition = None,
    flagship: Annotated[str | None, typer.Option(metavar="KIND", help="The model that is marked as ours.")] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="A sentence for the page.")] = None,
) -> None:
    """Does a list obey when it is asked for a value or for two, and is it still good? By condition input and by filter.

    Every run in one folder must be of one split; the seeds of a model are averaged.
    """
    from training.bench.conditions_page import write_conditions
    from training.bench.contenders import Wanted, finished_runs, inquire

    session = session_of(context)
    if session.config is not None or session.seed is not None:
        raise CommandError("bench-conditions takes neither -c nor --seed", hint="the runs have their own")
    wanted = Wanted(part, baselines_of(baselines), pairs, condition or "genre")
    found = finished_runs(runs, session.note)
    kinds = {run.load_info().kind for run in found}
    if flagship is not None and flagship not in kinds:
        raise CommandError(
            f"there is no run of the flagship {flagship!r}", hint=f"there are {', '.join(sorted(kinds))}"
        )
    inquiry = inquire(found, wanted, session.note)
    pages = write_conditions(results, inquiry, _provenance(found[0], wanted, inquiry, flagship=flagship, note=note))
    session.result(
        {"pages": [str(page) for page in pages], **json.loads(pages[1].read_text("utf-8"))},
        lambda console: console.print(pages[0].read_text("utf-8"), soft_wrap=True, markup=False),
    )


def _provenance(
    run: RunFolder, wanted: Wanted, inquiry: Inquiry, *, flagship: str | None, note: str | None
) -> Provenance:
    from training.bench.conditions_page import Provenance
    from training.machine import machine
    from training.provenance import code_digest, git_state, library_versions

    git, libraries, data = git_state(), library_versions(), run.load_info().data
    return Provenance(
        command=shlex.join(["prismrec", *sys.argv[1:]]),
        data=data.name,
        fingerprint=data.fingerprint,
        part=wanted.part,
        n_users=inquiry.n_users,
        ran_on=machine(libraries),
        libraries=libraries,
        git=None if git is None else {"commit": git.commit, "dirty": git.dirty},
        code=code_digest(),
        flagship=flagship,
        note=note,
    )
