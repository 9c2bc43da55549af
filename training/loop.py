"""Lightning's trainer for one run: set up, run from the last checkpoint, and why it ended."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch.utils.data import DataLoader

from training.batches import Batch, TrainingRows, training_loader, validation_loader
from training.callbacks import Keeper, Patience, StepWatch
from training.data.split import HeldOut
from training.entries import EntrySampler, seen_values
from training.errors import FitError, NothingKeptError
from training.evaluate.measure import measurable
from training.interrupt import TrainingInterrupted
from training.learner import Learner
from training.models.base import LatentModel
from training.models.registry import entry_for, make_model
from training.options import FitOptions
from training.start import device_of
from training.together import Job
from training.trackers import loggers_for
from training.world import Processes, World

ANNEAL_EPOCHS = 20
Stopped = Literal["epochs", "patience", "interrupted"]


@dataclass(frozen=True, slots=True)
class Loop:
    """Lightning's objects for one run."""

    learner: Learner
    trainer: pl.Trainer
    patience: Patience
    keeper: Keeper
    rows: DataLoader[Batch]
    validation: DataLoader[HeldOut]


def set_up(job: Job, *, watch: StepWatch) -> Loop:
    split, inputs, options = job.split, job.inputs, job.options
    n_users, n_items = split.train.shape
    asked = None if entry_for(options.kind).by_rule else inputs.members  # of the rows that ask for a value
    seen = None if asked is None else seen_values(split.train, asked)
    sampler = EntrySampler(n_users, seen, config=options.fit, seed=options.run.seed, world=job.world)
    model = make_model(
        options.kind,
        n_items=n_items,
        n_conditions=len(inputs.conditions.values),
        config=options.model,
        guided=inputs.guidance is not None,
    )
    anneal_steps = options.fit.anneal_steps or ANNEAL_EPOCHS * len(sampler)
    patience = Patience(options.fit.patience_epochs)
    keeper = Keeper(job.run, watch.listener)
    started = keeper.clock()
    model.prepare(split.train, inputs.members)
    keeper.seconds = keeper.clock() - started  # it counts as training
    trainer = pl.Trainer(
        accelerator="gpu" if device_of(options.run.device) == "cuda" else "cpu",
        devices=job.world.devices,
        num_nodes=job.world.nodes,
        strategy=strategy_for(job.world, model),
        use_distributed_sampler=False,  # the sampler and the validation know their part
        max_epochs=options.fit.epochs,
        logger=loggers_for(job.run, name=options.name, tracker=options.run.tracker),
        callbacks=[watch, patience, keeper],
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    return Loop(
        learner=Learner(model, options.fit, anneal_steps=anneal_steps, seed=options.run.seed, guidance=inputs.guidance),
        trainer=trainer,
        patience=patience,
        keeper=keeper,
        rows=training_loader(TrainingRows(split.train, asked), sampler),
        validation=validation_loader(measurable(split.validation, what="validation"), world=job.world),
    )


def strategy_for(world: World, model: LatentModel) -> DDPStrategy | str:
    """Lightning's DDP for several processes. A model with a start_epoch of its own may freeze parts of itself there:
    their gradients are not waited for."""
    if world.size == 1:
        return "auto"
    return DDPStrategy(
        cluster_environment=Processes(world),
        find_unused_parameters=type(model).start_epoch is not LatentModel.start_epoch,
        broadcast_buffers=False,  # there are none that change, and validation has not the same steps everywhere
    )


def run_loop(loop: Loop, job: Job) -> Stopped:
    """Run the trainer from last.ckpt or the beginning, and say why it ended."""
    run, options = job.run, job.options
    checkpoint = run.last if options.run.resume and run.last.exists() else None
    if checkpoint is not None:
        _check_readable(checkpoint)
    try:
        loop.trainer.fit(loop.learner, loop.rows, loop.validation, ckpt_path=checkpoint, weights_only=True)
    except TrainingInterrupted:
        if loop.keeper.epochs == 0:
            raise NothingKeptError(
                "stopped before the first epoch was finished: there is no checkpoint to keep",
                hint=f"train again with --resume into {run.path}",
            ) from None
        return "interrupted"
    except RuntimeError as error:
        raise _explained(error, loop, options) from error
    return "patience" if loop.patience.ran_out else "epochs"


def _explained(error: RuntimeError, loop: Loop, options: FitOptions) -> Exception:
    """Advice with numbers when memory ran out; any other error as it is."""
    out_of_memory = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
    if not out_of_memory:
        return error
    size, n_items = options.fit.batch_size, loop.learner.model.n_items
    smaller = f"set batch_size to {max(1, size // 2)} or less"
    sampled = f", or sampled_items (the catalogue has {n_items})" if options.fit.sampled_items is None else ""
    return FitError(
        f"out of memory in training with batch_size {size} and {n_items} items",
        hint=f"{smaller}{sampled}, and train again in a new folder",
    )


def _check_readable(checkpoint: Path) -> None:
    try:
        torch.load(checkpoint, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise FitError(
            f"{checkpoint} is not a readable checkpoint ({type(error).__name__})",
            hint="train again in a new folder; best.pt, if it is there, can still be evaluated and exported",
        ) from error
