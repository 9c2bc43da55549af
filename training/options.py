"""How to train. Three things kept apart: what shapes the model (its config), what shapes training (FitConfig), and how
this one run is carried out (RunOptions), which must not change a figure on the same kind and number of devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from training.checked import checked
from training.guided.settings import GuideConfig
from training.models.base import ModelConfig
from training.precision import Precision
from training.run_info import Reading

PATIENCE = 10
CONDITION = "genre"
"""The attribute of a conditioned model unless another is named."""


class FitConfig(BaseModel):
    """Hyper-parameters of training; saved in the run. The defaults suit data sets of 10^4 to 10^7 interactions."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(default=100, ge=1, le=100_000, description="most passes over the training users")
    batch_size: int = Field(default=100, ge=1, le=100_000, description="training rows (user and condition) in a step")
    learning_rate: float = Field(default=1e-3, gt=0.0, le=1.0, description="of Adam; its peak in a one-cycle schedule")
    schedule: Literal["constant", "one-cycle"] = Field(
        default="constant",
        description="of the learning rate: one-cycle rises over the warm-up and falls to 0 at the last epoch, so that "
        "epochs is then the length of the training and not a limit",
    )
    warmup: float = Field(default=0.1, ge=0.0, lt=1.0, description="share of all steps over which a one-cycle rises")
    optimizer: Literal["adam", "adamw"] = Field(
        default="adam", description="adamw: the weight decay shrinks the weights themselves, not through the gradient"
    )
    weight_decay: float = Field(default=0.0, ge=0.0, le=1.0, description="L2 penalty of Adam on all weights")
    beta_cap: float = Field(default=0.25, ge=0.0, le=100.0, description="weight of the KL term once it is annealed")
    anneal_steps: int | None = Field(
        default=None,
        ge=1,
        description="steps over which beta grows linearly from 0 to its cap; none = those of 20 epochs",
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="epochs without a better validation ndcg@100 before training stops; none = 10, and all in a "
        "one-cycle schedule, whose best is at its end",
    )
    precision: Precision = Field(
        default="auto",
        description="of the output layer's products in training: fp32, bf16, or auto = bf16 where the processor "
        "multiplies it; a run records which it was",
    )
    sampled_items: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="sampled softmax for large catalogues: the loss is over the batch's items and this many others, "
        "drawn in each step; none = over all items",
    )
    condition_sampling: Literal["full", "balanced"] = Field(
        default="full",
        description="full: users ask for the values in their history; balanced: every value is asked for equally "
        "often, a rare one as often as a common one, by those who have it in their history",
    )
    conditions_per_user: int | None = Field(
        default=None,
        ge=1,
        description="condition values drawn anew for each user and epoch, in balanced sampling on average; none = as "
        "many as there are in the histories",
    )
    combined: float = Field(
        default=0.0, ge=0.0, le=10.0, description="rows with a pair of values added per epoch, as a share of the users"
    )
    combined_match: Literal["any", "all", "both"] = Field(
        default="any",
        description="what those rows ask for: items with any of the two values, with all of them, or half and half",
    )

    @model_validator(mode="after")
    def _weights_without_gradient_cannot_decay(self) -> Self:
        if self.sampled_items is not None and self.weight_decay:
            raise ValueError("sampled_items leaves most weights without a gradient in a step: set weight_decay to 0")
        return self

    @property
    def patience_epochs(self) -> int:
        """patience, or what stands for none."""
        if self.patience is not None:
            return self.patience
        return self.epochs if self.schedule == "one-cycle" else PATIENCE


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is carried out.

    seed      of the weights, the order of users, dropout and sampling
    device    auto = a GPU if there is one
    devices   processes on each machine, one for each GPU or several on the CPU, which share every batch; None = one,
              or as many as torchrun started
    nodes     machines; see training/world.py
    threads   of the CPU, of each process; None = torch's choice
    progress  auto = a bar on a terminal and a line per epoch elsewhere; plain = always lines; none = silence
    tracker   also send the epochs' figures to MLflow or Weights & Biases, if installed
    resume    go on with the run in the folder
    """

    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int | None = None
    nodes: int = 1
    threads: int | None = None
    progress: Literal["auto", "plain", "none"] = "auto"
    tracker: Literal["mlflow", "wandb"] | None = None
    resume: bool = False


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Everything `fit` needs beside the data.

    name        what the model will be called; data_name, source, reading: the data set's name, where it was read from
                and how
    kind        an entry of the model registry; model: its config (config_for(kind, ...))
    guide       which attributes are tied to latents
    condition   the item attribute whose values a conditioned model takes; ignored by the others
    """

    name: str
    data_name: str
    source: str
    kind: str
    model: ModelConfig
    fit: FitConfig = field(default_factory=FitConfig)
    run: RunOptions = field(default_factory=RunOptions)
    guide: GuideConfig = field(default_factory=GuideConfig)
    condition: str = CONDITION
    reading: Reading = field(default_factory=Reading)


def fit_config(overrides: Mapping[str, object] | None = None) -> FitConfig:
    """FitConfig's defaults with `overrides` on top; ConfigError for an unknown key or a value out of bounds."""
    return checked(FitConfig, overrides or {}, what="training")
