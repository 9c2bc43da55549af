"""The retrainings of a run: made in parallel processes, kept inside the run, used again while they are of that run."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec
from scipy import sparse

from bundle.factors import FactorMap
from training.decode.crew import carry_out
from training.decode.options import DecodeOptions
from training.decode.retraining import READ_BY, Order, Said, options_of, read_by
from training.decode.stability import Retrained
from training.encoding import encode
from training.errors import DecodeError, FitError
from training.machine import memory_bytes
from training.provenance import code_digest
from training.run_folder import RunFolder
from training.run_info import RunInfo
from training.sizes import least_memory
from training.start import explicit

_LIBRARIES_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Heard:
    """What becomes of the retrainings. text: for the user, None where only the bar moves; done: how far all of them are
    together, 1 for each that is trained and read."""

    text: str | None
    done: float


Told = Callable[[Heard], None]


def seeds_after(seed: int, n: int) -> tuple[int, ...]:
    """The n seeds behind the run's own: never equal to it, and the first of five are the first of ten."""
    return tuple(range(seed + 1, seed + 1 + n))


def retrained(
    run: RunFolder, options: DecodeOptions, *, jobs: int | None = None, told: Told = lambda _: None
) -> tuple[RunFolder, ...]:
    """options.seeds retrainings of the run, each trained and read with the same options; what is there is used again.

    jobs: processes at a time; None = one per core (one on a GPU), fewer when memory is short. Each has cores / jobs
    threads, which its run.json records. Costs the training and the decoding of a run for each seed. A retraining that
    fails does not keep the others from being made; after them FitError names the first and its cause. On Ctrl-C all
    processes finish their step and KeyboardInterrupt is raised: called again, it goes on there.
    """
    info = run.load_info()
    if not info.complete:
        raise DecodeError(
            f"the training of {run.path} was not finished, and a retraining that is would be another model",
            hint="go on with it first (prismrec train --resume), or decode without --seeds",
        )
    _forget_those_of_other_weights(run)
    reading = options.model_copy(update={"seeds": 0})
    seeds = seeds_after(info.seeds["train"], options.seeds)
    missing = [seed for seed in seeds if not _is_there(run, info, seed, reading)]
    at_once = jobs or _jobs(run, info, len(missing))
    threads = max(1, (os.cpu_count() or 1) // max(1, at_once))
    orders = [Order(run=str(run.path), seed=s, threads=threads, options=reading.model_dump()) for s in missing]
    progress = _Progress(told, epochs=int(info.fit["epochs"] or 1), n=len(seeds), n_there=len(seeds) - len(missing))
    failures = carry_out(orders, at_once, progress.hear)
    if failures:
        seed, failed = failures[0]
        more = f" (and {len(failures) - 1} more failed)" if len(failures) > 1 else ""
        raise FitError(f"the retraining with seed {seed}: {failed.message}{more}", hint=failed.hint)
    return tuple(run.retraining(seed) for seed in seeds)


def load_retrained(folders: Iterable[RunFolder], histories: sparse.csr_matrix) -> tuple[Retrained, ...]:
    """Retrainings that are trained and read, with mu of these users: CSR [n, n_items]. One model is held at a time."""
    found = []
    for own in folders:
        loaded = own.load()
        factors = msgspec.json.decode(own.require(own.factors).read_bytes(), type=FactorMap).factors
        found.append(Retrained(loaded.info.seeds["train"], factors, encode(loaded.model, histories).mu))
    return tuple(found)


def _forget_those_of_other_weights(run: RunFolder) -> None:
    """A run that was trained again, or further, has other weights: its retrainings are not of that training."""
    with run.require(run.best).open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    mark = msgspec.json.encode({"weights": weights})
    if run.retrained_weights.is_file() and run.retrained_weights.read_bytes() == mark:
        return
    shutil.rmtree(run.retrainings, ignore_errors=True)
    run.retrainings.mkdir(parents=True, exist_ok=True)
    run.write(run.retrained_weights, mark)


def _is_there(run: RunFolder, info: RunInfo, seed: int, reading: DecodeOptions) -> bool:
    """Whether the retraining is trained and read as it would be now; what cannot be gone on with is removed.

    Half a training is gone on with only by the sources that began it.
    """
    own = run.retraining(seed)
    try:
        found = own.load_info()
    except FitError:
        found = None
    usable = found is not None and _same_training(found, info, seed) and (found.complete or found.code == code_digest())
    if not usable:
        shutil.rmtree(own.path, ignore_errors=True)
        return False
    assert found is not None
    return found.complete and own.best.is_file() and _is_read(own, reading)


def _same_training(found: RunInfo, info: RunInfo, seed: int) -> bool:
    wanted = explicit(options_of(info, seed=seed))
    return (found.kind, found.data.fingerprint, found.conditions, found.seeds["train"]) == (
        info.kind,
        info.data.fingerprint,
        info.conditions,
        seed,
    ) and (found.config, found.fit, found.guide) == (
        wanted.model.model_dump(),
        wanted.fit.model_dump(),
        wanted.guide.model_dump(),
    )


def _is_read(own: RunFolder, reading: DecodeOptions) -> bool:
    if not own.factors.is_file() or own.factors.stat().st_mtime_ns < own.best.stat().st_mtime_ns:
        return False
    try:
        settings = msgspec.json.decode(own.factors.read_bytes(), type=FactorMap).settings
    except msgspec.DecodeError:
        return False
    wanted = {**reading.model_dump(), READ_BY: read_by()}
    return all(settings.get(name) == value for name, value in wanted.items())


def _jobs(run: RunFolder, info: RunInfo, n: int) -> int:
    """One process per core, as long as memory lasts; one on a GPU."""
    if info.device == "cuda":
        return 1
    options = options_of(info, seed=0)
    need = least_memory(options, n_items=len(run.load_catalogue()), n_conditions=len(info.conditions.values))
    each, there = 2 * need.total + _LIBRARIES_BYTES, memory_bytes()
    fitting = n if there is None else max(1, there // each)
    return max(1, min(n, os.cpu_count() or 1, fitting))


class _Progress:
    """Adds up how far all are."""

    def __init__(self, told: Told, *, epochs: int, n: int, n_there: int) -> None:
        self._told, self._whole = told, epochs + max(1, epochs // 4)  # reading counts as some epochs
        self._there, self._epochs = n_there, epochs
        self._done: dict[int, int] = {}
        if n_there:
            self._tell(f"{n_there} of {n} retrainings were made before")

    def hear(self, seed: int, said: Said) -> None:
        self._done[seed] = {
            "epoch": said.epochs,
            "trained": self._epochs,
            "read": self._whole,
            "failed": self._whole,
        }[said.what]
        texts = {
            "epoch": None,
            "trained": f"retraining with seed {seed}: trained in {said.epochs} epochs, "
            f"validation ndcg@100 {said.ndcg:.4f}",
            "read": f"retraining with seed {seed}: read",
            "failed": f"retraining with seed {seed}: failed, {said.message}",
        }
        self._tell(texts[said.what])

    def _tell(self, text: str | None) -> None:
        self._told(Heard(text, self._there + sum(self._done.values()) / self._whole))
