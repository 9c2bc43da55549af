"""Weights on disk: a plain state_dict, read back without unpickling anything but tensors."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import torch

from training.errors import FitError
from training.models.base import LatentModel
from training.models.registry import make_model
from training.run_info import RunInfo


def weights_of(model: LatentModel) -> bytes:
    """The model's state_dict as bytes, on the CPU."""
    buffer = io.BytesIO()
    torch.save({name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}, buffer)
    return buffer.getvalue()


def load_model(info: RunInfo, path: Path, *, n_items: int) -> LatentModel:
    """The model of a run in eval mode on the CPU. FitError when the weights do not fit its configuration."""
    with torch.random.fork_rng(devices=[]):  # the initial weights are thrown away: draw them from nobody's stream
        model = make_model(
            info.kind,
            n_items=n_items,
            n_conditions=len(info.conditions.values),
            config=info.config,
            guided=bool(info.guides),
        )
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise FitError(
            f"{path} does not hold the weights of this {info.kind}: {type(error).__name__}", hint="train the run again"
        ) from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values()):
        raise FitError(
            f"{path} holds weights that are not finite", hint="train the run again with a lower learning rate"
        )
    return model.eval()
