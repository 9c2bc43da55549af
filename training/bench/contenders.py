"""Finished runs and fitted baselines, asked the same questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bundle.catalogue import Attribute
from training.data.split import HeldOut, Split
from training.errors import ConfigError, FitError
from training.evaluate.answers import Answers, answers
from training.evaluate.baselines import fit_baseline
from training.evaluate.by_user import PerFigure
from training.evaluate.conditions import under
from training.evaluate.measure import measurable
from training.evaluate.questions import Question, questions
from training.evaluate.result import Part
from training.evaluate.scorer import ModelScorer
from training.run_folder import LoadedRun, RunFolder
from training.run_info import RunInfo

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Contender:
    """A model over its seeds, or a baseline (no seeds): way -> figure -> [S, n].

    settings  what a model was trained with, or what was chosen for a baseline
    runs      the run folders' names
    """

    model: str
    seeds: tuple[int, ...]
    ways: Mapping[str, Mapping[str, PerFigure]]
    settings: Mapping[str, object]
    runs: tuple[str, ...] = ()

    @property
    def conditioned(self) -> bool:
        return "soft" in self.ways


@dataclass(frozen=True, slots=True)
class Inquiry:
    """The questions and to whom of n_users they went, the same for every contender: see Answers for the arrays [n]."""

    attribute: str
    n_users: int
    asked: tuple[Question, ...]
    question: NDArray[np.int64]
    user: NDArray[np.int64]
    reach: NDArray[np.float64]
    contenders: tuple[Contender, ...]

    def of_sort(self, sort: str) -> NDArray[np.bool_]:
        """[n]: which answers are to questions of that sort."""
        return np.array([question.sort == sort for question in self.asked], dtype=np.bool_)[self.question]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the bench is asked for. most_pairs: pairs of values, each asked twice; attribute: whose values."""

    part: Part = "test"
    baselines: tuple[str, ...] = ("ease", "als")
    most_pairs: int = 20
    attribute: str = "genre"


def finished_runs(
    places: Sequence[Path], note: Note, *, label: Callable[[RunInfo], str] = attrgetter("kind")
) -> list[RunFolder]:
    """The finished runs among `places`: run folders, or folders of run folders.

    Of a model (label: what makes it one) that was trained with several settings in one folder of runs, those of the
    newest; a note says so.
    FitError when a place holds none.
    """
    found: dict[Path, RunFolder] = {}
    for place in places:
        run = RunFolder(place)
        inside = _newest(_runs_in(place), note, label) or ([run] if run.info.exists() else [])
        if not inside:
            raise FitError(f"{place} is no finished run and holds none", hint="name run folders, or a bench's folder")
        found |= {run.path.resolve(): run for run in inside}
    for run in found.values():
        if not run.load_info().complete:
            raise FitError(f"the training in {run.path} is not finished", hint="go on with it, or leave it out")
    return list(found.values())


def _runs_in(place: Path) -> list[RunFolder]:
    if not place.is_dir():
        return []
    runs = (RunFolder(path) for path in sorted(place.iterdir()) if path.is_dir())
    return [run for run in runs if run.info.exists() and run.best.exists() and run.load_info().complete]


def _newest(runs: Sequence[RunFolder], note: Note, label: Callable[[RunInfo], str]) -> list[RunFolder]:
    by_kind: dict[str, dict[str, list[RunFolder]]] = {}
    for run in runs:
        info = run.load_info()
        by_kind.setdefault(label(info), {}).setdefault(_settings_key(info), []).append(run)
    kept = []
    for kind, by_settings in by_kind.items():
        newest = max(by_settings.values(), key=lambda group: max(run.best.stat().st_mtime_ns for run in group))
        for left in (run for group in by_settings.values() if group is not newest for run in group):
            note(f"left out: {left.path}, {kind} with other settings than the newest")
        kept += newest
    return kept


def _settings_key(info: RunInfo) -> str:
    parts = (
        info.data.fingerprint,
        info.conditions.attribute,
        sorted(info.config.items()),
        sorted(info.fit.items()),
        sorted(info.guide.items()),
    )
    return repr(parts)


def inquire(runs: Sequence[RunFolder], wanted: Wanted, note: Note) -> Inquiry:
    """Ask every run and every baseline. One model is in memory at a time; baselines are fitted on the spot.

    FitError when the runs are not of one split, or two of them are one model with one seed; ConfigError when the items
    do not have the attribute.
    """
    split, catalogue = runs[0].load_split(), runs[0].load_catalogue()
    attribute = catalogue.attribute(wanted.attribute)
    if attribute is None or not attribute.values:
        there = ", ".join(a.name for a in catalogue.attributes if a.values) or "none"
        raise ConfigError(
            f"the items have no {wanted.attribute!r} to ask for",
            hint=f"the attributes are: {there}; name one with --condition",
        )
    heldout = measurable(split.test if wanted.part == "test" else split.validation, what=wanted.part)
    asked = tuple(questions(attribute, heldout, most_pairs=wanted.most_pairs))
    inquirer = _Inquirer(split, heldout, attribute, asked)
    found = [inquirer.run(run, note) for run in runs]
    found += [inquirer.baseline(name, note) for name in wanted.baselines]
    first = found[0][0]
    return Inquiry(
        attribute=attribute.name,
        n_users=len(heldout.users),
        asked=asked,
        question=first.question,
        user=first.user,
        reach=first.reach,
        contenders=tuple(_joined([contender for _, contender in found])),
    )


@dataclass(frozen=True, slots=True)
class _Inquirer:
    split: Split
    heldout: HeldOut
    attribute: Attribute
    asked: tuple[Question, ...]

    def run(self, run: RunFolder, note: Note) -> tuple[Answers, Contender]:
        loaded = run.load()
        info, seed = loaded.info, loaded.info.seeds["train"]
        if loaded.split.fingerprint != self.split.fingerprint:
            raise FitError(
                f"{run.path} was trained on another split than the runs before it", hint="name runs of one split"
            )
        note(f"{info.kind}, seed {seed} ...")
        model, shares = loaded.model, info.conditions.shares
        asking = (lambda question: under(model, question, shares=shares)) if self._takes(loaded) else None
        found = answers(ModelScorer(model), self.heldout, self.asked, asking=asking)
        settings = {"config": info.config, "fit": info.fit}
        return found, Contender(info.kind, (seed,), _of_one_seed(found), settings, (run.path.name,))

    def _takes(self, loaded: LoadedRun) -> bool:
        """Whether the model was trained on conditions that are the values asked for."""
        conditions = loaded.info.conditions
        return (conditions.attribute, conditions.values) == (self.attribute.name, self.attribute.values)

    def baseline(self, name: str, note: Note) -> tuple[Answers, Contender]:
        note(f"{name} ...")
        fitted = fit_baseline(name, self.split)
        found = answers(fitted.scorer, self.heldout, self.asked)
        return found, Contender(name, (), _of_one_seed(found), fitted.settings)


def _of_one_seed(found: Answers) -> dict[str, dict[str, PerFigure]]:
    return {way: {name: values[None] for name, values in figures.items()} for way, figures in found.ways.items()}


def _joined(contenders: Sequence[Contender]) -> list[Contender]:
    """The seeds of each model together."""
    by_model: dict[str, Contender] = {}
    for one in contenders:
        before = by_model.get(one.model)
        by_model[one.model] = one if before is None else _with_seed(before, one)
    return list(by_model.values())


def _with_seed(before: Contender, one: Contender) -> Contender:
    if set(one.seeds) & set(before.seeds) or one.settings != before.settings:
        raise FitError(
            f"{before.runs[-1]} and {one.runs[-1]} are both of {one.model}, with one seed or other settings",
            hint="name the runs that are to be compared one by one",
        )
    ways = {
        way: {name: np.concatenate([values, one.ways[way][name]]) for name, values in figures.items()}
        for way, figures in before.ways.items()
    }
    return replace(before, seeds=before.seeds + one.seeds, ways=ways, runs=before.runs + one.runs)
