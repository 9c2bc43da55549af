"""Where an epoch's figures are sent: TensorBoard always, MLflow or Weights & Biases by a flag."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Literal

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from training.errors import ConfigError
from training.run_folder import RunFolder

Tracker = Literal["mlflow", "wandb"]


def check_tracker(tracker: Tracker | None) -> None:
    """ConfigError, before training starts, when the tracker's package is not installed."""
    if tracker is not None and find_spec(tracker) is None:
        raise ConfigError(
            f"--tracker {tracker} needs the package {tracker}, which is not installed",
            hint="pip install 'prismrec[track]', or leave --tracker out",
        )


def loggers_for(run: RunFolder, *, name: str, tracker: Tracker | None) -> list[Logger]:
    """TensorBoard in the run's folder, and the tracker asked for (with its own environment variables).

    Without MLFLOW_TRACKING_URI, MLflow writes to a SQLite file in the run's folder: recent releases refuse plain files.
    """
    loggers: list[Logger] = [
        TensorBoardLogger(run.path, name=run.tensorboard.name, version="", default_hp_metric=False)
    ]
    if tracker == "mlflow":
        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{run.path.absolute() / 'mlflow.db'}"
        loggers.append(MLFlowLogger(experiment_name="prismrec", run_name=name, tracking_uri=uri))
    if tracker == "wandb":
        loggers.append(WandbLogger(project="prismrec", name=name, save_dir=run.path))
    return loggers
