"""Golden users: made-up histories whose answers travel with the bundle, and held-out users that never leave the run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import GoldenCase
from training.data.split import HeldOut
from training.errors import ExportError
from training.export.parity import GoldenUser, OnnxModel, top_items, torch_logits
from training.models.base import LatentModel

LENGTHS = (0, 1, 2, 3, 8, 21, 55, 144)
"""Of the made-up histories, as far as the catalogue goes."""
CONDITIONED = 8
"""At most so many condition values get a case of their own, and one case asks for two at once."""
N_TOP = 20
TOLERANCE = 1e-4
N_HELD_OUT = 64


def made_up_users(popularity: NDArray[np.float64], *, n_conditions: int, seed: int) -> tuple[GoldenUser, ...]:
    """Histories drawn from item popularity [n_items] without replacement: nobody's, and the same for the same seed."""
    rng = np.random.default_rng(seed)
    shares = popularity + 1.0 / len(popularity) ** 2  # an item that nobody took may be drawn too
    shares = shares / shares.sum()

    def history(length: int) -> tuple[int, ...]:
        drawn = rng.choice(len(shares), size=length, replace=False, p=shares)
        return tuple(int(ix) for ix in np.sort(drawn))

    lengths = sorted({min(length, len(shares)) for length in LENGTHS})
    users = [GoldenUser(history(length)) for length in lengths]
    asked: list[tuple[int, ...]] = [(value,) for value in range(min(n_conditions, CONDITIONED))]
    if n_conditions > 1:
        asked.append((0, 1))
    users += [GoldenUser(history(min(8, len(shares))), condition) for condition in asked]
    return tuple(users)


def held_out_users(heldout: HeldOut, *, n_conditions: int) -> tuple[GoldenUser, ...]:
    """The first held-out users' fold-ins, every second one under a condition. Used for parity, never stored."""
    users = []
    for row in range(min(N_HELD_OUT, heldout.fold_in.shape[0])):
        items = heldout.fold_in[row].indices
        condition = (row // 2 % n_conditions,) if n_conditions and row % 2 else ()
        users.append(GoldenUser(tuple(int(ix) for ix in items), condition))
    return tuple(users)


def golden_cases(model: LatentModel, users: tuple[GoldenUser, ...]) -> tuple[GoldenCase, ...]:
    """What torch answers to each user: the top items (ties by index) and their logits."""
    cases = []
    for user, logits in zip(users, torch_logits(model, users), strict=True):
        top = top_items(logits, N_TOP)
        cases.append(
            GoldenCase(
                history=user.history,
                condition=user.condition,
                top_items=tuple(int(ix) for ix in top),
                scores=tuple(float(score) for score in logits[top]),
                tolerance=TOLERANCE,
            )
        )
    return tuple(cases)


def check_golden(onnx_model: OnnxModel, cases: tuple[GoldenCase, ...]) -> None:
    """Raise ExportError unless the graphs, as they were read back, give every golden answer."""
    for number, case in enumerate(cases):
        logits = onnx_model.logits([GoldenUser(case.history, case.condition)])[0]
        off = float(np.nan_to_num(np.abs(logits[list(case.top_items)] - case.scores), nan=np.inf).max())
        if off > case.tolerance:
            raise ExportError(
                f"golden case {number} is off by {off:.3g} in the bundle as read back, at most {case.tolerance:g}",
                hint="the disk or the memory may be at fault; export again, elsewhere if it happens twice",
            )
