"""One unit of the study: draw the data, train, decode, decode again with shuffled attributes, keep what came of it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

import training.decode
from benchmarks.recovery.study import Unit
from benchmarks.recovery.verdict import Planted
from bundle.catalogue import Catalogue
from bundle.factors import FactorMap
from training.data.catalogue import build_catalogue
from training.data.split import Protocol, Split, split_dataset
from training.data.synth import FACTORS, GENRES, Synthetic, synthesise
from training.decode.map import read_axes
from training.decode.options import DecodeOptions
from training.decode.posterior import encode
from training.errors import TrainingError
from training.fit import fit
from training.models.base import LatentModel
from training.models.registry import config_for
from training.options import FitOptions, RunOptions
from training.provenance import code_digest, git_state
from training.run_folder import RunFolder
from training.tastes import taste_table

_SMALL_P = 0.05


class Null(msgspec.Struct, frozen=True, kw_only=True):
    """A map of a model under attributes shuffled over the items: whatever it calls significant is false.

    cells        (dimension, attribute, half) that were tested by each method
    relative     of them called significant by the relative method, absolute: by the absolute one
    small_p      of both methods' 2 * cells p-values those at 0.05 or less, before any correction
    readings     halves with a name, decoded or ambiguous
    """

    cells: int
    relative: int
    absolute: int
    small_p: int
    readings: int


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit came to: a file of the study's folder, so that a study that was stopped goes on.

    map       what factors.json says of the latents, without quantiles and examples
    space     [3] multiple correlation of each taste with all latents together
    ceiling   [3] the same with the histories themselves (shares of genres, mean year and rating): what there is to find
    code      digests of the sources that shape weights and figures, and of those that make the map; commit: "+" behind
              it when the work tree differed
    """

    scenario: str
    model: str
    seed: int
    asked: dict[str, object]
    map: FactorMap
    planted: Planted
    space: tuple[float, ...]
    ceiling: tuple[float, ...]
    null: Null
    ndcg: float
    best_epoch: int
    seconds: float
    code: tuple[str, str]
    commit: str | None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that ended in an error of ours; exceptions of our own do not travel between processes."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Data:
    split: Split
    catalogue: Catalogue
    tastes: NDArray[np.float64]


def run_unit(unit: Unit, folder: Path, clock: Callable[[], float] = time.perf_counter) -> Found | Failure:
    """Do it and keep it in the folder; about four seconds on one core at the default size. Nothing goes to stdout."""
    with redirect_stdout(sys.stderr):
        try:
            found = _found(unit, folder, clock)
        except TrainingError as error:
            return Failure(message=error.message, hint=error.hint)
    RunFolder(folder).write(file_of(unit, folder), msgspec.json.encode(found))
    return found


def file_of(unit: Unit, folder: Path) -> Path:
    return folder / f"{unit.name}.json"


def kept(unit: Unit, folder: Path) -> Found | None:
    """What an earlier run of the study found with the same settings; None when there is nothing of use."""
    path = file_of(unit, folder)
    if not path.is_file():
        return None
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Found)
    except msgspec.DecodeError:
        return None
    return found if found.asked == msgspec.to_builtins(unit.asked()) else None


@cache  # of what this process has imported, whatever changes on disk while it works
def sources() -> tuple[str, str]:
    """See Found.code."""
    return code_digest(), code_digest(Path(training.decode.__file__).parent)


def shuffled(catalogue: Catalogue, rng: np.random.Generator) -> Catalogue:
    """The same catalogue with each attribute's rows (and numbers) in another order over the items."""
    attributes = []
    for attribute in catalogue.attributes:
        order = rng.permutation(len(catalogue)).tolist()
        rows = tuple(attribute.rows[i] for i in order)
        numbers = tuple(attribute.numbers[i] for i in order) if attribute.numbers else ()
        attributes.append(msgspec.structs.replace(attribute, rows=rows, numbers=numbers))
    return msgspec.structs.replace(catalogue, attributes=tuple(attributes))


def null_of(found: FactorMap, *, level: float) -> Null:
    """Count what is significant in a map of shuffled attributes."""
    cells = [cell for factor in found.factors for cell in factor.evidence]
    halves = [reading for factor in found.factors for reading in (factor.negative, factor.positive)]
    return Null(
        cells=len(cells),
        relative=sum(cell.q_value <= level for cell in cells),
        absolute=sum(cell.ig_q_value <= level for cell in cells),
        small_p=sum((cell.p_value <= _SMALL_P) + (cell.ig_p_value <= _SMALL_P) for cell in cells),
        readings=sum(reading.status != "undecoded" for reading in halves),
    )


def together(explaining: NDArray[np.float64], tastes: NDArray[np.float64]) -> tuple[float, ...]:
    """Multiple correlation of each column of tastes [n, f] with explaining [n, k], by least squares; 0 for nothing."""
    x = np.column_stack([explaining, np.ones(len(explaining))])
    fitted = x @ np.linalg.lstsq(x, tastes, rcond=None)[0]
    return tuple(float(r) for r in np.sqrt(np.clip(fitted.var(axis=0) / tastes.var(axis=0), 0.0, 1.0)))


def correlations(mu: NDArray[np.floating], tastes: NDArray[np.float64]) -> tuple[tuple[float, ...], ...]:
    """[n_latent][n_factors]; 0 for a dimension that does not vary."""
    x, y = mu - mu.mean(axis=0, dtype=np.float64), tastes - tastes.mean(axis=0)
    lengths = np.outer(np.sqrt((x**2).sum(axis=0)), np.sqrt((y**2).sum(axis=0)))
    table = np.divide(x.T @ y, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    return tuple(tuple(float(r) for r in row) for row in table)


def _found(unit: Unit, folder: Path, clock: Callable[[], float]) -> Found:
    started, code, git = clock(), sources(), git_state()
    synthetic = synthesise(unit.scenario.config(unit.seed))
    data = _data(synthetic, unit.seed)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".run-") as held:
        run = RunFolder(Path(held) / "run")
        summary = fit(run, data.split, data.catalogue, _options(unit)).summary
        model = run.load().model
    made = _map(model, data.split, data.catalogue, unit.decode)
    # Not by the seed alone: the items of a seed are the same in every scenario, their shuffles shall not be.
    mixed = shuffled(data.catalogue, np.random.default_rng([unit.seed, crc32(unit.name.encode())]))
    mu = encode(model, data.split.train).mu.astype(np.float64)
    lived = mu[:, [factor.active for factor in made.factors]]
    histories = taste_table(data.catalogue).of(data.split.train)
    return Found(
        scenario=unit.scenario.name,
        model=unit.contender.name,
        seed=unit.seed,
        asked=unit.asked(),
        map=made,
        planted=Planted(correlation=correlations(mu, data.tastes), scales=_scales(data.catalogue)),
        space=together(lived, data.tastes),
        ceiling=together(histories, data.tastes),
        null=null_of(_map(model, data.split, mixed, unit.decode), level=unit.decode.level),
        ndcg=summary.best_ndcg,
        best_epoch=summary.best_epoch,
        seconds=clock() - started,
        code=code,
        commit=None if git is None else git.commit[:7] + ("+" if git.dirty else ""),
    )


def _data(synthetic: Synthetic, seed: int) -> _Data:
    split = split_dataset(synthetic.dataset, Protocol(threshold=None, seed=seed))
    planted = synthetic.user_factors
    of_user = dict(zip(planted["user_id"].to_list(), planted.select(FACTORS).to_numpy(), strict=True))
    tastes = np.array([of_user[user] for user in split.train_users], dtype=np.float64)
    return _Data(split, build_catalogue(synthetic.dataset, split), tastes)


def _options(unit: Unit) -> FitOptions:
    contender = unit.contender
    return FitOptions(
        name=unit.name,
        data_name="synth",
        source="synth",
        kind=contender.kind,
        model=config_for(contender.kind, contender.model),
        fit=contender.fit_config(),
        run=RunOptions(seed=unit.seed, device="cpu", threads=1, progress="none"),
        guide=contender.guide_config(),
    )


def _scales(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """See Planted.scales; genres stand in the order in which they were planted, bins ascend."""
    return {a.name: GENRES if a.name == "genre" else a.values for a in catalogue.attributes if a.name in FACTORS}


def _map(model: LatentModel, split: Split, catalogue: Catalogue, options: DecodeOptions) -> FactorMap:
    """What factors.json says of the latents, without quantiles and examples. Directions and measures are not read."""
    factors = tuple(
        msgspec.structs.replace(f, quantiles=(), examples_negative=(), examples_positive=())
        for f in read_axes(model, split, catalogue, options).factors
    )
    return FactorMap(settings={}, attributes=tuple(a.name for a in catalogue.attributes), factors=factors)
