"""The steering score of an axis or a direction: what moving held-out users by one standard deviation does to lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.carriers import Steered
from training.decode.attribute_table import AttributeTable
from training.evaluate.measure import DEPTH, LIST_LENGTH
from training.evaluate.moved import Moved, shares_of

RESAMPLES = 1000
ENDS = (0.025, 0.975)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Move:
    """A move by one sd to either side: gains float32 [n, v] per user, of every value's share; kept: see Steered."""

    gains: NDArray[np.float32]
    kept: float | None


class Mover:
    """Moves the same users by +1 and -1 sd of anything. Two decodings of them for each move."""

    def __init__(self, users: Moved, table: AttributeTable, rng: np.random.Generator) -> None:
        self._users, self._members = users, (table.shares > 0).astype(np.float32)
        n = len(users)
        self._weights = rng.multinomial(n, np.full(n, 1.0 / n), size=RESAMPLES) / n
        self._unmoved = self._ndcg(users.lists(np.zeros(users.mu.shape[1])))

    def move(self, step: Floats) -> Move:
        """step [n_latent]: one standard deviation."""
        ends = [self._users.lists(sign * step, k=DEPTH) for sign in (1.0, -1.0)]
        up, down = (shares_of(lists[:, :LIST_LENGTH], self._members) for lists in ends)
        kept = None
        if self._unmoved is not None and self._unmoved > 0:
            kept = float(np.mean([self._ndcg(lists) or 0.0 for lists in ends])) / self._unmoved
        return Move(((up - down) / 2).astype(np.float32), kept)

    def resampled(self, move: Move, place: int) -> Floats:
        """[RESAMPLES] mean gains of one value; the resamples are the same for every move."""
        return np.asarray(self._weights @ move.gains[:, place].astype(np.float64))

    def steered(self, move: Move, place: int, *, sign: float = 1.0) -> Steered:
        """The score of one value; sign -1: moved the other way."""
        low, high = np.quantile(sign * self.resampled(move, place), ENDS)
        mean = sign * float(move.gains[:, place].mean(dtype=np.float64))
        return Steered(gain=mean, gain_low=float(low), gain_high=float(high), ndcg_kept=move.kept)

    def _ndcg(self, lists: NDArray[np.int64]) -> float | None:
        """Mean over the users with a target; None: nobody has one."""
        found = self._users.ndcg(lists)
        return float(np.nanmean(found)) if np.isfinite(found).any() else None
