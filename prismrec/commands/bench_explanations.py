"""`prismrec bench-explanations`: how good the explanations of finished runs are, as a page."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prismrec.commands.train import RUNS
from prismrec.failures import CommandError, InterruptedVerbError
from prismrec.globals import EPILOG
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from prismrec.explaining.contenders import Contender
    from prismrec.explaining.measure import Measured, Question
    from prismrec.explaining.page import Provenance

GOES_ON = "run the same command again: users that are measured are kept"


def register(app: typer.Typer) -> None:
    app.command(name="bench-explanations", epilog=EPILOG)(bench_explanations)


def bench_explanations(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUNS...", help="Run folders, or folders of them, as bench leaves one.")
    ],
    *,
    results: Annotated[Path, typer.Option(metavar="STEM", help="Write STEM.md, its twin STEM.json and STEM.svg.")],
    bundle: Annotated[
        list[Path] | None,
        typer.Option(metavar="BUNDLE", help="A bundle exported from one of the runs; repeatable. Else made for it."),
    ] = None,
    models: Annotated[str | None, typer.Option(metavar="A,B", help="Which models of the runs (default: all).")] = None,
    part: Annotated[Literal["test", "validation"], typer.Option(help="Which held-out users.")] = "test",
    users: Annotated[int, typer.Option(min=2, help="How many of them, drawn.")] = 500,
    root: Annotated[
        Path, typer.Option("--run", metavar="FOLDER", help="For what is measured: stopped, it goes on from there.")
    ] = RUNS / "bench-explanations",
    flagship: Annotated[str | None, typer.Option(metavar="KIND", help="The model that is marked as ours.")] = None,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="A sentence for the page.")] = None,
) -> None:
    """Do the parts make the score, do they name what the model goes by, is there a set without which an item leaves?

    One run of each model, by the engine that serves. A run without --bundle is decoded and exported for it.
    """
    from prismrec.explaining.contenders import chosen_runs, contenders
    from prismrec.explaining.measure import Question
    from prismrec.explaining.page import write_explanations

    session = session_of(context)
    if session.config is not None:
        raise CommandError("bench-explanations takes no -c", hint="the runs have their own settings")
    chosen = chosen_runs(runs, models, session.note)
    kinds = {run.load_info().kind for run in chosen}
    if flagship is not None and flagship not in kinds:
        raise CommandError(
            f"there is no run of the flagship {flagship!r}", hint=f"there are {', '.join(sorted(kinds))}"
        )
    question = Question(part, users, session.seed or 0)
    found = contenders(session, chosen, bundle or [], root)
    rows = [_measured(session, contender, question, root / "measured") for contender in found]
    pages = write_explanations(results, rows, _provenance(found[0], question, flagship=flagship, note=note))
    session.result(
        {"pages": [str(page) for page in pages], **json.loads(pages[1].read_text("utf-8"))},
        lambda console: console.print(pages[0].read_text("utf-8"), soft_wrap=True, markup=False),
    )


def _measured(session: Session, contender: Contender, question: Question, kept: Path) -> Measured:
    from prismrec.explaining.measure import measured

    try:
        with session.progress(f"{contender.label}: users measured", question.n_users) as reach:
            return measured(contender, question, kept, reach=reach)
    except KeyboardInterrupt:
        raise InterruptedVerbError(hint=GOES_ON) from None


def _provenance(first: Contender, question: Question, *, flagship: str | None, note: str | None) -> Provenance:
    from prismrec.explaining.measure import code_of_figures
    from prismrec.explaining.page import Provenance
    from training.machine import machine
    from training.provenance import git_state, library_versions

    git, libraries, data = git_state(), library_versions(), first.run.load_info().data
    return Provenance(
        command=shlex.join(["prismrec", *sys.argv[1:]]),
        data=data.name,
        fingerprint=data.fingerprint,
        part=question.part,
        n_users=question.n_users,
        seed=question.seed,
        flagship=flagship,
        ran_on=machine(libraries),
        libraries=libraries,
        git=None if git is None else {"commit": git.commit, "dirty": git.dirty},
        code=code_of_figures(),
        note=note,
    )
