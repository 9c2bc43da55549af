"""`prismrec tune`: hyper-parameters chosen on the validation users."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prismrec import flags
from prismrec.choices import TrainFlags, choose
from prismrec.commands.train import RUNS
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, prepare
from prismrec.session import session_of

if TYPE_CHECKING:
    from training.tune.study import Found, Tried


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(tune)


def tune(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    data: flags.Data,
    *,
    model: flags.Model = None,
    trials: Annotated[int, typer.Option(min=1, help="Finished trials that the study shall hold.")] = 20,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The study's folder (default runs/tune-<data>-<model>).")
    ] = None,
    best: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the best settings go (default best.toml in the folder).")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="STEM", help="Also write every trial to STEM.md and STEM.json, to be committed."),
    ] = None,
    searched: Annotated[
        list[str] | None,
        typer.Option(
            "--search",
            metavar="KEY[=RANGE]",
            help="Search this and nothing else: latent=100,200 or learning_rate=3e-4:3e-3:log, or its usual range; "
            "repeatable.",
        ),
    ] = None,
    condition: flags.Condition = None,
    items: flags.Items = None,
    max_bad: flags.MaxBad = 0.01,
    threshold: flags.Threshold = None,
    min_items: flags.MinItems = None,
    heldout: flags.HeldOut = None,
    split: flags.SplitFile = None,
    settings: flags.Set = None,
    device: flags.Device = "auto",
    threads: flags.Threads = None,
) -> None:
    """Search the model's settings with Optuna. What -c and --set say is fixed. Run it again and it goes on.

    Trials that fall behind the others are pruned after an epoch. Only training and validation users are looked at.
    """
    from training.tune.asked import asked_space, check_space
    from training.tune.config_file import write_config
    from training.tune.record import Searched, write_record
    from training.tune.space import space_for
    from training.tune.study import STUDY_FILE, Search, search

    session = session_of(context)
    chosen = choose(session, TrainFlags(model, condition, settings or (), device, threads))
    fixed = {f"{name}.{key}" for name in ("model", "fit") for key in chosen.config.section(name)}
    space = (
        asked_space(chosen.kind, space_for(chosen.kind), searched) if searched else space_for(chosen.kind, fixed=fixed)
    )
    choice = DataChoice(data, items, max_bad, threshold, min_items, heldout, split)
    prepared = prepare(session, choice, chosen.config)
    folder = out or RUNS / f"tune-{prepared.dataset.name}-{chosen.kind}"
    base = chosen.fit_options(replace(session, quiet=True), prepared)
    check_space(base, space)

    def told(tried: Tried, found: Found | None) -> None:
        session.note(_sentence(tried, found, trials))

    wanted = Search(folder, base, space)
    found = search(wanted, prepared.split, prepared.catalogue, trials=trials, told=told)
    path = best or folder / "best.toml"
    write_config(path, base, found)
    document = {"model": chosen.kind, "study": str(folder / STUDY_FILE), "config": str(path), **_document(found)}
    if record is not None:
        command, split_file = shlex.join(["prismrec", *sys.argv[1:]]), None if split is None else str(split)
        pages = write_record(record, Searched(wanted, found, prepared.split, command, split_file))
        document["record"] = [str(page) for page in pages]
        session.note(f"every trial in {pages[0]} and {pages[1]}")
    session.result(
        document,
        lambda console: console.print(
            f"{path}: validation ndcg@100 {found.best.ndcg:.4f} in trial {found.best.number} of {len(found.trials)}\n"
            f"next: prismrec train {data} -c {path}",
            soft_wrap=True,
            markup=False,
        ),
    )


def _document(found: Found) -> dict[str, object]:
    states = [trial.state for trial in found.trials]
    return {
        "validation_ndcg@100": found.best.ndcg,
        "best": {"trial": found.best.number, "epochs": found.best.epochs, "settings": found.best.settings},
        "trials": {state: states.count(state) for state in ("complete", "pruned", "fail")},
    }


def _sentence(tried: Tried, found: Found | None, trials: int) -> str:
    figure = "failed" if tried.ndcg is None else f"{tried.ndcg:.4f}"
    state = "" if tried.state == "complete" else f" ({tried.state} after {tried.epochs} epochs)"
    said = ", ".join(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
                     for name, value in tried.settings.items())  # fmt: skip
    best = "" if found is None else f"; best {found.best.ndcg:.4f}"
    return f"trial {tried.number + 1} of {trials}: {figure}{state}{best} [{said}]"
