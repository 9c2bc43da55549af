"""One case to one record: the data are made, described and trained on. Kept in a file, so that a study goes on."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from scipy import sparse

from benchmarks.complexity.curves import Curve, Subjects, Training, train_and_watch
from benchmarks.complexity.families import MODEL, Case, synth_config
from bundle.catalogue import Catalogue
from training.data.catalogue import build_catalogue
from training.data.dataset import Dataset
from training.data.describe import describe
from training.data.read import read_dataset
from training.data.split import Protocol, Split, split_dataset
from training.data.synth import FACTORS, Synthetic, synthesise
from training.options import fit_config
from training.tastes import taste_table

SUBJECTS: Final = 1000
"""Users on whom the latents are read."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a case. figures: of `data describe`; curve: of the training."""

    case: Case
    figures: dict[str, Any]
    curve: Curve
    seconds: float


def record_of(case: Case) -> Record:
    """Make the data, describe them, train. Seconds; a minute for the largest."""
    started = time.perf_counter()
    split, subjects, catalogue = _synthetic(case) if case.real is None else _real(Path(case.real))
    fit = fit_config({"epochs": 100_000} | dict(case.fit))
    steps_per_epoch = -(-split.train.shape[0] // fit.batch_size)
    longest = fit.epochs * steps_per_epoch
    steps = min(max(case.steps, case.epochs * steps_per_epoch), longest)
    training = Training(case.kind, MODEL | dict(case.model), fit, case.seed, steps, catalogue if case.guided else None)
    curve = train_and_watch(split, subjects, training)
    return Record(case, asdict(describe(split)), curve, time.perf_counter() - started)


def kept(case: Case, folder: Path) -> Record:
    """The record in the folder, made now if it is not there."""
    path = folder / f"{case.name}.json"
    if not path.is_file():
        found = record_of(case)
        staged = path.with_suffix(".staged")
        staged.write_text(json.dumps(asdict(found)), encoding="utf-8")
        staged.replace(path)
    document = json.loads(path.read_text("utf-8"))
    curve = {name: _tuples(value) for name, value in document["curve"].items()}
    return Record(case, document["figures"], Curve(**curve), document["seconds"])


def all_kept(cases: list[Case], folder: Path, *, jobs: int, say: Say) -> list[Record]:
    """Every case, those that are missing made in `jobs` processes, in the order of the cases."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [case for case in cases if not (folder / f"{case.name}.json").is_file()]
    say(f"{len(cases)} trainings, {len(cases) - len(missing)} of them are there already")
    started = time.perf_counter()
    for done, (case, record) in enumerate(_made(missing, folder, jobs), start=1):
        left = (time.perf_counter() - started) / done * (len(missing) - done)
        which = f"{case.family} {case.label}, seed {case.seed}"
        say(f"{done}/{len(missing)} {which}: {record.seconds:.0f} s; {left:.0f} s left")
    return [kept(case, folder) for case in cases]


def _made(cases: list[Case], folder: Path, jobs: int) -> Iterator[tuple[Case, Record]]:
    """In the order in which they are finished; one job is this process."""
    if jobs == 1:
        yield from ((case, kept(case, folder)) for case in cases)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(kept, case, folder): case for case in cases}
        yield from ((futures[future], future.result()) for future in as_completed(futures))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def _synthetic(case: Case) -> tuple[Split, Subjects, Catalogue]:
    """The split that these users would give, and other users of the same items with their planted tastes."""
    made = synthesise(synth_config(case, extra_users=SUBJECTS))
    users = made.user_factors["user_id"]
    others = users[len(users) - SUBJECTS :]
    is_other = made.dataset.interactions["user_id"].is_in(others.implode())
    dataset = dataclasses.replace(made.dataset, interactions=made.dataset.interactions.filter(~is_other))
    split = split_dataset(dataset, Protocol(threshold=None))
    subjects = _others(made, others, made.dataset.interactions.filter(is_other), split)
    return split, subjects, build_catalogue(dataset, split)


def _others(made: Synthetic, others: pl.Series, interactions: pl.DataFrame, split: Split) -> Subjects:
    """Items that nobody in the training part has are left out."""
    rows = pl.DataFrame({"user_id": others}).with_row_index("row")
    columns = pl.DataFrame({"item_id": split.item_ids}, schema={"item_id": pl.String}).with_row_index("column")
    named = interactions.with_columns(pl.col("item_id").cast(pl.String), pl.col("user_id").cast(pl.String))
    found = named.join(rows, on="user_id").join(columns, on="item_id")
    shape = (len(others), len(split.item_ids))
    ones = np.ones(len(found), dtype=np.float32)
    histories = sparse.csr_matrix((ones, (found["row"].to_numpy(), found["column"].to_numpy())), shape=shape)
    histories.sort_indices()
    return Subjects(histories, made.user_factors.tail(len(others)).select(FACTORS).to_numpy())


def _real(folder: Path) -> tuple[Split, Subjects, Catalogue]:
    """Nothing is planted: the tastes are those of the items' attributes, read from the histories of training users,
    because there are too few held-out ones. Nobody's test part is read but for the figures of describe."""
    dataset: Dataset = read_dataset(folder)
    split = split_dataset(dataset, Protocol(threshold=dataset.threshold))
    catalogue = build_catalogue(dataset, split)
    table = taste_table(catalogue)
    chosen = np.random.default_rng(0).permutation(split.train.shape[0])[:SUBJECTS]
    histories = split.train[np.sort(chosen)]
    return split, Subjects(histories, table.of(histories)), catalogue
