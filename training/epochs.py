"""What an epoch came to, and who is told: metrics.jsonl, the terminal, the caller."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from training.errors import FitError


class EpochFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One line of metrics.jsonl. Losses are means over the epoch's rows in nats; beta is that of its last step.

    step          optimiser steps so far
    ndcg          on the validation users ("ndcg@100" in the file); best: it is the highest so far
    active_units  latents with KL > 0.01 nats on the validation users (without a posterior: that vary there);
                  kl_per_latent [n_latent]
    seconds       this epoch took, validation included
    """

    epoch: int
    step: int
    loss: float
    reconstruction: float
    kl: float
    beta: float
    ndcg: float = msgspec.field(name="ndcg@100")
    best: bool
    active_units: int
    seconds: float
    kl_per_latent: tuple[float, ...]


class EpochListener(Protocol):
    """Somebody who wants to know how training goes."""

    def step(self, done: int, total: int) -> None:
        """`done` of `total` steps of the current epoch are finished."""
        ...

    def epoch(self, figures: EpochFigures) -> None:
        """An epoch is finished and validated."""
        ...

    def close(self) -> None: ...


def append_epoch(path: Path, figures: EpochFigures) -> None:
    """Add a line to metrics.jsonl."""
    with path.open("ab") as file:
        file.write(msgspec.json.encode(figures) + b"\n")


def read_epochs(path: Path) -> tuple[EpochFigures, ...]:
    """The finished epochs of metrics.jsonl, in order; a last line cut off by a kill is left out."""
    found: list[EpochFigures] = []
    lines = path.read_bytes().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            found.append(msgspec.json.decode(line, type=EpochFigures))
        except msgspec.DecodeError as error:
            if number == len(lines):
                break
            raise FitError(f"{path}:{number} is not an epoch: {error}", hint="train the run again") from error
    return tuple(found)


def drop_epochs_from(path: Path, epoch: int) -> None:
    """Forget the epochs that a resumed run will do again, and a line that was cut off."""
    if not path.exists():
        return
    kept = [msgspec.json.encode(figures) for figures in read_epochs(path) if figures.epoch < epoch]
    staged = path.with_suffix(".staged")
    staged.write_bytes(b"".join(line + b"\n" for line in kept))
    staged.replace(path)
