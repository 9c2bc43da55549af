"""The planted linear term and its numpy twin: an 8-bit item-to-item matrix over a part of the items, and a gain.

What is planted: each covered item points to the next covered one (item 4 in the history puts item 5 first), over a
small noise; the last UNCOVERED items have neither row nor column. Where it follows who steers, a step of latent 0 moves
the covered comedies up and the covered horror films down by FOLLOWED, over a small noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.builders.catalogue import item_genres

Array = NDArray[np.float64]
UNCOVERED = 3
NEXT = 4.0
"""What an item adds to the score of the next one, about."""
FOLLOWED = 1.5


@dataclass(frozen=True)
class BuilderLinear:
    """linear(history, c)[j] = sum_i (1 + gamma s_i(c)) scale[j] B[i, j] + gain s_j(c).

    table [m + 1, m + 1] int8: B over the m covered items, with a row and a column of zeros for all the others
    place [n] the row and column of each item in it; scale [m + 1] of each column; members [n, C] in {0, 1}
    s_j(c) = 1 where members[j] @ c >= 1 - 1e-3
    """

    table: NDArray[np.int8]
    place: NDArray[np.int64]
    scale: Array
    members: Array
    gamma: float = 0.5
    gain: float = 30.0

    def satisfying(self, condition: Array) -> Array:
        """s [n] for the condition input [C]; without condition inputs nothing satisfies."""
        return (self.members @ condition >= 1 - 1e-3).astype(float)

    def parts(self, history: Sequence[int], items: Sequence[int], condition: Array) -> Array:
        """[K, L]: what each history item adds directly to each item's score."""
        rows = self.place[np.asarray(history, dtype=np.int64)]
        columns = self.place[np.asarray(items, dtype=np.int64)]
        weight = 1.0 + self.gamma * self.satisfying(condition)[np.asarray(history, dtype=np.int64)]
        return (self.table[np.ix_(rows, columns)] * self.scale[columns] * weight[:, None]).T

    def gains(self, condition: Array) -> Array:
        """[n]: what the condition adds."""
        return self.gain * self.satisfying(condition)

    def scores(self, history: Sequence[int], condition: Array) -> Array:
        """[n]: all that the term adds to the decoder's logits."""
        n = len(self.place)
        return self.parts(history, range(n), condition).sum(1) + self.gains(condition)


def builder_along(*, n_items: int, n_latent: int, seed: int) -> Array:
    """[n_latent, n]: what the term of each item gains as each z_i is moved by 1; float64 holding float32 values."""
    along = np.random.default_rng(seed + 2000).normal(0.0, 0.05, (n_latent, n_items))
    genres = [item_genres(j) for j in range(n_items)]
    along[0] += [FOLLOWED * ((0 in g) - (2 in g)) for g in genres]
    along[:, n_items - UNCOVERED :] = 0.0
    return along.astype(np.float32).astype(float)


def builder_linear(*, n_items: int, n_conditions: int, seed: int) -> BuilderLinear:
    covered = n_items - UNCOVERED
    rng = np.random.default_rng(seed + 1000)
    weights = rng.normal(0.0, 0.2, (covered, covered))
    weights[np.arange(covered), (np.arange(covered) + 1) % covered] = NEXT
    np.fill_diagonal(weights, 0.0)
    scale = np.append(np.abs(weights).max(0) / 127, 1.0).astype(np.float32).astype(float)
    table = np.zeros((covered + 1, covered + 1), dtype=np.int8)
    table[:-1, :-1] = np.rint(weights / scale[:-1])
    place = np.minimum(np.arange(n_items), covered)
    members = [[float(c in item_genres(j)) for c in range(n_conditions)] for j in range(n_items)]
    return BuilderLinear(table, place, scale, np.array(members).reshape(n_items, n_conditions))
