"""`prismrec evaluate`: a run, or a model on a data set, beside baselines on the same split."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from prismrec import flags, stages
from prismrec.choices import TrainFlags, choose
from prismrec.commands.train import default_run
from prismrec.conditions import settled
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, prepare
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from training.run_folder import RunFolder


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(evaluate)


def evaluate(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    target: Annotated[Path, typer.Argument(metavar="RUN|DATA", help="A run folder; or data, to train on first.")],
    *,
    model: Annotated[
        str | None, typer.Option(metavar="KIND", help="With DATA: what to train (default mult-vae).")
    ] = None,
    run: flags.RunOption = None,
    part: Annotated[Literal["test", "validation"], typer.Option(help="Which held-out users.")] = "test",
    by_value: Annotated[bool, typer.Option("--by-value", help="Also the figures for each condition value.")] = False,
    results: Annotated[
        Path | None, typer.Option(metavar="STEM", help="Also write the figures to STEM.md and its twin STEM.json.")
    ] = None,
    items: flags.Items = None,
    threshold: flags.Threshold = None,
    min_items: flags.MinItems = None,
    heldout: flags.HeldOut = None,
    split: flags.SplitFile = None,
    baselines: flags.Baselines = None,
    settings: flags.Set = None,
) -> None:
    """The table of metrics. With DATA a finished run of the same data, options and seed is used again, else trained."""
    from training.evaluate.results_page import write_results
    from training.evaluate.table import by_value_table, table
    from training.run_folder import RunFolder

    session = session_of(context)
    beside = baselines_of(baselines)
    folder = RunFolder(target)
    if folder.info.exists():
        said = {"--model": model, "--run": run, "--set": settings, "--threshold": threshold, "--split": split}
        _refuse_training_options(said)
    else:
        choice = DataChoice(target, items, threshold=threshold, min_items=min_items, heldout=heldout, split=split)
        folder = _trained(session, choice, TrainFlags(model, settings=settings or ()), run)
    found = stages.evaluated(session, folder, again=True, part=part, baselines=beside)
    if results is not None:
        pages = write_results(results, folder.load_info(), found, command=shlex.join(["prismrec", *sys.argv[1:]]))
        session.note(f"figures in {pages[0]} and {pages[1]}")

    def show_by_value() -> str:
        return "\n" + by_value_table(found.conditioned) if by_value and found.conditioned else ""

    session.result(
        {"run": str(folder.path), **msgspec.to_builtins(found)},
        lambda console: console.print(table(found) + show_by_value(), soft_wrap=True, markup=False),
    )


def baselines_of(said: str | None) -> tuple[str, ...]:
    """The baselines named in "popularity,als"; ConfigError for an unknown one. "none" = no baseline at all."""
    from training.evaluate.baselines import check_baselines

    if said is None:
        return stages.BASELINES
    names = tuple(dict.fromkeys(name.strip() for name in said.split(",") if name.strip()))
    if names == ("none",):
        return ()
    if not names:
        raise CommandError("--baselines is empty", hint="name some, separated by commas, or say none")
    check_baselines(names)
    return names


def _trained(session: Session, choice: DataChoice, chosen: TrainFlags, run: Path | None) -> RunFolder:
    from training.run_folder import RunFolder

    choices = choose(session, chosen, default_kind="mult-vae")
    prepared = prepare(session, choice, choices.config)
    folder = RunFolder(run or default_run(prepared.dataset.name, choices.kind))
    options = settled(session, choices, prepared).fit_options(session, prepared)
    stages.trained(session, folder, prepared, options)
    return folder


def _refuse_training_options(said: Mapping[str, object]) -> None:
    extra = [name for name, value in said.items() if value]
    if extra:
        raise CommandError(
            f"{extra[0]} says how to train, but a finished run is to be evaluated",
            hint="leave it out, or name the data",
        )
