"""`prismrec train`: data to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from prismrec import flags, stages
from prismrec.again import Said, prepared_for
from prismrec.choices import TrainFlags, choose
from prismrec.conditions import settled
from prismrec.globals import EPILOG
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from training.run_folder import RunFolder
    from training.run_info import RunInfo

RUNS = Path("runs")


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(train)


def train(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    data: flags.DataOrFormer = None,
    *,
    model: flags.Model = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The run folder (default runs/<data>-<model>).")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished run in the folder.")] = False,
    condition: flags.Condition = None,
    guide: flags.Guide = None,
    items: flags.Items = None,
    max_bad: flags.MaxBadOrFormer = None,
    threshold: flags.Threshold = None,
    min_items: flags.MinItems = None,
    heldout: flags.HeldOut = None,
    split: flags.SplitFile = None,
    settings: flags.Set = None,
    device: flags.Device = "auto",
    devices: flags.Devices = None,
    nodes: flags.Nodes = None,
    threads: flags.Threads = None,
    tracker: flags.TrackerName = None,
) -> None:
    """Train a model (additive-vae unless told otherwise). Ctrl-C keeps the best epoch; --resume goes on from there.

    With -c RUN/run.json and no DATA, that run is trained again: same data, split, settings and seed, same numbers.
    """
    from training.run_folder import RunFolder

    session = session_of(context)
    said_of_training = TrainFlags(
        model, condition, guide, settings or (), device, threads, tracker, resume, devices=devices, nodes=nodes
    )
    chosen = choose(session, said_of_training)
    chosen.run_options(session)  # impossible devices are refused before the data are read, not after it
    said = Said(data, items, max_bad, threshold, min_items, heldout, split)
    prepared = prepared_for(session, chosen.config, said)
    run = RunFolder(out or default_run(prepared.dataset.name, chosen.kind))
    options = settled(session, chosen, prepared).fit_options(session, prepared)
    to_go_on = "run the same command again" + ("" if resume else " with --resume added")
    info = stages.train(session, run, prepared, options, to_go_on=f"{to_go_on}: it goes on where it stopped")
    _say(session, run, info)


def _say(session: Session, run: RunFolder, info: RunInfo) -> None:
    """What training came to, as the verb's result."""
    summary = info.summary
    assert summary is not None
    if not run.info.is_file():  # of several machines this is not the first, and the disk is its own
        session.note(f"trained along; {run.path} is on the first machine")
        return
    document = {
        "run": str(run.path),
        "model": info.kind,
        "epochs": summary.epochs,
        "best_epoch": summary.best_epoch,
        "validation_ndcg@100": summary.best_ndcg,
        "active_units": summary.active_units,
        "stopped": summary.stopped,
        "seconds": summary.seconds,
    }

    def show(console: Console) -> None:
        console.print(
            f"{run.path}: {info.kind}, best epoch {summary.best_epoch} ({summary.epochs} epochs run),"
            f" validation ndcg@100 {summary.best_ndcg:.4f}, {summary.active_units} active latents"
        )
        console.print(f"next: prismrec evaluate {run.path}")

    session.result(document, show)


def default_run(name: str, kind: str) -> Path:
    """Where a run goes when nobody says: one place per data set and model."""
    return RUNS / f"{name}-{kind}"
