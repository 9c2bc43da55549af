"""A process that trains a run again with another seed and reads its factors; decode/retrainings.py starts it.

    python -m training.decode.retraining     the order is one line of JSON on stdin, which stays open as long as the
                                             process that started this one lives and wants it to go on

What it comes to is said on stdout, a line of JSON for each epoch and one at the end.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal

import msgspec
import torch

from bundle.factors import FactorMap
from bundle.manifest import encode
from training.decode.options import DecodeOptions
from training.epochs import EpochFigures
from training.errors import FitError, TrainingError
from training.guided.settings import GuideConfig
from training.models.registry import config_for
from training.options import CONDITION, FitOptions, RunOptions, fit_config
from training.provenance import code_digest
from training.run_folder import RunFolder
from training.run_info import RunInfo

INTERRUPTED = 130
READ_BY = "read_by"
"""Key of a retraining's map: a digest of the sources that decode, for a map is only compared with one of the same."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Train the run in this folder again with this seed, on so many threads, and read it with these options."""

    run: str
    seed: int
    threads: int
    options: dict[str, int | float | str | bool | None]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """How far a retraining is. epochs: finished so far; ndcg: the best of them; message and hint: why it failed."""

    what: Literal["epoch", "trained", "read", "failed"]
    epochs: int = 0
    ndcg: float = 0.0
    message: str = ""
    hint: str = ""


Say = Callable[[Said], None]


def options_of(info: RunInfo, *, seed: int, threads: int | None = None, resume: bool = False) -> FitOptions:
    """The options that train the run again with another seed: everything from its run.json, on one device."""
    return FitOptions(
        name=info.name,
        data_name=info.data.name,
        source=info.source,
        kind=info.kind,
        model=config_for(info.kind, info.config),
        fit=fit_config(info.fit),
        run=RunOptions(
            seed=seed,
            device="auto" if info.device == "cuda" else "cpu",
            devices=1,
            threads=threads,
            progress="none",
            resume=resume,
        ),
        guide=GuideConfig.recorded(info.guide),
        condition=info.conditions.attribute or CONDITION,
        reading=info.reading,
    )


def carry_out(order: Order, say: Say) -> None:
    """Train, unless that was finished before, and read. KeyboardInterrupt when Ctrl-C ended the training early."""
    run = RunFolder(Path(order.run))
    own = run.retraining(order.seed)
    torch.set_num_threads(order.threads)
    _train(run, own, order, say)
    _read(own, DecodeOptions(**order.options))  # type: ignore[arg-type]


def read_by() -> str:
    return code_digest(Path(__file__).parent)


def _train(run: RunFolder, own: RunFolder, order: Order, say: Say) -> None:
    from training.fit import fit

    there = own.info.exists()
    if there and own.load_info().complete:
        return
    options = options_of(run.load_info(), seed=order.seed, threads=order.threads, resume=there)
    result = fit(own, run.load_split(), run.load_catalogue(), options, listener=_Teller(say))
    if result.summary.stopped == "interrupted":
        raise KeyboardInterrupt
    own.last.unlink(missing_ok=True)  # nobody goes on with it, and it is the largest file
    say(Said(what="trained", epochs=result.summary.epochs, ndcg=result.summary.best_ndcg))


def _read(own: RunFolder, options: DecodeOptions) -> None:
    from training.decode.map import read_axes

    loaded = own.load()
    axes = read_axes(loaded.model, loaded.split, loaded.catalogue, options)
    settings = {**options.model_dump(), READ_BY: read_by()}
    attributes = tuple(column.name for column in axes.table.columns)
    own.write(own.factors, encode(FactorMap(settings=settings, attributes=attributes, factors=axes.factors)))


class _Teller:
    """Says every epoch."""

    def __init__(self, say: Say) -> None:
        self.say, self.best = say, 0.0

    def step(self, done: int, total: int) -> None: ...

    def epoch(self, figures: EpochFigures) -> None:
        self.best = max(self.best, figures.ndcg)
        self.say(Said(what="epoch", epochs=figures.epoch + 1, ndcg=self.best))

    def close(self) -> None: ...


def main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
        threading.Thread(target=_stop_with_the_other, daemon=True).start()
        carry_out(order, lambda said: _say(out, said))
        _say(out, Said(what="read"))
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, the process that started this one says it
        ours = error if isinstance(error, TrainingError) else _unforeseen(error)
        _say(out, Said(what="failed", message=ours.message, hint=ours.hint))
        return 1
    return 0


def _unforeseen(error: Exception) -> TrainingError:
    hint = "see whether `prismrec train` with -c and that seed fails, too"
    return FitError(f"{type(error).__name__}: {error}", hint=hint)


def _say(out: IO[bytes], said: Said) -> None:
    out.write(msgspec.json.encode(said) + b"\n")
    out.flush()


def _stop_with_the_other() -> None:
    """Nothing more is sent: when reading ends, the process that started this one has ended or wants it to stop.

    Then it is as if Ctrl-C were pressed here: a training finishes its step and can be gone on with.
    """
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
