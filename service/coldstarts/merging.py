"""The lists of many samples as one list: their mean, or so that every sample gets items of its own.

With a diversity d above 0 the samples are intents, as of an ambiguous query (IA-Select: Agrawal et al. 2009, doi
10.1145/1498759.1498766), and the list is chosen one item at a time, the one that adds most to

    sum over samples s of  own_s^(1 - d) * U(m_s),    U'(m) = (m + SERVED)^-d

m_s is what s gives to the list over own_s, what it gives to its own best n; what it gives to an item is the probability
by which the item exceeds the best that is not among the sample's best DEEP. A sample that has got much counts less for
the next item; at d = 1 U is a logarithm, and every sample has an equal say. The sum is monotone and submodular (a
concave function of a sum: Lin and Bilmes 2011), so choosing greedily has at least 1 - 1/e of the best sum, and what an
item added in an earlier round bounds what it adds later: only items whose bound is the largest are looked at again
(Minoux 1978). At d = 0 the list is that of the largest mean probabilities.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service import ranking
from service.query import FloatArray

SERVED = 0.05
"""How little of its own list a sample must have got to count as unserved: keeps the first items' gains finite."""

DEEP = 200
"""So many of the best items of a sample (twice the list, if that is longer) are something to it, the others nothing."""

NOTHING = 1e-9
"""A gain below this share of the first item's is rounding: what is left of the list goes by the mean."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """items: the list, best first; log_mean [n_items]: the logarithm of the mean of the samples' probabilities."""

    items: list[int]
    log_mean: Floats


def merged(scores: Iterable[FloatArray], *, samples: int, allowed: ranking.Mask, n: int, diversity: float) -> Merged:
    """n of the allowed items, or as many as there are. scores: float32 [b, n_items] in chunks, a row for each sample.

    O(samples * n_items), whatever the diversity; beside a chunk it holds samples * max(DEEP, 2 n) probabilities. The
    same scores give the same list; ties go by index.
    """
    total, tops = np.full(len(allowed), -np.inf), []
    depth = max(DEEP, 2 * n)
    for chunk in scores:
        chances = chunk - ranking.log_normaliser(chunk)[:, None]
        total = np.logaddexp(total, _log_sum(chances))
        if diversity > 0:
            tops += [_Top.of(row, allowed, depth) for row in chances]
    log_mean = np.asarray(total - np.log(samples), dtype=np.float64)
    by_mean = ranking.top_n(log_mean, allowed, n).tolist()
    if diversity == 0:
        return Merged(by_mean, log_mean)
    first = list(_greedy(tops, n=n, diversity=diversity))
    rest = [ix for ix in by_mean if ix not in set(first)]
    return Merged([*first, *rest][:n], log_mean)


def said(samples: int, diversity: float) -> str:
    """How the samples became one list, in words."""
    if diversity == 0:
        return "mean over the samples of the softmax over the catalogue"
    return (
        f"of {samples} samples, spread around the picks: each place goes to the item that adds most to what the "
        f"samples have got of their own best lists, and a sample that "
        f"has got much counts less (diversity {diversity:g})"
    )


def _log_sum(chances: Floats) -> Floats:
    """[n_items]: the logarithm of the sum of rows of logarithms [b, n_items].

    Added up as logarithms: what does not satisfy a condition may have a probability too small for a float64, and still
    has its place in the list behind what does.
    """
    peak = chances.max(axis=0)
    return np.asarray(peak + np.log(np.exp(chances - peak).sum(axis=0)), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class _Top:
    """The best allowed items of one sample, best first, and what it gives to each."""

    items: NDArray[np.int64]
    gives: Floats

    @classmethod
    def of(cls, row: Floats, allowed: ranking.Mask, depth: int) -> _Top:
        best = ranking.top_n(row, allowed, depth + 1)
        chances = np.exp(row[best])
        beyond = chances[depth] if len(best) > depth else 0.0
        return cls(best[:depth], chances[:depth] - beyond)


class _Shares:
    """What each sample gives to each item, over what it gives to its own best n; and what it has got so far."""

    def __init__(self, tops: Sequence[_Top], *, n: int, diversity: float) -> None:
        owns = np.array([max(top.gives[:n].sum(), np.finfo(float).tiny) for top in tops])
        rows = np.repeat(np.arange(len(tops)), [len(top.items) for top in tops])
        items = np.concatenate([top.items for top in tops])
        order = np.lexsort((rows, items))
        self._rows = rows[order]
        self._parts = (np.concatenate([top.gives for top in tops]) / owns[rows])[order]
        self._weights, self._diversity = owns ** (1 - diversity), diversity
        self._got = np.zeros(len(tops))
        self.pool, starts = np.unique(items[order], return_index=True)
        self._bounds = np.append(starts, len(items))

    def first_gains(self) -> Floats:
        """[pool]: of every item before any is chosen."""
        return np.add.reduceat(self._gains(slice(None)), self._bounds[:-1]) if len(self.pool) else np.zeros(0)

    def gain(self, at: int) -> float:
        """What the item of the pool at `at` would add now."""
        return float(self._gains(self._of(at)).sum())

    def give(self, at: int) -> None:
        of = self._of(at)
        self._got[self._rows[of]] += self._parts[of]

    def _of(self, at: int) -> slice:
        return slice(self._bounds[at], self._bounds[at + 1])

    def _gains(self, of: slice) -> Floats:
        rows = self._rows[of]
        before = self._got[rows]
        added = _utility(before + self._parts[of], self._diversity) - _utility(before, self._diversity)
        return np.asarray(self._weights[rows] * added)


def _greedy(tops: Sequence[_Top], *, n: int, diversity: float) -> Iterator[int]:
    """Up to n items in the order in which they are chosen; fewer where no further one adds anything."""
    shares = _Shares(tops, n=n, diversity=diversity)
    waiting = [(-gain, at, 0) for at, gain in enumerate(shares.first_gains().tolist())]
    heapq.heapify(waiting)
    least = -waiting[0][0] * NOTHING if waiting else 0.0
    place = 0
    while waiting and place < n and -waiting[0][0] > least:
        _, at, known = heapq.heappop(waiting)
        if known < place:
            heapq.heappush(waiting, (-shares.gain(at), at, place))
            continue
        yield int(shares.pool[at])
        shares.give(at)
        place += 1


def _utility(got: Floats, diversity: float) -> Floats:
    if diversity == 1:
        return np.asarray(np.log(got + SERVED))
    return np.asarray((got + SERVED) ** (1 - diversity) / (1 - diversity))
