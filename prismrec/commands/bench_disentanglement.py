"""`prismrec bench-disentanglement`: how well the axes of finished runs say what is known of the users, as a page."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prismrec.commands.train import RUNS
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from training.bench.space_page import Part, Provenance
    from training.bench.space_runner import Row
    from training.bench.spaces import SpaceTask

SYNTHETIC = ("autoencoder", "mult-vae", "c-vae", "macrid-vae", "rec-vae", "additive-vae")
GUIDED = ("mult-vae", "additive-vae")
SETTINGS = (
    "hidden=200",
    "latent=16",
    "epochs=40",
    "patience=40",
    "learning_rate=3e-3",
    "beta_cap=1",
    "anneal_steps=300",
)
"""As in demo.toml: the KL term in full, so that a dimension that stays active has to carry something."""
OWN_SETTINGS = {"macrid-vae": ("concepts=2",), "c-vae": ("conditions_per_user=2",)}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked for. root: for what is measured, and for the synthetic data and its runs."""

    part: Literal["test", "validation"]
    attributes: tuple[str, ...] | None
    models: tuple[str, ...] | None
    seeds: int
    jobs: int
    root: Path


def register(app: typer.Typer) -> None:
    app.command(name="bench-disentanglement", epilog=EPILOG)(bench_disentanglement)


def bench_disentanglement(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUNS]...", help="Run folders, or folders of them, as bench leaves one."),
    ] = None,
    *,
    results: Annotated[Path, typer.Option(metavar="STEM", help="Write STEM.md and its twin STEM.json.")],
    models: Annotated[
        str | None, typer.Option(metavar="A,B", help="Which models of the runs, guided or not (default: all).")
    ] = None,
    attributes: Annotated[
        str | None, typer.Option(metavar="A,B", help="The users' tastes of these item attributes (default: all).")
    ] = None,
    part: Annotated[Literal["test", "validation"], typer.Option(help="Which held-out users.")] = "test",
    synthetic: Annotated[
        bool, typer.Option(help="Also train on synthetic data, where the factors are planted, and measure there.")
    ] = True,
    seeds: Annotated[int, typer.Option(min=1, help="Of the synthetic part: the seeds 0 to N - 1.")] = 5,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that train and measure at a time.")] = 2,
    root: Annotated[
        Path, typer.Option("--run", metavar="FOLDER", help="For what is measured, and the synthetic data and runs.")
    ] = RUNS / "bench-disentanglement",
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="A sentence for the page.")] = None,
) -> None:
    """Whole-space measures (best dimension, MIG, DCI, UDR, active units) of every model over its seeds.

    The runs must be of one split. What was measured or trained is kept: stopped and started again, it goes on.
    """
    from prismrec.asked_runs import names
    from training.bench.space_page import part_document, write_spaces

    session = session_of(context)
    if session.config is not None or session.seed is not None:
        raise CommandError("bench-disentanglement takes neither -c nor --seed", hint="the runs have their own")
    asked = Asked(part, names(attributes), names(models), seeds, jobs, root)
    parts = [_finished(session, runs, asked)] if runs else []
    if synthetic:
        parts.append(_synthetic(session, asked))
    if not parts:
        raise CommandError("there is nothing to measure", hint="name run folders, or leave --no-synthetic out")
    pages = write_spaces(results, parts, _provenance(part, note))
    session.result(
        {"pages": [str(page) for page in pages], "parts": [part_document(one) for one in parts]},
        lambda console: console.print(pages[0].read_text("utf-8"), soft_wrap=True, markup=False),
    )


def _finished(session: Session, places: list[Path], asked: Asked) -> Part:
    """The runs there are, against the users' tastes."""
    from prismrec.asked_runs import runs_of
    from training.bench.space_page import Part
    from training.bench.spaces import SpaceTask, at_most, label_of

    kept = runs_of(places, asked.models, session.note)
    tasks = [
        SpaceTask(label_of(info), run.path, asked.root / "measured", asked.part, asked.attributes) for run, info in kept
    ]
    data = kept[0][1].data
    factors = "all item attributes" if asked.attributes is None else " and ".join(asked.attributes)
    return Part(
        title=f"{data.name}: the users' tastes",
        data=data.name,
        fingerprint=data.fingerprint,
        said=f"Known of a user: the share of each value, or the mean of a number, in the history ({factors}).",
        rows=_measured(session, at_most(tasks), asked),
    )


def _synthetic(session: Session, asked: Asked) -> Part:
    """Data with planted factors and runs on them, made where they are missing."""
    from training.bench.space_page import Part
    from training.data.synth import USER_FACTORS_FILE

    data = asked.root / "synthetic" / "data"
    tasks, fingerprint = _synthetic_tasks(session, data, asked)
    return Part(
        title="Synthetic data: the planted factors",
        data="synth",
        fingerprint=fingerprint,
        said=f"Known of a user: the tastes that the history was drawn from (`{USER_FACTORS_FILE}`). `prismrec data "
        f"synth` with its defaults; trained with {', '.join(SETTINGS)}; guided by all attributes of the items. "
        "A guided model ties a dimension to each value of genre, where one taste along a row of genres was planted: "
        "several dimensions then tell of it, and its gap is small by design.",
        rows=_measured(session, tasks, asked),
    )


def _synthetic_tasks(session: Session, data: Path, asked: Asked) -> tuple[list[SpaceTask], str]:
    from prismrec.choices import TrainFlags
    from prismrec.commands.bench import Bench, Configs
    from prismrec.config import Config
    from prismrec.inputs import DataChoice, prepare
    from training.bench.spaces import SpaceTask, at_most
    from training.data.synth import USER_FACTORS_FILE, SynthConfig, synthesise, write_synth

    if not (data / USER_FACTORS_FILE).is_file():
        data.parent.mkdir(parents=True, exist_ok=True)
        write_synth(synthesise(SynthConfig.model_validate({})), data, replace=True)
    prepared = prepare(session, DataChoice(data), Config())
    tasks = []
    for kind, guide in [*((kind, "none") for kind in SYNTHETIC), *((kind, "auto") for kind in GUIDED)]:
        settings = (*SETTINGS, *OWN_SETTINGS.get(kind, ()))
        configs = Configs(session, None, TrainFlags(guide=guide, settings=settings, device="cpu", threads=1))
        bench = Bench(configs, prepared, data.parent, asked.part)
        for train in (bench.model(kind, seed) for seed in range(asked.seeds)):
            label = kind if guide == "none" else f"{kind}, guided"
            measured = asked.root / "measured"
            planted = data / USER_FACTORS_FILE
            tasks.append(SpaceTask(label, train.folder, measured, asked.part, planted=planted, train=train))
    return at_most(tasks), prepared.split.fingerprint


def _measured(session: Session, tasks: list[SpaceTask], asked: Asked) -> list[Row]:
    from training.bench.space_runner import measure_all

    with session.progress("runs measured", len(tasks)) as reach:
        return measure_all(tasks, jobs=asked.jobs, note=session.note, reach=reach)


def _provenance(part: str, note: str | None) -> Provenance:
    from training.bench.space_page import Provenance
    from training.machine import machine
    from training.provenance import code_digest, git_state, library_versions

    git, libraries = git_state(), library_versions()
    return Provenance(
        command=shlex.join(["prismrec", *sys.argv[1:]]),
        part=part,
        ran_on=machine(libraries),
        libraries=libraries,
        git=None if git is None else {"commit": git.commit, "dirty": git.dirty},
        code=code_digest(),
        note=note,
    )
