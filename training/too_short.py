"""Is a run likely too short? How many epochs a VAE needs until its latents carry the users' tastes.

Measured on families of synthetic data (`python -m benchmarks.complexity`, docs/results/complexity.md): it takes nearly
the same number of optimiser steps whatever the data, a few more for a large catalogue, so what predicts the epochs is
how many steps one has. The numbers below are that page's; a test compares them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.epochs import read_epochs
from training.optimiser import schedule
from training.options import FitConfig, fit_config
from training.run_folder import RunFolder
from training.run_info import RunInfo

PAGE: Final = "docs/results/complexity.md"
CONSTANT: Final = 27.5
ITEMS: Final = 0.285
"""steps = CONSTANT * n_items^ITEMS, with the settings of MEASURED_AT."""
LOW: Final = 0.59
HIGH: Final = 1.63
"""Measured / expected at the 5 % and the 95 % quantile of data sets of a family that was not fitted to."""
POWERS: Final[Mapping[str, float]] = {"learning_rate": -0.94, "batch_size": -0.34, "hidden": -0.75}
"""How the steps go with the settings."""
MEASURED_AT: Final[Mapping[str, float]] = {"learning_rate": 1e-3, "batch_size": 100, "hidden": 200}
GUIDED: Final = 0.37
"""Latents that are tied to the tastes carry them so much sooner."""
WITH_A_POSTERIOR: Final = frozenset({"mult-vae", "c-vae", "additive-vae", "rec-vae"})
"""Models with a KL for their latents to be active by, trained as the measured one is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A training. n_users: of the training part; hidden: units of its hidden layer; guided: its latents are tied."""

    fit: FitConfig
    n_users: int
    n_items: int
    hidden: int
    guided: bool = False

    @property
    def steps_per_epoch(self) -> int:
        """With one row for each user."""
        return math.ceil(self.n_users / self.fit.batch_size)


@dataclass(frozen=True, slots=True)
class Expected:
    """Epochs until the latents are active, with the 90 % interval over data sets."""

    epochs: float
    low: float
    high: float


def expected_steps(plan: Plan) -> float:
    """Optimiser steps at the full learning rate until the latents are active."""
    batch = min(plan.fit.batch_size, plan.n_users)
    asked = {"learning_rate": plan.fit.learning_rate, "batch_size": batch, "hidden": max(plan.hidden, 1)}
    scale: float = math.prod((asked[name] / MEASURED_AT[name]) ** power for name, power in POWERS.items())
    return float(CONSTANT * float(plan.n_items) ** ITEMS * scale * (GUIDED if plan.guided else 1.0))


def expected_epochs(plan: Plan, *, steps_per_epoch: int | None = None) -> Expected:
    """Epochs until the latents are active; of a one-cycle schedule, how long it should be all in all.

    steps_per_epoch: of a model that is trained on more rows than users; None = a row for each user.
    """
    in_one = steps_per_epoch or plan.steps_per_epoch
    epochs = expected_steps(plan) / in_one
    if plan.fit.schedule != "constant":
        whole = plan.fit.epochs * in_one
        epochs *= whole / float(worth(plan.fit, whole)[-1])
    return Expected(epochs, LOW * epochs, HIGH * epochs)


def worth(fit: FitConfig, total_steps: int, *, power: float = POWERS["learning_rate"]) -> NDArray[np.float64]:
    """After each of `total_steps` steps [total_steps]: how many steps at the full learning rate they are worth.

    power: of the learning rate, as the steps go with it.
    """
    if fit.schedule == "constant":
        return np.arange(1, total_steps + 1, dtype=np.float64)
    share = schedule(fit, total_steps=total_steps)
    shares = np.array([share(step) for step in range(total_steps)])
    return np.cumsum(shares**-power)


def notes_on_length(run: RunFolder, info: RunInfo) -> tuple[str, ...]:
    """The sentence of `too_short`, with the steps per epoch that the run took; nothing where its metrics are not."""
    first = read_epochs(run.metrics)[:1] if run.metrics.is_file() else ()
    sentence = too_short(info, steps_per_epoch=first[0].step) if first else None
    return () if sentence is None else (sentence,)


def too_short(info: RunInfo, *, steps_per_epoch: int) -> str | None:
    """A sentence when the weights that were kept have been trained for less than 19 in 20 data sets need, else None.

    None, too, for a run that was interrupted and for models on which nothing was measured.
    """
    summary = info.summary
    if summary is None or summary.stopped == "interrupted" or info.kind not in WITH_A_POSTERIOR:
        return None
    plan, trained = plan_of(info), summary.best_epoch + 1
    done = worth(plan.fit, plan.fit.epochs * steps_per_epoch)
    needed = LOW * expected_steps(plan)
    if done[trained * steps_per_epoch - 1] >= needed:
        return None
    expected = expected_epochs(plan, steps_per_epoch=steps_per_epoch)
    low, typical, high = (math.ceil(epochs) for epochs in (expected.low, expected.epochs, expected.high))
    later = done[min(summary.epochs * steps_per_epoch, len(done)) - 1] >= needed
    advice = "what came later was worse on the validation users" if later else "train for more epochs"
    return (
        f"likely too short for latents that can be read: the weights kept are those after {trained} epochs of "
        f"{steps_per_epoch} steps, about {typical} are expected until they carry the users' tastes ({low} to {high} on "
        f"synthetic data, see {PAGE}); {advice}"
    )


def plan_of(info: RunInfo) -> Plan:
    """What a run was trained with."""
    hidden, latent = info.config.get("hidden"), info.config.get("latent")
    return Plan(
        fit=fit_config(info.fit),
        n_users=info.data.n_users,
        n_items=info.data.n_items,
        hidden=int(hidden or latent or MEASURED_AT["hidden"]),
        guided=bool(info.guides) and float(info.guide.get("weight") or 0.0) > 0.0,
    )
