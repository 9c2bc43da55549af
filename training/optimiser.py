"""The optimiser of a run and how its learning rate moves: Adam (Kingma & Ba 2015, arXiv 1412.6980)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from training.options import FitConfig

FIRST_SHARE = 0.04
"""A one-cycle schedule starts at this share of its peak."""


def optimiser_for(model: nn.Module, config: FitConfig, *, total_steps: int) -> tuple[torch.optim.Optimizer, LambdaLR]:
    """The optimiser and the schedule, which steps after every optimiser step. Both are saved in a checkpoint."""
    optimiser = RowAdam(
        model.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        decoupled_weight_decay=config.optimizer == "adamw",
        fused=True,
    )
    return optimiser, LambdaLR(optimiser, schedule(config, total_steps=total_steps))


def schedule(config: FitConfig, *, total_steps: int) -> Callable[[int], float]:
    """Step from 0 -> share of FitConfig.learning_rate.

    one-cycle: up in a straight line over the warm-up, then down to 0 along half a cosine (after Smith & Topin 2017,
    arXiv 1708.07120). A function of the step alone, so a resumed run goes on as if nothing had happened.
    """
    if config.schedule == "constant":
        return lambda step: 1.0
    rising = max(1, round(config.warmup * total_steps))

    def share(step: int) -> float:
        if step < rising:
            return FIRST_SHARE + (1.0 - FIRST_SHARE) * step / rising
        done = min(1.0, (step - rising) / max(1, total_steps - rising))
        return 0.5 * (1.0 + math.cos(math.pi * done))

    return share


class RowAdam(torch.optim.Adam):
    """Adam; of a matrix with a sparse gradient only the rows that have one are changed, and only their moments.

    A large catalogue's matrices get such gradients (FitConfig.sampled_items): a step then costs the rows in it instead
    of all. Moments of the other rows rest until they are met again (lazy Adam, as torch.optim.SparseAdam).
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        by_rows = [
            (group, parameter, parameter.grad)
            for group in self.param_groups
            for parameter in group["params"]
            if parameter.grad is not None and parameter.grad.is_sparse
        ]
        for _, parameter, _ in by_rows:
            parameter.grad = None  # for Adam proper there is nothing to do here
        super().step()
        for group, parameter, gradient in by_rows:
            parameter.grad = gradient
            self._step_rows(group, parameter, gradient.coalesce())
        return loss

    def _step_rows(self, group: dict[str, Any], parameter: Tensor, gradient: Tensor) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        rows, found, (first, second) = gradient.indices()[0], gradient.values(), group["betas"]
        mean = state["exp_avg"].index_select(0, rows).lerp_(found, 1.0 - first)
        square = state["exp_avg_sq"].index_select(0, rows).mul_(second).addcmul_(found, found, value=1.0 - second)
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        step = float(state["step"])
        spread = square.sqrt_().div_(math.sqrt(1.0 - second**step)).add_(group["eps"])
        change = mean.div_(spread).mul_(-float(group["lr"]) / (1.0 - first**step))
        parameter.index_add_(0, rows, change)
