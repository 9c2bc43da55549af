"""`prismrec bench`: every model of the registry and every baseline on one split, as a page of docs/results/."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prismrec import flags
from prismrec.choices import Choices, TrainFlags, choose
from prismrec.commands.evaluate import baselines_of
from prismrec.commands.train import RUNS
from prismrec.config import Config, read_config
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, Prepared, prepare
from prismrec.session import Session, session_of

if TYPE_CHECKING:
    from training.bench.document import Provenance
    from training.bench.kept import Earlier
    from training.bench.rows import Row
    from training.bench.task import Task
    from training.evaluate.result import Part


Results = Annotated[Path, typer.Option(metavar="STEM", help="Write STEM.md, STEM.json and STEM.provenance.json.")]
Models = Annotated[str | None, typer.Option(metavar="A,B", help="Which models, or none (default: all there are).")]
Baselines = Annotated[
    str | None, typer.Option(metavar="A,B", help="Which baselines, or none (default: all there are).")
]
Seeds = Annotated[int, typer.Option(min=1, help="The seeds 0 to N - 1, for whatever is random; the rest runs once.")]
ConfigFolder = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="<kind>.toml of each model that has one, as tune writes it.")
]
Flagship = Annotated[str | None, typer.Option(metavar="KIND", help="The model that is marked as ours.")]
Add = Annotated[bool, typer.Option("--add", help="Keep the rows that STEM has of other models, with their own seeds.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Make anew what other sources made, instead of using it again.")]
MeasuredOn = Annotated[Literal["test", "validation"], typer.Option("--part", help="Whom to measure on.")]
Root = Annotated[Path | None, typer.Option("--run", metavar="FOLDER", help="For the runs (default runs/bench-<data>).")]
Note = Annotated[
    str | None, typer.Option(metavar="TEXT", help="A sentence for the page, e.g. that the machine had other work.")
]


def register(app: typer.Typer) -> None:
    app.command(epilog=EPILOG)(bench)


def bench(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    data: flags.Data,
    *,
    results: Results,
    models: Models = None,
    baselines: Baselines = None,
    seeds: Seeds = 1,
    configs: ConfigFolder = None,
    flagship: Flagship = None,
    add: Add = False,
    fresh: Fresh = False,
    part: MeasuredOn = "test",
    run: Root = None,
    note: Note = None,
    items: flags.Items = None,
    max_bad: flags.MaxBad = 0.01,
    threshold: flags.Threshold = None,
    min_items: flags.MinItems = None,
    heldout: flags.HeldOut = None,
    split: flags.SplitFile = None,
    device: flags.Device = "auto",
    threads: flags.Threads = None,
) -> None:
    """Train, measure and tabulate everything, each in its own process. Stopped and started again, it goes on.

    Without --models and --baselines it is everything there is; with --add what they name joins the table.
    """
    from training.bench.kept import NOTHING, earlier_page
    from training.bench.rows import rows_of
    from training.bench.runner import run_tasks

    session = session_of(context)
    if session.config is not None or session.seed is not None:
        raise CommandError("bench takes neither -c nor --seed", hint="say --configs FOLDER and --seeds N")
    kinds, names = _models(models), _baselines(baselines)
    chosen = Configs(session, configs, TrainFlags(device=device, threads=threads))
    chosen.check(kinds)
    choice = DataChoice(data, items, max_bad, threshold, min_items, heldout, split)
    prepared = prepare(session, choice, Config())
    root = run or RUNS / f"bench-{prepared.dataset.name}"
    tasks = Bench(chosen, prepared, root, part).tasks(kinds, names, seeds=seeds)
    if not tasks:
        raise CommandError("there is neither a model nor a baseline to measure", hint="name one with --models")
    fingerprint, named = prepared.split.fingerprint, {task.model for task in tasks}
    earlier = earlier_page(results, root, part=part, fingerprint=fingerprint, without=named) if add else NOTHING
    page = Page(results, part, flagship or earlier.flagship, note)
    page.check(named | {outcome.model for _, outcome in earlier.outcomes})
    outcomes = run_tasks(tasks, fingerprint, session.note, fresh=fresh)
    rows = rows_of([*outcomes, *(outcome for _, outcome in earlier.outcomes)], flagship=page.flagship)
    page.write(session, rows, _provenance(prepared, page, tasks, earlier))


@dataclass(frozen=True, slots=True)
class Page:
    """Where the table goes, and what it says of itself."""

    stem: Path
    part: Literal["test", "validation"]
    flagship: str | None
    note: str | None

    def check(self, models: Collection[str]) -> None:
        """Before hours are spent: CommandError when the flagship is none of the models of the table."""
        if self.flagship is not None and self.flagship not in models:
            raise CommandError(
                f"the flagship {self.flagship} is none of the models measured",
                hint=f"name one of {', '.join(sorted(models))}, or measure it too",
            )

    def write(self, session: Session, rows: list[Row], provenance: Provenance) -> None:
        """The pages, and the table as the verb's result."""
        from training.bench.document import row_document
        from training.bench.page import write_pages

        pages = write_pages(self.stem, rows, provenance)
        session.result(
            {"pages": [str(page) for page in pages], "rows": [row_document(row) for row in rows]},
            lambda console: console.print(pages[0].read_text("utf-8"), soft_wrap=True, markup=False),
        )


@dataclass(frozen=True, slots=True)
class Configs:
    """The settings of each kind: those of <kind>.toml in the folder, if it has one, else the defaults."""

    session: Session
    folder: Path | None
    flags: TrainFlags

    def check(self, kinds: tuple[str, ...]) -> None:
        """Before any data are read: CommandError for a folder that is not there, a file that is no model's, or of
        another model than its name says; ConfigError for a setting that its model refuses."""
        from training.models.registry import MODELS

        if self.folder is None:
            return
        if not self.folder.is_dir():
            raise CommandError(f"there is no folder {self.folder}", hint="leave --configs out to use the defaults")
        for path in sorted(self.folder.glob("*.toml")):
            said = read_config(path).model.get("kind", path.stem)
            if path.stem not in MODELS or said != path.stem:
                what = "is no model's name" if path.stem not in MODELS else f"says kind = {said!r}"
                raise CommandError(f"{path} {what}", hint=f"name it after its model: {', '.join(sorted(MODELS))}")
        for kind in kinds:
            self.choose(kind)

    def choose(self, kind: str, *, seed: int = 0) -> Choices:
        return choose(self.session_for(kind, seed=seed), replace(self.flags, model=kind))

    def session_for(self, kind: str, *, seed: int = 0) -> Session:
        path = None if self.folder is None else self.folder / f"{kind}.toml"
        config = path if path is not None and path.is_file() else None
        return replace(self.session, config=config, seed=seed, quiet=True)


class Bench:
    """Makes the tasks: where they run, and with which options."""

    def __init__(self, configs: Configs, prepared: Prepared, root: Path, part: Part) -> None:
        from training.run_folder import RunFolder

        self.configs, self.prepared, self.root, self.part = configs, prepared, root, part
        self.inputs = root / f"inputs-{prepared.split.fingerprint[:8]}"
        self.inputs.mkdir(parents=True, exist_ok=True)
        RunFolder(self.inputs).save_inputs(prepared.split, prepared.catalogue)

    def tasks(self, kinds: tuple[str, ...], baselines: tuple[str, ...], *, seeds: int) -> list[Task]:
        """Baselines first, which are quick; seed after seed, so that a table is whole early."""
        kinds = self.trainable(kinds)
        tasks = [self.baseline(name, seed) for name in baselines for seed in range(seeds)]
        tasks = [task for task in tasks if task.drawn or task.seed == 0]
        return tasks + [self.model(kind, seed) for seed in range(seeds) for kind in kinds]

    def trainable(self, kinds: tuple[str, ...]) -> tuple[str, ...]:
        """The kinds that this data can train: a conditioned model needs its attribute; a note names those left out."""
        from training.models.registry import entry_for

        kept = []
        for kind in kinds:
            entry, condition = entry_for(kind), self.configs.choose(kind).condition
            attribute = self.prepared.catalogue.attribute(condition)
            if entry.conditioned and not entry.by_rule and (attribute is None or not attribute.values):
                self.configs.session.note(f"left out: {kind}, the items have no {condition}")
            else:
                kept.append(kind)
        return tuple(kept)

    def model(self, kind: str, seed: int) -> Task:
        from training.bench.task import Task

        session = self.configs.session_for(kind, seed=seed)
        options = self.configs.choose(kind, seed=seed).fit_options(session, self.prepared)
        return self._placed(Task(kind, seed, self.inputs, self.root, options, self.part))

    def baseline(self, name: str, seed: int) -> Task:
        from training.bench.task import Task

        return self._placed(Task(name, seed, self.inputs, self.root, None, self.part))

    def _placed(self, task: Task) -> Task:
        """Other options or another split, another folder: nothing is overwritten, nothing mistaken."""
        text = json.dumps([self.prepared.split.fingerprint, task.asked], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:8]
        return replace(task, folder=self.root / f"{task.model}-{task.seed}-{key}")


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


def _provenance(prepared: Prepared, page: Page, tasks: list[Task], earlier: Earlier) -> Provenance:
    from bundle.manifest import Data
    from training.bench.document import Provenance
    from training.machine import machine
    from training.provenance import code_digest, git_state, library_versions

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
    split_file = prepared.choice.split
    folders = [task.folder.name for task in tasks] + [name for name, _ in earlier.outcomes]
    return Provenance(
        commands=(*earlier.commands, shlex.join(["prismrec", *sys.argv[1:]])),
        data=described,
        split=split,
        split_file=None if split_file is None else str(split_file),
        part=page.part,
        outcomes=tuple(folders),
        flagship=page.flagship,
        ran_on=machine(libraries),
        libraries=libraries,
        git=None if git is None else {"commit": git.commit, "dirty": git.dirty},
        code=code_digest(),
        note=page.note,
    )
