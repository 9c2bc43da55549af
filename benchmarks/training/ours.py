"""The project's own training step, as `prismrec train` takes it: Lightning, the learner, the sampler, the loader."""

from __future__ import annotations

import time
import warnings
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from scipy import sparse

from training.batches import TrainingRows, training_loader
from training.entries import EntrySampler
from training.learner import Learner
from training.models.base import LatentModel
from training.models.registry import config_for, make_model
from training.options import FitConfig
from training.quiet import quiet, torch_state


class StepClock(Callback):
    """When each step was finished."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.at.append(time.perf_counter())


def seconds_of_steps(
    train: sparse.csr_matrix, config: FitConfig, *, steps: int, warm: int, model: dict[str, object] | None = None
) -> list[float]:
    """Seconds of each of `steps` steps after `warm` others, batches, logging and the turn of an epoch included."""
    clock = StepClock()
    _train(train, config, model=model, max_steps=warm + steps, callbacks=[clock])
    return [after - before for before, after in zip(clock.at[warm - 1 :], clock.at[warm:], strict=False)]


def trained(train: sparse.csr_matrix, config: FitConfig, *, seed: int) -> LatentModel:
    """The model after all epochs of config, in eval mode."""
    return _train(train, config, seed=seed, max_epochs=config.epochs).eval()


def _train(
    train: sparse.csr_matrix,
    config: FitConfig,
    *,
    model: dict[str, object] | None = None,
    seed: int = 0,
    **limits: Any,
) -> LatentModel:
    with torch_state(seed=seed, threads=None), quiet():
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")  # that is what is meant; quiet() undoes it
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **limits,
        )
        network = make_model("mult-vae", n_items=train.shape[1], config=config_for("mult-vae", model or {}))
        sampler = EntrySampler(train.shape[0], None, config=config, seed=seed)
        learner = Learner(network, config, anneal_steps=config.anneal_steps or 20 * len(sampler), seed=seed)
        trainer.fit(learner, training_loader(TrainingRows(train, None), sampler))
    return network
