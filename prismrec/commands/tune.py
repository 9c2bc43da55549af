"""`prismrec tune`: hyper-parameters chosen on the validation users."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from prismrec import flags
from prismrec.choices import Choices, TrainFlags, choose
from prismrec.commands.train import RUNS
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, prepare
from prismrec.session import session_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from training.tune.study import Found, Tried


Trials = Annotated[int, typer.Option(min=1, help="Finished trials that the study shall hold.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="The study's folder (default runs/tune-<data>-<model>).")]
Best = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Where the best settings go (default best.toml in the folder).")
]
Record = Annotated[
    Path | None, typer.Option(metavar="STEM", help="Also write every trial to STEM.md and STEM.json, to be committed.")
]
Searched = Annotated[
    list[str] | None,
    typer.Option(
        "--search",
        metavar="KEY[=RANGE]",
        help="Search this and nothing else: latent=100,200 or learning_rate=3e-4:3e-3:log, or its usual range; "
        "repeatable.",
    ),
]


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(tune)


def tune(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    data: flags.Data,
    *,
    model: flags.Model = None,
    trials: Trials = 20,
    out: Out = None,
    best: Best = None,
    record: Record = None,
    searched: Searched = None,
    condition: flags.Condition = None,
    guide: flags.Guide = None,
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
    from training.tune import record as records
    from training.tune.asked import check_space
    from training.tune.config_file import write_config
    from training.tune.study import STUDY_FILE, Search, search

    session = session_of(context)
    chosen = choose(session, TrainFlags(model, condition, guide, settings or (), device, threads))
    space = _space(chosen, searched or ())
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
        made = records.Searched(wanted, found, prepared.split, shlex.join(["prismrec", *sys.argv[1:]]), split)
        document["record"] = [str(page) for page in records.write_record(record, made)]
    session.result(document, lambda console: _show(console, document, data))


def _space(chosen: Choices, searched: Sequence[str]) -> dict[str, BaseDistribution]:
    """What --search names; without it the code's own space, less what -c and --set say."""
    from training.tune.asked import asked_space
    from training.tune.space import space_for

    if searched:
        return asked_space(chosen.kind, space_for(chosen.kind), searched)
    return space_for(
        chosen.kind, fixed={f"{name}.{key}" for name in ("model", "fit") for key in chosen.config.section(name)}
    )


def _show(console: Console, document: dict[str, Any], data: Path) -> None:
    config, best, n_trials = document["config"], document["best"]["trial"], sum(document["trials"].values())
    lines = [f"{config}: validation ndcg@100 {document['validation_ndcg@100']:.4f} in trial {best} of {n_trials}"]
    if "record" in document:
        lines.append(f"every trial: {' and '.join(document['record'])}")
    lines.append(f"next: prismrec train {data} -c {config}")
    console.print("\n".join(lines), soft_wrap=True, markup=False)


def _document(found: Found) -> dict[str, Any]:
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
