"""One run's latent space measured against what is known of its users; what came of it is kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bundle.manifest import encode as to_json
from training.bench.kept import read_outcome
from training.bench.space_figures import Axes, control_figures, figures_of
from training.bench.task import Task, outcome_file
from training.data.split import HeldOut, Split
from training.encoding import encode
from training.errors import ConfigError, DataError, FitError
from training.evaluate.result import HEADLINE, Part
from training.measures.dci import Rows
from training.measures.space import MOST_USERS, varying_columns
from training.objective import ACTIVE_NATS, varying
from training.provenance import code_digest
from training.run_folder import RunFolder
from training.run_info import RunInfo
from training.tastes import taste_table

_SEED = 0
"""Of the draws of the measures: the same for every run, so that nothing but the codes differs."""


@dataclass(frozen=True, slots=True)
class SpaceTask:
    """A run to be measured; travels to a process of its own.

    model       the row it belongs to; run: its folder; train: how it is made where it is not there yet, None = it is
    attributes  whose tastes are the known factors, None = all; planted: a table of user_id and factors instead
    n_axes      dimensions on which DCI and UDR are measured, the same for every run of a table
    kept        the folder for what is found
    """

    model: str
    run: Path
    kept: Path
    part: Part = "test"
    attributes: tuple[str, ...] | None = None
    planted: Path | None = None
    n_axes: int = 0
    train: Task | None = None


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What was found of one run (or control: seed None, run "").

    factors    names of the g known factors; users: held out, fitting: those the regressors were fitted on
    active     dimensions of n_latent whose KL exceeds 0.01 nats (without a posterior: that vary); moving: whose mean
               varies by more than 0.01 over the held-out users
    figures    name -> figure; turned: the same of the same space with its axes turned at random
    r2, gap    [g]: of the best dimension
    ndcg       of its lists, on the same users, where the bench has measured it
    """

    model: str
    seed: int | None
    run: str
    factors: tuple[str, ...]
    users: int
    fitting: int
    n_latent: int
    n_axes: int
    active: int
    moving: int
    figures: dict[str, float]
    turned: dict[str, float]
    r2: tuple[float, ...]
    gap: tuple[float, ...]
    ndcg: float | None
    fingerprint: str
    key: str


@dataclass(frozen=True, slots=True)
class Known:
    """Factors of the fitting and of the held-out users, and which training users the fitting ones are."""

    names: tuple[str, ...]
    fitting: NDArray[np.float64]
    held_out: NDArray[np.float64]
    chosen: NDArray[np.int64]


def label_of(info: RunInfo) -> str:
    """A guided model is a row of its own."""
    return f"{info.kind}, guided" if info.guides else info.kind


def kept_files(task: SpaceTask) -> tuple[Path, Path]:
    """The figures (JSON) and the held-out users' codes (npz), named by what decides them."""
    name = f"{task.run.name}-{_key(task)}"
    return task.kept / f"{name}.json", task.kept / f"{name}.npz"


def kept_measured(task: SpaceTask) -> Measured | None:
    """What an earlier call found with the same weights, code and question."""
    path, codes = kept_files(task)
    if not (path.is_file() and codes.is_file()):
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Measured)
    except msgspec.DecodeError:
        return None


def measure_run(task: SpaceTask) -> Measured:
    """Encode fitting and held-out users once, measure, keep. About a minute with 200 latents and 20 factors, most of it
    for the forests."""
    run = RunFolder(task.run)
    loaded = run.load()
    heldout = held_out_of(loaded.split, task.part)
    known = known_factors(task, loaded.split, run)
    told = encode(loaded.model, loaded.split.train[known.chosen])
    asked = encode(loaded.model, heldout.fold_in)
    variance = asked.mu.astype(np.float64).var(axis=0)
    active = varying(variance) if asked.kl is None else asked.kl > ACTIVE_NATS
    axes = Axes(Rows(told.mu, known.fitting), Rows(asked.mu, known.held_out), task.n_axes)
    figures, turned, best = figures_of(axes, _SEED)
    found = Measured(
        model=task.model,
        seed=loaded.info.seeds["train"],
        run=task.run.name,
        factors=known.names,
        users=len(asked.mu),
        fitting=len(told.mu),
        n_latent=loaded.model.n_latent,
        n_axes=len(axes.kept),
        active=int(active.sum()),
        moving=int((variance > 0.01).sum()),
        figures=figures,
        turned=turned,
        r2=tuple(best.r2.tolist()),
        gap=tuple(best.gap.tolist()),
        ndcg=_ndcg(task),
        fingerprint=loaded.split.fingerprint,
        key=_key(task),
    )
    task.kept.mkdir(parents=True, exist_ok=True)
    path, codes = kept_files(task)
    np.savez(codes, mu=asked.mu[:, axes.kept], informative=active[axes.kept])
    run.write(path, to_json(found))
    return found


def measure_controls(task: SpaceTask) -> list[Measured]:
    """Codes of known value for the users and factors of the task's run: a dimension for each factor, and noise."""
    run = RunFolder(task.run)
    split = run.load_split()
    known = known_factors(task, split, run)
    n_users = len(known.held_out)
    found = []
    for name, (figures, turned, best) in control_figures(known.fitting, known.held_out, task.n_axes, _SEED).items():
        found.append(
            Measured(
                model=name, seed=None, run="", factors=known.names, users=n_users, fitting=len(known.fitting),
                n_latent=task.n_axes, n_axes=task.n_axes, active=task.n_axes, moving=task.n_axes, figures=figures,
                turned=turned, r2=tuple(best.r2.tolist()), gap=tuple(best.gap.tolist()), ndcg=None,
                fingerprint=split.fingerprint, key="",
            )
        )  # fmt: skip
    return found


def held_out_of(split: Split, part: Part) -> HeldOut:
    return split.test if part == "test" else split.validation


def known_factors(task: SpaceTask, split: Split, run: RunFolder) -> Known:
    """Of at most 5,000 training users and of all held-out ones. ConfigError when fewer than two factors vary."""
    rng = np.random.default_rng(_SEED)
    n_train, heldout = split.train.shape[0], held_out_of(split, task.part)
    chosen = np.sort(rng.choice(n_train, min(n_train, MOST_USERS), replace=False))
    if task.planted is not None:
        names, fitting, held_out = _planted(task.planted, [split.train_users[u] for u in chosen], heldout.users)
    else:
        try:
            table = taste_table(run.load_catalogue(), task.attributes)
        except KeyError as error:
            raise ConfigError(
                f"the items have no attribute {error.args[0]!r}", hint="name others with --attributes"
            ) from error
        names = tuple(map(str, table.tastes))
        fitting, held_out = table.of(split.train[chosen]), table.of(heldout.fold_in)
    kept = varying_columns(fitting, held_out)
    if len(kept) < 2:
        raise ConfigError(
            f"{len(kept)} factors differ between the users: a space cannot be measured against them",
            hint="name other attributes with --attributes, or measure a run on other data",
        )
    return Known(tuple(names[k] for k in kept), fitting[:, kept], held_out[:, kept], chosen)


def _planted(
    path: Path, fitting: list[str], held_out: tuple[str, ...]
) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    import polars as pl

    table = pl.read_parquet(path)
    names = tuple(name for name in table.columns if name != "user_id")
    place = {user: at for at, user in enumerate(table["user_id"].to_list())}
    values = table.select(names).to_numpy().astype(np.float64)
    try:
        return names, *(values[[place[user] for user in users]] for users in (fitting, held_out))
    except KeyError as error:
        raise DataError(
            f"{path} says nothing of user {error.args[0]!r}", hint="measure runs on the data that lie beside it"
        ) from error


def _ndcg(task: SpaceTask) -> float | None:
    outcome = read_outcome(task.run / outcome_file(task.part))
    return None if outcome is None else outcome.metrics[HEADLINE].mean


def _key(task: SpaceTask) -> str:
    """Other weights, other measures or another question, another name."""
    best = RunFolder(task.run).best
    if not best.is_file():
        raise FitError(f"{task.run} holds no finished run", hint="train it first")
    code = [code_digest(Path(__file__).parents[1] / part) for part in ("measures",)]
    planted = None if task.planted is None else hashlib.sha256(task.planted.read_bytes()).hexdigest()
    asked = [best.stat().st_mtime_ns, task.part, task.attributes, planted, task.n_axes, code, _figures_digest()]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]


def _figures_digest() -> str:
    return hashlib.sha256(Path(__file__).with_name("space_figures.py").read_bytes()).hexdigest()


def at_most(tasks: list[SpaceTask]) -> list[SpaceTask]:
    """The tasks with n_axes as many as the shortest code of them has."""
    least = min(_n_latent(task) for task in tasks)
    return [replace(task, n_axes=least) for task in tasks]


def _n_latent(task: SpaceTask) -> int:
    if task.train is not None and task.train.options is not None:
        return int(getattr(task.train.options.model, "latent", 0))
    return int(RunFolder(task.run).load_info().config["latent"] or 0)
