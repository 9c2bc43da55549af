"""`prismrec tune`: hyper-parameters chosen on the validation users."""

from __future__ import annotations

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
    condition: flags.Condition = None,
    items: flags.Items = None,
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
    from training.tune.config_file import write_config
    from training.tune.space import space_for
    from training.tune.study import STUDY_FILE, Search, search

    session = session_of(context)
    chosen = choose(session, TrainFlags(model, condition, settings or (), device, threads))
    fixed = {f"{name}.{key}" for name in ("model", "fit") for key in chosen.config.section(name)}
    space = space_for(chosen.kind, fixed=fixed)
    choice = DataChoice(data, items, threshold=threshold, min_items=min_items, heldout=heldout, split=split)
    prepared = prepare(session, choice, chosen.config)
    folder = out or RUNS / f"tune-{prepared.dataset.name}-{chosen.kind}"
    base = chosen.fit_options(replace(session, quiet=True), prepared)

    def told(tried: Tried, found: Found | None) -> None:
        session.note(_sentence(tried, found, trials))

    found = search(Search(folder, base, space), prepared.split, prepared.catalogue, trials=trials, told=told)
    path = best or folder / "best.toml"
    write_config(path, base, found)
    session.result(
        {"model": chosen.kind, "study": str(folder / STUDY_FILE), "config": str(path), **_document(found)},
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
