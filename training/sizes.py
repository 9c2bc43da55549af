"""Does the model fit into this machine at all? Asked before the data are written and an hour is spent."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from training.data.split import Split
from training.errors import ConfigError
from training.evaluate.measure import BATCH, users_at_once
from training.machine import memory_bytes
from training.models.registry import make_model
from training.options import FitOptions
from training.start import device_of

BYTES_PER_WEIGHT = 12
"""A float32 and Adam's two moments of it: what nothing can do without."""


@dataclass(frozen=True, slots=True)
class Need:
    """The least memory that training takes, in bytes: weights with Adam's moments, buffers, a block of scores."""

    weights: int
    buffers: int
    scores: int

    @property
    def total(self) -> int:
        return self.weights + self.buffers + self.scores


def least_memory(options: FitOptions, *, n_items: int, n_conditions: int, n_validated: int = BATCH) -> Need:
    """Reckoned from a model without storage; costs milliseconds and no memory, whatever the sizes."""
    with torch.device("meta"):
        model = make_model(options.kind, n_items=n_items, n_conditions=n_conditions, config=options.model)
    return Need(
        weights=BYTES_PER_WEIGHT * sum(weight.numel() for weight in model.parameters()),
        buffers=sum(buffer.numel() * buffer.element_size() for buffer in model.buffers()),
        scores=4 * n_items * min(n_validated, users_at_once(n_items)),
    )


def check_fits(options: FitOptions, split: Split, *, n_conditions: int) -> None:
    """ConfigError when this machine has less memory than training on this split takes at least."""
    n_items, n_validated = split.train.shape[1], len(split.validation.users)
    need = least_memory(options, n_items=n_items, n_conditions=n_conditions, n_validated=n_validated)
    check_sizes(options, need, device=device_of(options.run.device))


def check_sizes(options: FitOptions, need: Need, *, device: str, memory: int | None = None) -> None:
    """ConfigError when training cannot fit. memory: bytes that there are; None = what this machine (or its GPU) has."""
    there = memory if memory is not None else _memory_of(device)
    if there is None or need.total <= there:
        return
    sizes = ", ".join(f"{key} {value}" for key, value in options.model.model_dump().items() if isinstance(value, int))
    raise ConfigError(
        f"the {options.kind} of {sizes} needs at least {_gb(need.total)} ({_gb(need.weights)} of them for the weights "
        f"and Adam's moments, {_gb(need.scores)} for a block of scores); the {device} has {_gb(there)}",
        hint="make it smaller, e.g. --set hidden=... or latent=..., or leave items out of the data",
    )


def _memory_of(device: str) -> int | None:
    return int(torch.cuda.get_device_properties(0).total_memory) if device == "cuda" else memory_bytes()


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:,.1f} GB"
