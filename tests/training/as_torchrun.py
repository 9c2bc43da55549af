"""One process of two, as torchrun starts them: `python -m tests.training.as_torchrun RANK PORT FOLDER`.

It trains the same model several times, once as it should be and then with the sharing of batches broken on purpose: the
controls of tests/training/test_together.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from tests.training.boards import blocks, fitted, options
from training.data.split import Split
from training.entries import Entries, EntrySampler
from training.options import FitOptions

SIZE = 2


def exact_split() -> Split:
    """61 training users: with batches of 15 the parts are uneven, and the last batch's second part has no row."""
    return blocks(61, keep=0.7)


def exact_options(devices: int | None = None, *, resume: bool = False, epochs: int = 4) -> FitOptions:
    """A model without anything random: no dropout, no posterior, float32."""
    found = options(
        "mult-dae",
        epochs=epochs,
        batch_size=15,
        patience=100,
        precision="fp32",
        model={"dropout": 0.0},
        resume=resume,
    )
    return replace(found, run=replace(found.run, devices=devices))


def in_turns() -> FitOptions:
    """A model that freezes its encoder and its decoder in turns."""
    return options("rec-vae", epochs=3, model={"encoder_epochs": 1, "decoder_epochs": 1})


@contextmanager
def as_it_is() -> Iterator[None]:
    yield


@contextmanager
def every_part_counts_alike() -> Iterator[None]:
    """Plain averaging of gradients: a row of a small part counts more than one of a large part."""
    real = Entries.part
    with patch.object(Entries, "part", lambda self, rank, size: replace(real(self, rank, size), weight=1.0)):
        yield


@contextmanager
def nothing_shared_out() -> Iterator[None]:
    """Each process goes through all rows in an order of its own, in whole batches."""
    real = EntrySampler.__init__

    def alone(self: EntrySampler, *args: object, seed: int, world: object, **kwargs: object) -> None:
        real(self, *args, seed=seed + 1000 * world.rank, **kwargs)  # type: ignore[attr-defined,arg-type]

    with patch.object(EntrySampler, "__init__", alone):
        yield


VARIANTS = {"right": as_it_is, "unweighted": every_part_counts_alike, "unshared": nothing_shared_out}


def main(rank: int, port: int, folder: Path) -> None:
    os.environ |= {"TORCHELASTIC_RUN_ID": "test", "RANK": str(rank), "LOCAL_RANK": str(rank), "GROUP_RANK": "0"}
    os.environ |= {"WORLD_SIZE": str(SIZE), "LOCAL_WORLD_SIZE": str(SIZE), "MASTER_ADDR": "127.0.0.1"}
    runs = [(name, VARIANTS[name], exact_options()) for name in VARIANTS]
    runs += [("resumed", as_it_is, exact_options(epochs=2)), ("resumed", as_it_is, exact_options(resume=True))]
    runs += [("in-turns", as_it_is, in_turns())]
    for number, (name, variant, fit_options) in enumerate(runs):
        os.environ["MASTER_PORT"] = str(port + number)
        with variant():
            fitted(folder / name, exact_split(), fit_options)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
