"""The search itself: trial after trial in a study file, each pruned on its validation figure after every epoch."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import FrozenTrial, Trial, TrialState
from scipy import sparse

from bundle.catalogue import Catalogue
from training.data.split import HeldOut, Split
from training.epochs import EpochFigures
from training.errors import ConfigError, FitError
from training.fit import fit
from training.options import FitOptions
from training.provenance import code_digest
from training.run_folder import RunFolder
from training.tune.space import Space, options_of

STUDY_FILE = "study.sqlite3"
_ERROR = "error"


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched: the base is what every trial shares, its seed too; folder holds the study and its trials."""

    folder: Path
    base: FitOptions
    space: Space
    pruner_startup: int = 5
    pruner_warmup: int = 5


@dataclass(frozen=True, slots=True)
class Tried:
    """A finished trial. state: complete, pruned or fail; ndcg: its best on the validation users, None for a failed one.

    epochs: how many it ran, in how many seconds; settings: name -> value, as `space_for` names them; code: a digest of
    the sources that trained it; error: why a failed one failed.
    """

    number: int
    state: str
    ndcg: float | None
    epochs: int
    settings: dict[str, float | int | str | bool]
    seconds: float = 0.0
    code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """All finished trials of a study, in order, and the best complete one."""

    trials: tuple[Tried, ...]
    best: Tried


def search(
    wanted: Search, split: Split, catalogue: Catalogue, *, trials: int, told: Callable[[Tried, Found | None], None]
) -> Found:
    """Go on until the study holds `trials` finished trials; told: after each, with the best so far.

    The first trial is the code's own settings where the space holds them. The test users are taken out of the split
    before anything runs. FitError when the study in the folder is another one, or when no trial came to an end.
    """
    study = _open(wanted, split)
    for left in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        _give_up(study, left.number, left.params)  # its process was killed
    blind = without_test(split)
    while len(_finished(study)) < trials:
        study.sampler = optuna.samplers.TPESampler(seed=wanted.base.run.seed + len(study.get_trials(deepcopy=False)))
        trial = study.ask(dict(wanted.space))
        _run(study, trial, _Work(wanted, blind, catalogue))
        told(_tried(study.get_trials(deepcopy=False)[trial.number]), _best_of(study))
    found = _best_of(study)
    if found is None:
        raise FitError(
            f"none of the {trials} trials came to an end", hint="see the reasons above; narrow the settings with --set"
        )
    return found


def without_test(split: Split) -> Split:
    """The split with nobody in its test part: what is not there cannot be peeped at."""
    nobody = sparse.csr_matrix((0, split.train.shape[1]), dtype=np.float32)
    return replace(split, test=HeldOut((), nobody, nobody))


@dataclass(frozen=True, slots=True)
class _Work:
    search: Search
    split: Split
    catalogue: Catalogue


class _Reporter:
    """Tells the study of every epoch, and stops the trial when its pruner has seen enough."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.best = float("-inf")

    def step(self, done: int, total: int) -> None: ...

    def epoch(self, figures: EpochFigures) -> None:
        self.best = max(self.best, figures.ndcg)
        self.trial.report(self.best, figures.epoch)
        self.trial.set_user_attr("epochs", figures.epoch + 1)
        self.trial.set_user_attr("ndcg", self.best)
        if self.trial.should_prune():
            raise optuna.TrialPruned

    def close(self) -> None: ...


def _run(study: optuna.Study, trial: Trial, work: _Work) -> None:
    """One trial, told to the study whatever becomes of it. KeyboardInterrupt when Ctrl-C stopped it."""
    folder = work.search.folder / f"trial-{trial.number}"
    shutil.rmtree(folder, ignore_errors=True)
    trial.set_user_attr("code", code_digest())
    started = time.perf_counter()
    state = TrialState.FAIL
    value: float | None = None
    try:
        state, value = TrialState.COMPLETE, _trained(folder, trial, work)
    except optuna.TrialPruned:
        state = TrialState.PRUNED
    except KeyboardInterrupt:
        _give_up(study, trial.number, trial.params)
        shutil.rmtree(folder, ignore_errors=True)
        raise
    except (FitError, ConfigError) as error:  # a combination that breaks, or that the model refuses
        trial.set_user_attr(_ERROR, error.message)
    trial.set_user_attr("seconds", time.perf_counter() - started)
    study.tell(trial, value, state=state)
    shutil.rmtree(folder, ignore_errors=True)


def _trained(folder: Path, trial: Trial, work: _Work) -> float:
    """The best figure on the validation users of the settings of a trial."""
    options = options_of(work.search.base, trial.params)
    summary = fit(RunFolder(folder), work.split, work.catalogue, options, listener=_Reporter(trial)).summary
    if summary.stopped == "interrupted":
        raise KeyboardInterrupt
    return summary.best_ndcg


def _give_up(study: optuna.Study, number: int, settings: Mapping[str, object]) -> None:
    """A trial that was cut short counts for nothing; the next one tries its settings from the beginning."""
    if settings:
        study.enqueue_trial(dict(settings))
    study.tell(number, state=TrialState.FAIL)


def _open(wanted: Search, split: Split) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{(wanted.folder / STUDY_FILE).absolute()}",
        study_name=wanted.base.kind,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=wanted.pruner_startup, n_warmup_steps=wanted.pruner_warmup),
    )
    identity = _identity(wanted, split)
    there = study.user_attrs.get("identity")
    if there is None:
        study.set_user_attr("identity", identity)
        defaults = _defaults(wanted)
        study.enqueue_trial(defaults)
    elif there != identity:
        different = ", ".join(key for key in identity if there.get(key) != identity[key])
        raise FitError(
            f"{wanted.folder} holds a search for something else; what differs: {different}",
            hint="choose another folder with --out, or remove that one",
        )
    return study


def _identity(wanted: Search, split: Split) -> dict[str, str]:
    """What makes two searches the same."""
    searched: dict[str, set[str]] = {"model": set(), "fit": set()}
    for name in wanted.space:
        section, _, key = name.partition(".")
        searched[section].add(key)
    return {
        "data": split.fingerprint,
        "model": wanted.base.kind,
        "space": json.dumps(
            {name: distribution_to_json(found) for name, found in wanted.space.items()}, sort_keys=True
        ),
        "[model]": wanted.base.model.model_dump_json(exclude=searched["model"]),
        "[fit]": wanted.base.fit.model_dump_json(exclude=searched["fit"]),
        "seed": str(wanted.base.run.seed),
        "condition": wanted.base.condition,
    }


def _defaults(wanted: Search) -> dict[str, object]:
    """The base's own values of what is searched, as far as the space holds them."""
    values = {"model": wanted.base.model.model_dump(), "fit": wanted.base.fit.model_dump()}
    found: dict[str, object] = {}
    for name, distribution in wanted.space.items():
        section, _, key = name.partition(".")
        if _holds(distribution, values[section][key]):
            found[name] = values[section][key]
    return found


def _holds(distribution: BaseDistribution, value: object) -> bool:
    if isinstance(distribution, optuna.distributions.CategoricalDistribution):
        return value in distribution.choices
    assert isinstance(distribution, optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution)
    return isinstance(value, int | float) and distribution.low <= value <= distribution.high


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    """Complete, pruned, or failed by themselves: not those that were interrupted."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or _ERROR in trial.user_attrs
    ]


def _tried(trial: FrozenTrial) -> Tried:
    ndcg = trial.value if trial.state == TrialState.COMPLETE else trial.user_attrs.get("ndcg")
    said = trial.user_attrs
    return Tried(
        trial.number,
        trial.state.name.lower(),
        ndcg,
        int(said.get("epochs", 0)),
        dict(trial.params),
        seconds=round(said.get("seconds", 0.0), 1),
        code=said.get("code"),
        error=said.get(_ERROR),
    )


def _best_of(study: optuna.Study) -> Found | None:
    tried = tuple(_tried(trial) for trial in _finished(study))
    complete = [trial for trial in tried if trial.state == "complete" and trial.ndcg is not None]
    if not complete:
        return None
    return Found(tried, max(complete, key=lambda trial: (trial.ndcg or 0.0, -trial.number)))
