"""Lightning's chatter is kept from the user, and torch's global state is given back as it was found."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_LOGGERS = ("lightning.pytorch", "lightning.fabric")
_WARNINGS = (
    r".*does not have many workers.*",  # batches are cheap to make; workers would copy the data
    r".*GPU available but not used.*",  # the user said --device cpu
    r".*Checkpoint directory .* exists and is not empty.*",
    r".*Found keys that are not in the model state dict.*",
    r".*`broadcast_buffers` is deprecated.*",  # its successor is not in every torch that we run with
    r".*recommended to use `self\.log\(.*sync_dist=True.*",  # the processes' sums are added before it is logged
    r".*isinstance\(treespec, LeafSpec\).*",  # torch's deprecation, met inside Lightning
)


@contextmanager
def quiet() -> Iterator[None]:
    """Only errors of Lightning's loggers, and none of the warnings that say nothing about this run."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in _WARNINGS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def torch_state(*, seed: int, threads: int | None) -> Iterator[None]:
    """Seed torch's generators and set its CPU threads; both are as before afterwards."""
    before = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
