"""One training step and one validation pass, as PyTorch Lightning calls them."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from training.batches import Batch
from training.data.split import HeldOut
from training.errors import FitError
from training.evaluate.measure import ndcg_of
from training.guided.guidance import Guidance
from training.guided.head import GuideHead
from training.models.base import LatentModel
from training.objective import ACTIVE_NATS, Loss, kl_per_dimension, varying
from training.optimiser import optimiser_for
from training.options import FitConfig
from training.output_loss import Walk
from training.precision import dtype_of, resolved
from training.rows import sparse_rows

MONITOR = "ndcg@100"


class Learner(pl.LightningModule):
    """Trains `model`; every random number of step s is a function of (seed, s), so a resumed run draws the same.

    Several processes draw differently, each for its own rows, and agree on every figure.
    """

    def __init__(
        self,
        model: LatentModel,
        config: FitConfig,
        *,
        anneal_steps: int,
        seed: int,
        guidance: Guidance | None = None,
    ) -> None:
        super().__init__()
        self.model, self.config, self.anneal_steps, self.seed = model, config, anneal_steps, seed
        self.guide = None if guidance is None else GuideHead(guidance, n_latent=model.n_latent)
        self.kl_sums, self.mu_sums, self.mu_squares = torch.zeros(3, model.n_latent, dtype=torch.float64)
        self.n_validated, self.ndcg_sum = 0, 0.0
        self.has_posterior = True
        self.loss_sums = torch.zeros(4, dtype=torch.float64)

    def on_fit_start(self) -> None:
        dtype = dtype_of(resolved(self.config.precision, self.device.type))
        self.model.walk = Walk(dtype, sampled_items=self.config.sampled_items, sparse=self.trainer.world_size == 1)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimiser, schedule = optimiser_for(self, self.config, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch.to(device) if isinstance(batch, Batch) else batch  # validation reads SciPy rows

    def beta(self, step: int) -> float:
        """The weight of the KL term at a step: linear from 0 to the cap."""
        return self.config.beta_cap * min(1.0, step / self.anneal_steps)

    def on_train_epoch_start(self) -> None:
        self.model.start_epoch(self.current_epoch)
        self.loss_sums.zero_()

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """The loss of one batch; FitError naming the step when it is not finite."""
        seed_all(step_seed(self.seed, self.global_step, rank=self.global_rank))
        beta = self.beta(self.global_step)
        loss = self.model.loss(batch.history, batch.target, condition=batch.condition, beta=beta)
        total = loss.total
        if self.guide is not None:
            total = total + self.guide.loss(loss.mu, batch.history, batch.condition)
        broken = not math.isfinite(total.item())
        if self.trainer.strategy.reduce_boolean_decision(broken, all=False):  # in any process: all stop at this step
            found = total.item() if broken else "not finite in another process"
            raise FitError(
                f"the loss is {found} at step {self.global_step} (epoch {self.current_epoch})",
                hint="train with a lower learning_rate; the best checkpoint so far, if any, is kept in best.pt",
            )
        self._add(total, loss, batch.n_counted)
        return total if batch.weight == 1.0 else total * batch.weight

    def _add(self, total: Tensor, loss: Loss, n_rows: int) -> None:
        """To the epoch's sums. Lightning's own averaging costs as much as a small product, in every step."""
        parts = torch.stack([total, loss.reconstruction, loss.kl, torch.ones_like(total)]).detach()
        self.loss_sums += n_rows * parts.cpu().double()

    def on_train_epoch_end(self) -> None:
        """The means over the epoch's rows, in all processes."""
        *sums, n_rows = self.trainer.strategy.reduce(self.loss_sums.to(self.device), reduce_op="sum").tolist()
        for name, total in zip(("loss", "reconstruction", "kl"), sums, strict=True):
            self.log(name, total / n_rows)
        self.log("beta", self.beta(self.global_step - 1))

    def on_validation_epoch_start(self) -> None:
        for sums in (self.kl_sums, self.mu_sums, self.mu_squares):
            sums.zero_()
        self.n_validated, self.ndcg_sum = 0, 0.0
        self.model.start_validation()

    def validation_step(self, batch: HeldOut, _index: int) -> None:
        """ndcg@100 of unconditioned lists, by the code that evaluates; and the KL of every latent."""
        rows = sparse_rows(batch.fold_in).to(self.device)
        posterior = self.model.encode(rows)
        scores = self.model.score_at(posterior.mu, rows).float().cpu().numpy()
        if not np.isfinite(scores).all():
            self.ndcg_sum = math.nan  # seen by all processes when the sums are joined
        self.ndcg_sum += float(ndcg_of(scores, batch.fold_in, batch.target).sum())
        mu = posterior.mu.double()
        self.kl_sums += kl_per_dimension(posterior).double().sum(dim=0).cpu()
        self.mu_sums += mu.sum(dim=0).cpu()
        self.mu_squares += mu.square().sum(dim=0).cpu()
        self.n_validated += len(rows)
        self.has_posterior = posterior.logvar is not None

    def on_validation_epoch_end(self) -> None:
        """From each process' sums to those of all of them, and the mean of the metric."""
        own = torch.tensor([self.n_validated, self.ndcg_sum], dtype=torch.float64)
        sums = torch.cat([own, self.kl_sums, self.mu_sums, self.mu_squares]).to(self.device)
        sums = self.trainer.strategy.reduce(sums, reduce_op="sum").cpu()
        counted, self.kl_sums, self.mu_sums, self.mu_squares = sums.split([2, *[self.model.n_latent] * 3])
        self.n_validated, self.ndcg_sum = int(counted[0]), float(counted[1])
        if not math.isfinite(self.ndcg_sum):
            raise FitError(
                f"the model's scores are not finite after step {self.global_step - 1} (epoch {self.current_epoch})",
                hint="train with a lower learning_rate; the best checkpoint so far, if any, is kept in best.pt",
            )
        self.log(MONITOR, self.ndcg_sum / self.n_validated, on_epoch=True)

    def kl_per_latent(self) -> list[float]:
        """Mean KL of each latent over the validation users, in nats, after a validation pass."""
        kl: list[float] = (self.kl_sums / max(self.n_validated, 1)).tolist()
        return kl

    def active_latents(self) -> int:
        """How many latents carry anything: by their KL, or for a model without a posterior by their variance."""
        if self.has_posterior:
            return active_units(self.kl_per_latent())
        n = max(self.n_validated, 1)
        variance = (self.mu_squares / n - (self.mu_sums / n).square()).clamp(min=0.0)
        return int(varying(variance.numpy()).sum())


def step_seed(seed: int, step: int, *, rank: int = 0) -> int:
    """A 64-bit seed for one step of one run, in one process."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0])


def seed_all(seed: int) -> None:
    """torch.manual_seed for the CPU and the GPUs in use. Where there is none, that function would remember every call
    for a GPU to come, with a stack trace: a millisecond a step, and memory that grows with the steps."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)


def active_units(kl: list[float]) -> int:
    """How many latents of a model with a posterior carry anything."""
    return sum(value > ACTIVE_NATS for value in kl)
