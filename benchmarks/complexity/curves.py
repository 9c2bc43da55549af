"""Train as `prismrec train` does, and look at the latents along the way: what they carry, and what they cost."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Final

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from bundle.catalogue import Catalogue
from training.batches import TrainingRows, training_loader
from training.data.split import Split
from training.entries import EntrySampler
from training.evaluate.measure import measurable, ndcg_of
from training.guided.guidance import guidance_of
from training.guided.settings import AUTO, GuideConfig
from training.learner import Learner
from training.loop import ANNEAL_EPOCHS
from training.models.base import Posterior
from training.models.registry import config_for, make_model
from training.objective import kl_per_dimension
from training.options import FitConfig
from training.quiet import quiet, torch_state
from training.rows import sparse_rows

GROWTH: Final = 1.12
EVERY: Final = 40
RIDGES: Final = (5.0, 50.0, 500.0)
VALIDATION_USERS: Final = 300


@dataclass(frozen=True, slots=True)
class Subjects:
    """On whom the latents are read: histories CSR [n, n_items] and tastes [n, g]."""

    histories: sparse.csr_matrix
    tastes: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """What was seen after `steps` [p] optimiser steps.

    carried  [p, g]: held-out R2 of a ridge regression of each taste on z, drawn from the posterior. Not on mu: a random
             projection of a history has the tastes in it from the first step, and a latent that is all noise does not
             carry what its mean could tell
    axes     [p, g]: the highest |correlation| of a single z_i with each taste
    kl       [p, n_latent]: mean over the validation users, nats
    ndcg     [p]: ndcg@100 on the validation users
    """

    steps: tuple[int, ...]
    steps_per_epoch: int
    carried: tuple[tuple[float, ...], ...]
    axes: tuple[tuple[float, ...], ...]
    kl: tuple[tuple[float, ...], ...]
    ndcg: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Training:
    """The model and its training; it ends after `steps` optimiser steps. catalogue: of a guided model."""

    kind: str
    model: dict[str, Any]
    fit: FitConfig
    seed: int
    steps: int
    catalogue: Catalogue | None = None


def looked_at(last: int) -> list[int]:
    """Steps from 1 to `last`: each a tenth or so later than the one before, and every fortieth."""
    growing = GROWTH ** np.arange(math.ceil(math.log(max(last, 2)) / math.log(GROWTH)))
    found = np.unique(np.rint(np.concatenate([growing, np.arange(EVERY, last + 1, EVERY)])).astype(np.int64))
    return [int(step) for step in found if 1 <= step <= last]


class Watch(Callback):
    """Reads the latents of the subjects and of the validation users after the steps asked for."""

    def __init__(self, split: Split, subjects: Subjects, steps: list[int]) -> None:
        self.rows, self.tastes = sparse_rows(subjects.histories), subjects.tastes
        held_out = measurable(split.validation, what="validation")
        self.fold_in = held_out.fold_in[:VALIDATION_USERS]
        self.target = held_out.target[:VALIDATION_USERS]
        self.validation = sparse_rows(self.fold_in)
        self.wanted = set(steps)
        self.seen: list[int] = []
        self.carried: list[tuple[float, ...]] = []
        self.axes: list[tuple[float, ...]] = []
        self.kl: list[tuple[float, ...]] = []
        self.ndcg: list[float] = []

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step in self.wanted:
            assert isinstance(pl_module, Learner)
            self.seen.append(trainer.global_step)
            pl_module.eval()
            with torch.no_grad():
                self._look(pl_module.model)
            pl_module.train()

    def _look(self, model: Any) -> None:
        posterior = model.encode(self.rows)
        z = drawn(posterior).double().numpy()
        self.carried.append(tuple(held_out_r2(z, self.tastes).tolist()))
        self.axes.append(tuple(best_axis(z, self.tastes).tolist()))
        posterior = model.encode(self.validation)
        self.kl.append(tuple(kl_per_dimension(posterior).double().mean(dim=0).tolist()))
        model.start_validation()
        scores = model.score_at(posterior.mu, self.validation).float().numpy()
        self.ndcg.append(float(ndcg_of(scores, self.fold_in, self.target).mean()))


def train_and_watch(split: Split, subjects: Subjects, training: Training) -> Curve:
    """One training on one thread. The sampler, the learner and the optimiser are those of `prismrec train`."""
    fit = training.fit
    with torch_state(seed=training.seed, threads=1), quiet():
        warnings.filterwarnings("ignore", message=".*no `val_dataloader`.*")
        config = config_for(training.kind, training.model)
        guidance = None
        if training.catalogue is not None:
            guidance = guidance_of(GuideConfig(attributes=AUTO), config, split.train, training.catalogue)
        model = make_model(training.kind, n_items=split.train.shape[1], config=config)
        sampler = EntrySampler(split.train.shape[0], None, config=fit, seed=training.seed)
        watch = Watch(split, subjects, looked_at(training.steps))
        model.prepare(split.train, None)
        anneal_steps = fit.anneal_steps or ANNEAL_EPOCHS * len(sampler)
        learner = Learner(model, fit, anneal_steps=anneal_steps, seed=training.seed, guidance=guidance)
        trainer = pl.Trainer(
            accelerator="cpu",
            devices=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            max_steps=training.steps,
            callbacks=[watch],
        )
        trainer.fit(learner, training_loader(TrainingRows(split.train, None), sampler))
    return Curve(
        steps=tuple(watch.seen),
        steps_per_epoch=len(sampler),
        carried=tuple(watch.carried),
        axes=tuple(watch.axes),
        kl=tuple(watch.kl),
        ndcg=tuple(watch.ndcg),
    )


def drawn(posterior: Posterior) -> Tensor:
    """One z for each row, always with the same noise: curves do not flutter by it."""
    if posterior.logvar is None:
        return posterior.mu
    noise = torch.randn(posterior.mu.shape, generator=torch.Generator().manual_seed(0))
    return posterior.mu + noise * (0.5 * posterior.logvar).exp()


def standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Columns with mean 0 and deviation 1; a constant one is 0."""
    spread = values.std(axis=0)
    found: NDArray[np.float64] = (values - values.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf)
    return found


def held_out_r2(z: NDArray[np.float64], tastes: NDArray[np.float64]) -> NDArray[np.float64]:
    """[g]: the share of each taste's variance that a ridge regression on z explains on the other half of the users.

    A mean of two halves, with the best of RIDGES for each taste; it does not change when z is rotated.
    """
    codes, wanted, half = standardised(z), standardised(tastes), len(z) // 2
    found = np.zeros((len(RIDGES), wanted.shape[1]))
    for learned, tested in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        values, vectors = np.linalg.eigh(codes[learned].T @ codes[learned])
        onto = vectors.T @ codes[learned].T @ wanted[learned]
        for place, ridge in enumerate(RIDGES):
            weights = vectors @ (onto / (np.maximum(values, 0.0) + ridge)[:, None])
            residual = ((wanted[tested] - codes[tested] @ weights) ** 2).mean(axis=0)
            found[place] += 0.5 * (1.0 - residual / np.maximum(wanted[tested].var(axis=0), 1e-12))
    best: NDArray[np.float64] = found.max(axis=0)
    return best


def best_axis(z: NDArray[np.float64], tastes: NDArray[np.float64]) -> NDArray[np.float64]:
    """[g]: the highest |correlation| of one latent with each taste."""
    found: NDArray[np.float64] = np.abs(standardised(z).T @ standardised(tastes) / len(z)).max(axis=0)
    return found
