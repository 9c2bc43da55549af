"""What happens at the end of a step and of an epoch: figures written, checkpoints kept, Ctrl-C obeyed.

Of several processes that train together each has these callbacks, all come to the same figures, and the first writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping
from torch import Tensor

from training.epochs import EpochFigures, EpochListener, append_epoch, drop_epochs_from
from training.interrupt import Interrupt, TrainingInterrupted
from training.learner import MONITOR, Learner
from training.models.weights import weights_of
from training.run_folder import RunFolder
from training.writer import Writer


class StepWatch(Callback):
    """After every step: show it, and leave if Ctrl-C was pressed; several processes leave together."""

    def __init__(self, listener: EpochListener, interrupt: Interrupt) -> None:
        self.listener, self.interrupt = listener, interrupt

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.listener.step(batch_idx + 1, int(trainer.num_training_batches))
        if trainer.strategy.reduce_boolean_decision(self.interrupt.asked, all=False):
            raise TrainingInterrupted


class Patience(EarlyStopping):
    """Lightning's early stopping on MONITOR; a run that was killed after it had run out does not go on when resumed."""

    def __init__(self, patience: int) -> None:
        super().__init__(MONITOR, mode="max", patience=patience, check_on_train_epoch_end=True)

    @property
    def ran_out(self) -> bool:
        return bool(self.wait_count >= self.patience)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        trainer.should_stop = trainer.should_stop or self.ran_out


class Keeper(Checkpoint):
    """At the end of every epoch, after early stopping: best.pt if it is the best, a line of metrics, last.ckpt.

    The two files are replaced while the next epoch trains, in this order: killed before the second, a resumed run does
    the epoch again and writes the same once more. Lightning puts a Checkpoint behind all other callbacks, so last.ckpt
    holds their state of this epoch.
    """

    def __init__(
        self, run: RunFolder, listener: EpochListener, *, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.run, self.listener, self.clock = run, listener, clock
        self.best_ndcg, self.best_epoch, self.best_active = float("-inf"), -1, 0
        self.epochs, self.seconds = 0, 0.0
        self._started = 0.0
        self._writer = Writer()

    def state_dict(self) -> dict[str, Any]:
        names = ("best_ndcg", "best_epoch", "best_active", "epochs", "seconds")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for name, value in state_dict.items():
            setattr(self, name, value)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            drop_epochs_from(self.run.metrics, self.epochs)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = self.clock()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        self._writer.wait()
        figures = self._figures(trainer, pl_module)
        if figures.best:
            self.best_ndcg, self.best_epoch = figures.ndcg, figures.epoch
            self.best_active = figures.active_units
            if trainer.is_global_zero:
                self._writer.soon(partial(self.run.write, self.run.best, weights_of(pl_module.model)))
        self.epochs, self.seconds = figures.epoch + 1, self.seconds + figures.seconds
        if trainer.is_global_zero:
            append_epoch(self.run.metrics, figures)
        self._save_last(trainer)
        self.listener.epoch(figures)

    def _save_last(self, trainer: pl.Trainer) -> None:
        """The trainer's state beside last.ckpt, which it replaces. Every process must call it; the first writes."""
        staged = self.run.last.with_name(f".{self.run.last.name}.staged")
        trainer.save_checkpoint(staged)
        if trainer.is_global_zero:
            self._writer.soon(partial(staged.replace, self.run.last))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._writer.wait()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._writer.wait()

    def _figures(self, trainer: pl.Trainer, learner: Learner) -> EpochFigures:
        logged: dict[str, Tensor] = trainer.callback_metrics
        kl, ndcg = learner.kl_per_latent(), float(logged[MONITOR])
        return EpochFigures(
            epoch=trainer.current_epoch,
            step=trainer.global_step,
            loss=float(logged["loss"]),
            reconstruction=float(logged["reconstruction"]),
            kl=float(logged["kl"]),
            beta=float(logged["beta"]),
            ndcg=ndcg,
            best=ndcg > self.best_ndcg,
            active_units=learner.active_latents(),
            seconds=self.clock() - self._started,
            kl_per_latent=tuple(kl),
        )
