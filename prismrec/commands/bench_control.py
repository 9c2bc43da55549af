"""`prismrec bench-control`: how well the lists of finished runs can be steered and started cold, as a page."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prismrec.commands.train import RUNS
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.session import session_of

if TYPE_CHECKING:
    from training.bench.control_page import Provenance
    from training.bench.control_runner import ControlRow
    from training.run_folder import RunFolder


def register(app: typer.Typer) -> None:
    app.command(name="bench-control", epilog=EPILOG)(bench_control)


def bench_control(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUNS...", help="Run folders, or folders of them, as bench leaves one.")
    ],
    *,
    results: Annotated[Path, typer.Option(metavar="STEM", help="Write STEM.md and its twin STEM.json.")],
    models: Annotated[str | None, typer.Option(metavar="A,B", help="Which models of the runs (default: all).")] = None,
    part: Annotated[Literal["test", "validation"], typer.Option(help="Which held-out users.")] = "test",
    draws: Annotated[int, typer.Option(min=1, help="Seeds of each cold start.")] = 5,
    samples: Annotated[int, typer.Option(min=1, help="Points drawn for each cold start.")] = 32,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that measure at a time.")] = 2,
    root: Annotated[
        Path, typer.Option("--run", metavar="FOLDER", help="For what is measured: stopped, it goes on from there.")
    ] = RUNS / "bench-control",
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="A sentence for the page.")] = None,
) -> None:
    """Steering by dose, drift of what is locked, cold starts against every other way, of every model over its seeds.

    The runs must be of one split. A run that is not decoded yet is decoded for it; the run itself stays as it is.
    """
    from prismrec.asked_runs import names, runs_of
    from training.bench.control_page import write_control
    from training.bench.control_runner import ControlTask, measure_control
    from training.bench.spaces import label_of
    from training.evaluate.control.coldstarts import Draws

    session = session_of(context)
    if session.config is not None or session.seed is not None:
        raise CommandError("bench-control takes neither -c nor --seed", hint="the runs have their own")
    kept = runs_of(runs, names(models), session.note)
    tasks = [
        ControlTask(label_of(info), run.path, root / "measured", part, Draws(draws, samples)) for run, info in kept
    ]
    with session.progress("runs measured", len(tasks)) as reach:
        rows = measure_control(tasks, jobs=jobs, note=session.note, reach=reach)
    pages = write_control(results, rows, _provenance(kept[0][0], rows, part=part, note=note))
    session.result(
        {"pages": [str(page) for page in pages]},
        lambda console: console.print(pages[0].read_text("utf-8"), soft_wrap=True, markup=False),
    )


def _provenance(run: RunFolder, rows: list[ControlRow], *, part: str, note: str | None) -> Provenance:
    from training.bench.control_page import Provenance
    from training.machine import machine
    from training.provenance import code_digest, git_state, library_versions

    git, libraries, data = git_state(), library_versions(), run.load_info().data
    return Provenance(
        command=shlex.join(["prismrec", *sys.argv[1:]]),
        data=data.name,
        fingerprint=data.fingerprint,
        part=part,
        n_users=rows[0].seeds[0].n_users,
        ran_on=machine(libraries),
        libraries=libraries,
        git=None if git is None else {"commit": git.commit, "dirty": git.dirty},
        code=code_digest(),
        note=note,
    )
