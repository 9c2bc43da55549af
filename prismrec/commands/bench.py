"""`prismrec bench`: every model of the registry and every baseline on one split, as a page of docs/results/."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prismrec import flags
from prismrec.choices import TrainFlags, choose
from prismrec.commands.evaluate import baselines_of
from prismrec.commands.train import RUNS
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, Prepared, prepare
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from training.bench.page import Provenance
    from training.bench.task import Task


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(bench)


def bench(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    data: flags.Data,
    *,
    results: Annotated[Path, typer.Option(metavar="STEM", help="Write STEM.md, STEM.json and STEM.provenance.json.")],
    models: Annotated[
        str | None, typer.Option(metavar="A,B", help="Which models, or none (default: all there are).")
    ] = None,
    baselines: Annotated[
        str | None, typer.Option(metavar="A,B", help="Which baselines, or none (default: all there are).")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train each model with the seeds 0 to N - 1.")] = 1,
    configs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="<kind>.toml of each model that has one, as tune writes it.")
    ] = None,
    flagship: Annotated[str | None, typer.Option(metavar="KIND", help="The model that is marked as ours.")] = None,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="FOLDER", help="For the runs (default runs/bench-<data>).")
    ] = None,
    note: Annotated[
        str | None, typer.Option(metavar="TEXT", help="A sentence for the page, e.g. that the machine had other work.")
    ] = None,
    items: flags.Items = None,
    threshold: flags.Threshold = None,
    min_items: flags.MinItems = None,
    heldout: flags.HeldOut = None,
    split: flags.SplitFile = None,
    threads: flags.Threads = None,
) -> None:
    """Train, measure and tabulate everything, each in its own process. Stopped and started again, it goes on."""
    from training.bench.page import row_document, write_pages
    from training.bench.rows import rows_of
    from training.bench.runner import run_tasks

    session = session_of(context)
    if session.config is not None or session.seed is not None:
        raise CommandError("bench takes neither -c nor --seed", hint="say --configs FOLDER and --seeds N")
    kinds, names = _models(models), _baselines(baselines)
    choice = DataChoice(data, items, threshold=threshold, min_items=min_items, heldout=heldout, split=split)
    prepared = prepare(session, choice, choose(session, TrainFlags(model="mult-vae")).config)
    bench_run = Bench(session, prepared, run or RUNS / f"bench-{prepared.dataset.name}", configs, threads)
    tasks = [bench_run.baseline(name) for name in names]
    tasks += [bench_run.model(kind, seed) for kind in bench_run.trainable(kinds) for seed in range(seeds)]
    if not tasks:
        raise CommandError("there is neither a model nor a baseline to measure", hint="name one with --models")
    outcomes = run_tasks(tasks, prepared.split.fingerprint, session.note)
    rows = rows_of(outcomes, flagship=flagship)
    pages = write_pages(results, rows, replace(_provenance(prepared, seeds, split), note=note))
    session.result(
        {"pages": [str(page) for page in pages], "rows": [row_document(row) for row in rows]},
        lambda console: console.print(pages[0].read_text("utf-8"), soft_wrap=True, markup=False),
    )


class Bench:
    """Makes the tasks: where they run, and with which options."""

    def __init__(
        self, session: Session, prepared: Prepared, root: Path, configs: Path | None, threads: int | None
    ) -> None:
        from training.run_folder import RunFolder

        if configs is not None and not configs.is_dir():
            raise CommandError(f"there is no folder {configs}", hint="leave --configs out to use the defaults")
        self.session, self.prepared, self.root = session, prepared, root
        self.configs, self.threads = configs, threads
        self.inputs = root / "inputs"
        self.inputs.mkdir(parents=True, exist_ok=True)
        RunFolder(self.inputs).save_inputs(prepared.split, prepared.catalogue)

    def trainable(self, kinds: tuple[str, ...]) -> list[str]:
        """The kinds that this data can train: a conditioned model needs its attribute; a note names those left out."""
        from training.models.registry import entry_for

        kept = []
        for kind in kinds:
            entry, condition = entry_for(kind), choose(self._session_for(kind), TrainFlags(model=kind)).condition
            attribute = self.prepared.catalogue.attribute(condition)
            if entry.conditioned and not entry.by_rule and (attribute is None or not attribute.values):
                self.session.note(f"left out: {kind}, the items have no {condition}")
            else:
                kept.append(kind)
        return kept

    def model(self, kind: str, seed: int) -> Task:
        from training.bench.task import Task

        session = replace(self._session_for(kind), seed=seed, quiet=True)
        chosen = choose(session, TrainFlags(model=kind, threads=self.threads))
        options = chosen.fit_options(session, self.prepared)
        task = Task(kind, seed, self.inputs, self.root, options)
        return replace(task, folder=self.root / f"{kind}-{seed}-{self._key(task)}")

    def baseline(self, name: str) -> Task:
        from training.bench.task import Task

        task = Task(name, 0, self.inputs, self.root, None)
        return replace(task, folder=self.root / f"{name}-{self._key(task)}")

    def _key(self, task: Task) -> str:
        """Other options or another split, another folder: nothing is overwritten, nothing mistaken."""
        text = json.dumps([self.prepared.split.fingerprint, task.asked], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def _session_for(self, kind: str) -> Session:
        path = None if self.configs is None else self.configs / f"{kind}.toml"
        return replace(self.session, config=path if path is not None and path.is_file() else None)


def _models(said: str | None) -> tuple[str, ...]:
    from training.models.registry import MODELS, entry_for

    if said is None:
        return tuple(MODELS)
    kinds = () if said == "none" else tuple(dict.fromkeys(name.strip() for name in said.split(",") if name.strip()))
    for kind in kinds:
        entry_for(kind)
    return kinds


def _baselines(said: str | None) -> tuple[str, ...]:
    from training.evaluate.baselines import BASELINES

    return tuple(BASELINES) if said is None else baselines_of(said)


def _provenance(prepared: Prepared, seeds: int, split_file: Path | None) -> Provenance:
    from bundle.manifest import Data
    from training.bench.page import Provenance
    from training.machine import machine
    from training.provenance import git_state, library_versions

    split, git, libraries = prepared.split, git_state(), library_versions()
    n_users, n_items = split.train.shape
    described = Data(
        name=prepared.dataset.name,
        fingerprint=split.fingerprint,
        n_users=n_users,
        n_items=n_items,
        n_interactions=int(split.train.nnz),
        threshold=split.protocol.threshold,
        min_items=split.protocol.min_items,
    )
    return Provenance(
        command=shlex.join(["prismrec", *sys.argv[1:]]),
        data=described,
        split=split,
        split_file=None if split_file is None else str(split_file),
        seeds=tuple(range(seeds)),
        ran_on=machine(libraries),
        libraries=libraries,
        git=None if git is None else {"commit": git.commit, "dirty": git.dirty},
    )
